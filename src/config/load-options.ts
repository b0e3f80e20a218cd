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

/** Each environment variable, the setting that it fills, and how its text is read. */
const VARIABLES: readonly (readonly [name: string, path: string, parse: Parse])[] = [
  ['HOST', 'http.host', text],
  ['PORT', 'http.port', number],
  ['BODY_LIMIT', 'http.bodyLimit', number],
  ['DATABASE_URL', 'database.url', text],
  ['DATA_DIR', 'database.dataDir', text],
  ['MIGRATE_ON_START', 'database.migrateOnStart', flag],
  ['DATABASE_POOL_SIZE', 'database.poolSize', number],
  ['AUTH_MODE', 'auth.mode', text],
  ['EMBEDDINGS', 'embeddings.provider', text],
  ['OPENAI_API_KEY', 'embeddings.apiKey', text],
  ['OPENAI_BASE_URL', 'embeddings.baseUrl', text],
  ['EMBEDDING_MODEL', 'embeddings.model', text],
  ['EMBEDDING_DIMENSIONS', 'embeddings.dimensions', number],
  ['EMBEDDING_TIMEOUT_MS', 'embeddings.timeoutMs', number],
  ['TOKEN_BUDGETS', 'budget.tiers', json],
  ['DEFAULT_TIER', 'budget.defaultTier', text],
  ['BUDGET_SHARES', 'budget.shares', json],
  ['TOKEN_ENCODING', 'budget.encoding', text],
  ['SPILL_OVER', 'budget.spillOver', flag],
  ['LOG_LEVEL', 'log.level', text],
  ['LOG_FORMAT', 'log.format', text],
];

/** The names of all variables that Triptych reads; `.env.example` is tested to list each. */
export const VARIABLE_NAMES: readonly string[] = VARIABLES.map(([name]) => name);

/**
 * Reads the settings of the service from environment variables; an empty variable counts as absent.
 * `EMBEDDINGS` is `openai` when a key or a base URL is given, otherwise `local`.
 * @throws StartupError that lists every problem at once, by variable name
 */
export function loadOptions(environment: NodeJS.ProcessEnv = process.env): TriptychOptions {
  const settings: Record<string, Record<string, unknown>> = {};
  for (const [name, path, parse] of VARIABLES) {
    const value = environment[name];
    if (value === undefined || value === '') continue;
    const [room = '', key = ''] = path.split('.');
    (settings[room] ??= {})[key] = parse(value);
  }
  const embeddings = (settings['embeddings'] ??= {});
  embeddings['provider'] ??= embeddings['apiKey'] || embeddings['baseUrl'] ? 'openai' : 'local';
  return checkOptions(
    settings,
    (path) => VARIABLES.find(([, filled]) => path.startsWith(filled))?.[0] ?? path,
  );
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
  const result = optionsSchema.safeParse(settings);
  if (result.success) return deepFreeze(result.data);
  const problems = result.error.issues.map(({ path, message }) => `  ${nameOf(path.join('.'))}: ${message}`);
  throw new StartupError(`The settings are not acceptable:\n${problems.join('\n')}\nSee .env.example.`);
}
