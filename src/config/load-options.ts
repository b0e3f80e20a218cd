import { existsSync, readFileSync } from 'node:fs';
import { parseEnv } from 'node:util';
import type { z } from 'zod';
import { StartupError } from '../errors.js';
import { deepFreeze, optionsSchema, type TriptychOptions, type TriptychSettings } from './options.js';

type Parse = (text: string) => unknown;

const text: Parse = (value) => value;
/** Text that is no number stays text, so that the schema reports it as it was written. */
const number: Parse = (value) => (/^[+-]?\d+(\.\d+)?$/.test(value.trim()) ? Number(value) : value);
const flag: Parse = (value) =>
  ({ true: true, false: false, '1': true, '0': false })[value.toLowerCase()] ?? value;
const json: Parse = (value) => {
  try {
    return JSON.parse(value) as unknown;
  } catch {
    return value;
  }
};
const list: Parse = (value) => value.split(',').map((item) => item.trim());

/** Each environment variable, the setting that it fills, and how its text is read. */
const VARIABLES: readonly (readonly [name: string, path: string, parse: Parse])[] = [
  ['HOST', 'http.host', text],
  ['PORT', 'http.port', number],
  ['BODY_LIMIT', 'http.bodyLimit', number],
  ['REQUEST_TIMEOUT_MS', 'http.requestTimeoutMs', number],
  ['SHUTDOWN_DELAY_MS', 'http.shutdownDelayMs', number],
  ['SHUTDOWN_TIMEOUT_MS', 'http.shutdownTimeoutMs', number],
  ['DATABASE_URL', 'database.url', text],
  ['DATA_DIR', 'database.dataDir', text],
  ['MIGRATE_ON_START', 'database.migrateOnStart', flag],
  ['DATABASE_POOL_SIZE', 'database.poolSize', number],
  ['DATABASE_START_TIMEOUT_MS', 'database.startTimeoutMs', number],
  ['DATABASE_POOL_WAIT_MS', 'database.poolWaitMs', number],
  ['DATABASE_STATEMENT_TIMEOUT_MS', 'database.statementTimeoutMs', number],
  ['DATABASE_LOCK_TIMEOUT_MS', 'database.lockTimeoutMs', number],
  ['DATABASE_IDLE_TRANSACTION_TIMEOUT_MS', 'database.idleTransactionTimeoutMs', number],
  ['NODE_ENV', 'http.production', (value) => value === 'production'],
  ['AUTH_MODE', 'auth.mode', text],
  ['JWT_ISSUER', 'jwt.issuer', text],
  ['JWT_AUDIENCE', 'jwt.audience', text],
  ['JWT_JWKS_URL', 'jwt.jwksUrl', text],
  ['JWT_ALGORITHMS', 'jwt.algorithms', list],
  ['JWT_TENANT_CLAIM', 'jwt.tenantClaim', text],
  ['RATE_LIMIT', 'limits.rate', number],
  ['TENANT_CONCURRENCY', 'limits.concurrency', number],
  ['DAILY_QUOTA', 'limits.dailyQuota', number],
  ['EMBEDDINGS', 'embeddings.provider', text],
  ['OPENAI_API_KEY', 'embeddings.apiKey', text],
  ['OPENAI_BASE_URL', 'embeddings.baseUrl', text],
  ['EMBEDDING_MODEL', 'embeddings.model', text],
  ['EMBEDDING_DIMENSIONS', 'embeddings.dimensions', number],
  ['EMBEDDING_TIMEOUT_MS', 'embeddings.timeoutMs', number],
  ['EMBEDDING_CONCURRENCY', 'embeddings.concurrency', number],
  ['EMBEDDING_BATCH_SIZE', 'embeddings.batchSize', number],
  ['TEXT_SEARCH', 'recall.textSearch', text],
  ['RECALL_TIMEOUT_MS', 'recall.timeoutMs', number],
  ['RECEIPTS_KEPT', 'receipts.kept', number],
  ['SUMMARY_MODEL', 'summary.model', text],
  ['SUMMARY_MAX_TOKENS', 'summary.maxTokens', number],
  ['SUMMARY_TIMEOUT_MS', 'summary.timeoutMs', number],
  ['SUMMARY_BASE_URL', 'summary.baseUrl', text],
  ['SUMMARY_API_KEY', 'summary.apiKey', text],
  ['TOKEN_BUDGETS', 'budget.tiers', json],
  ['DEFAULT_TIER', 'budget.defaultTier', text],
  ['BUDGET_SHARES', 'budget.shares', json],
  ['TOKEN_ENCODING', 'budget.encoding', text],
  ['TOKEN_MODEL', 'budget.model', text],
  ['SPILL_OVER', 'budget.spillOver', flag],
  ['HISTORY_STEP', 'budget.historyStep', number],
  ['METRICS', 'metrics.enabled', flag],
  ['MCP', 'mcp.enabled', flag],
  ['METRICS_TENANT_LABEL', 'metrics.tenantLabel', flag],
  ['CONSOLE', 'console.enabled', flag],
  ['LOG_LEVEL', 'log.level', text],
  ['LOG_FORMAT', 'log.format', text],
];

/** The names of all variables that Triptych reads; `.env.example` is tested to list each. */
export const VARIABLE_NAMES: readonly string[] = VARIABLES.map(([name]) => name);

/**
 * Reads the settings of the service from environment variables; an empty variable counts as absent.
 * Unless it is told which to read, those of the process and, for names that are not set there, of the
 * file `.env` in the working directory.
 * @throws StartupError that lists every problem at once, by variable name
 */
export function loadOptions(environment: NodeJS.ProcessEnv = environmentWithFile()): TriptychOptions {
  return checkOptions(settingsOf(environment), nameOfVariable);
}

function settingsOf(environment: NodeJS.ProcessEnv): Record<string, unknown> {
  const settings: Record<string, Record<string, unknown>> = {};
  for (const [name, path, parse] of VARIABLES) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    const [room = '', key = ''] = path.split('.');
    (settings[room] ??= {})[key] = parse(value);
  }
  return settings;
}

/** Settings as far as they are acceptable: where one is not, its default stands in its place. */
export interface InspectedOptions {
  readonly options: TriptychOptions;
  /** What is wrong with the settings, by the names of variables. */
  readonly problems: readonly { readonly name: string; readonly message: string }[];
}

/** How a kind of value is called to someone who writes variables, which are all text. */
const KINDS: Readonly<Record<string, string>> = {
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  object: 'a JSON object',
  record: 'a JSON object',
};

/** What zod says of these is for whoever programs. */
const inWords: z.core.$ZodErrorMap = (issue) => {
  const { code, input } = issue;
  if (code === 'invalid_type' && input !== undefined) {
    const kind = KINDS[String(issue.expected)];
    return kind && `must be ${kind}`;
  }
  if (typeof input !== 'number') return undefined;
  if (code === 'too_small') return `must be at least ${String(issue.minimum)}`;
  return code === 'too_big' ? `must be at most ${String(issue.maximum)}` : undefined;
};

/** Of a variable that may be told without being set: the one that asks for it, or for another one than its default. */
const ASKED_FOR_BY: Readonly<Record<string, string>> = {
  JWT_ISSUER: 'AUTH_MODE',
  JWT_AUDIENCE: 'AUTH_MODE',
  JWT_JWKS_URL: 'AUTH_MODE',
  DEFAULT_TIER: 'TOKEN_BUDGETS',
};

/** As {@link loadOptions}, for whoever has to go on whatever the settings are. */
export function inspectOptions(environment: NodeJS.ProcessEnv): InspectedOptions {
  let problems: InspectedOptions['problems'] | undefined;
  for (let left = environment; ;) {
    const result = optionsSchema.safeParse(settingsOf(left), { error: inWords });
    if (result.success) return { options: deepFreeze(result.data), problems: problems ?? [] };
    const found = result.error.issues.map(({ path, message }) => ({
      name: nameOfVariable(path.join('.')),
      message,
    }));
    problems ??= found;
    const wrong = found.flatMap(({ name: told }) => {
      const [name = told] = told.split('.');
      // What is missing cannot be left out: then what asks for it is.
      return [name, ASKED_FOR_BY[name] ?? ''].find((one) => left[one]) ?? [];
    });
    left = Object.fromEntries(
      Object.entries(left).filter(([name]) => wrong.length > 0 && !wrong.includes(name)),
    );
  }
}

/** The variables of the process and, for names that are not set there, of the file `.env` in the working directory. */
export function environmentWithFile(): NodeJS.ProcessEnv {
  if (!existsSync('.env')) return process.env;
  return { ...parseEnv(readFileSync('.env', 'utf8')), ...process.env };
}

/** A path inside a JSON variable is told behind its name: `BUDGET_SHARES.taskAndBuffer`. */
function nameOfVariable(path: string): string {
  const variable = VARIABLES.find(([, filled]) => path === filled || path.startsWith(`${filled}.`));
  return variable ? variable[0] + path.slice(variable[1].length) : path;
}

/**
 * Completes and checks settings given in code.
 * @param nameOf how a setting such as `http.port` is called in a message
 * @throws StartupError that lists every problem at once
 */
export function checkOptions(
  settings: TriptychSettings | Record<string, unknown> = {},
  nameOf: (path: string) => string = (path) => path,
): TriptychOptions {
  const result = optionsSchema.safeParse(settings, { error: inWords });
  if (result.success) return deepFreeze(result.data);
  const problems = result.error.issues.map(({ path, message }) => `  ${nameOf(path.join('.'))}: ${message}`);
  throw new StartupError(`The settings are not acceptable:\n${problems.join('\n')}\nSee .env.example.`);
}
