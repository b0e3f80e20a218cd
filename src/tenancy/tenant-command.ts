import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError, type Command as UnderstoodCommand } from '../config/command-line.js';
import { InvalidInputError } from '../errors.js';
import { SCOPES, type Scope } from './authenticator.js';
import { confirmedErase } from './confirmed-erase.js';
import { secondsOf } from './duration.js';
import { rewrittenLanguage, shownLanguage } from './tenant-command-language.js';
import type { TenantRegistry } from './tenant-registry.js';

export const USAGE = `Usage: npm run tenant -- <command>

  create <tenantId> [--name <text>] [--rate-limit <n>] [--daily-quota <n>]
      Registers a tenant. Requests per second and per day; 0 is no limit; left out, the settings decide.
  list
      All tenants.
  create-key <tenantId> [--scopes read,write] [--expires 90d] [--label <text>]
      Makes an API key and shows it, once. Scopes: read, write, admin. Without --expires it does not expire.
  keys <tenantId>
      The keys of a tenant, without their secrets.
  rotate <keyId> [--overlap 24h] [--expires 90d]
      Makes the successor of a key and shows it, once. The old key works until the overlap is over.
  revoke <keyId>
      Ends a key, in every process within 5 seconds.
  language <tenantId> [<configuration> | default]
      Shows the text search configuration of a tenant, and those that the server has. With one it is the
      tenant's own from now on, and the index of its memories is written anew; «default» is TEXT_SEARCH.
      Searches go on meanwhile, and who stores for the tenant waits.
  erase <tenantId> [--yes]
      Removes every row of a tenant from every table, for good. Asks for the id again, unless --yes is given.

  --json    Answers as JSON.
  --help    Shows this.

Durations are such as 10s, 30m, 24h or 90d. It works on DATABASE_URL as the owner of the schema or, without
one, on the embedded engine in DATA_DIR, which no service may be using at the time.
Exit status: 0 done, 1 refused, 2 not understood.`;

const OPTIONS = {
  name: { type: 'string' },
  'rate-limit': { type: 'string' },
  'daily-quota': { type: 'string' },
  scopes: { type: 'string' },
  expires: { type: 'string' },
  label: { type: 'string' },
  overlap: { type: 'string' },
  yes: { type: 'boolean' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

type Option = Exclude<keyof typeof OPTIONS, 'json' | 'help'>;
type TextOption = Exclude<Option, 'yes'>;
type Values = Partial<Record<TextOption, string>> & { yes?: boolean };

interface Command {
  /** What its one argument is; none: it takes no argument. */
  readonly argument?: 'tenantId' | 'keyId';
  /** What may come after it. */
  readonly optional?: 'configuration';
  readonly options: readonly Option[];
  run(registry: TenantRegistry, argument: string, values: Values, optional?: string): Promise<object>;
}

const COMMANDS: Readonly<Record<string, Command>> = {
  create: {
    argument: 'tenantId',
    options: ['name', 'rate-limit', 'daily-quota'],
    run: (registry, tenantId, values) =>
      registry.create({
        tenantId,
        name: text(values, 'name') ?? null,
        rateLimit: count(values, 'rate-limit', 1_000_000) ?? null,
        dailyQuota: count(values, 'daily-quota', 2_000_000_000) ?? null,
      }),
  },
  list: { options: [], run: (registry) => registry.list() },
  'create-key': {
    argument: 'tenantId',
    options: ['scopes', 'expires', 'label'],
    run: (registry, tenantId, values) =>
      registry.createKey(tenantId, {
        scopes: scopes(values),
        label: text(values, 'label'),
        expiresIn: duration(values, 'expires'),
      }),
  },
  keys: { argument: 'tenantId', options: [], run: (registry, tenantId) => registry.keys(tenantId) },
  rotate: {
    argument: 'keyId',
    options: ['overlap', 'expires'],
    run: (registry, keyId, values) =>
      registry.rotate(keyId, {
        overlap: duration(values, 'overlap') ?? secondsOf('24h', '--overlap'),
        expiresIn: duration(values, 'expires'),
      }),
  },
  revoke: { argument: 'keyId', options: [], run: (registry, keyId) => registry.revoke(keyId) },
  language: {
    argument: 'tenantId',
    optional: 'configuration',
    options: [],
    run: (registry, tenantId, _values, configuration) =>
      configuration === undefined
        ? shownLanguage(registry, tenantId)
        : rewrittenLanguage(registry, tenantId, configuration),
  },
  erase: { argument: 'tenantId', options: ['yes'], run: confirmedErase },
};

/** A command line that is understood: what to do, and how to say what came of it. */
export interface TenantCommand extends UnderstoodCommand {
  run(registry: TenantRegistry): Promise<object>;
}

/**
 * @returns nothing when help is asked for
 * @throws UsageError when a command or option is unknown, missing or of another command
 */
export function parseCommand(args: string[]): TenantCommand | undefined {
  const { values, positionals } = parse(args);
  const { json, help, ...given } = values;
  if (help) return undefined;
  const [name = '', ...rest] = positionals;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) throw new UsageError(name === '' ? 'A command is needed.' : `There is no command "${name}".`);
  const { argument, optional } = command;
  const wanted = argument ? 1 : 0;
  if (rest.length < wanted || rest.length > wanted + (optional ? 1 : 0))
    throw new UsageError(
      `${name} takes ${argument ? `one ${argument}` : 'no argument'}${optional ? `, and at most one ${optional}` : ''}.`,
    );
  for (const option of Object.keys(given))
    if (!command.options.includes(option as Option)) throw new UsageError(`${name} takes no --${option}.`);
  return { json, run: (registry) => command.run(registry, rest[0] ?? '', given, rest[1]) };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function text(values: Values, option: TextOption): string | undefined {
  const value = values[option];
  if (value !== undefined && !/^[^\p{C}]{1,256}$/u.test(value))
    throw new InvalidInputError([
      { field: `--${option}`, message: 'must be 1 to 256 characters, none of them a control character' },
    ]);
  return value;
}

function count(values: Values, option: TextOption, maximum: number): number | undefined {
  const value = values[option];
  if (value === undefined) return undefined;
  if (!/^\d{1,10}$/.test(value) || Number(value) > maximum)
    throw new InvalidInputError([
      { field: `--${option}`, message: `must be a whole number from 0 to ${maximum}` },
    ]);
  return Number(value);
}

function duration(values: Values, option: TextOption): number | undefined {
  const value = values[option];
  return value === undefined ? undefined : secondsOf(value, `--${option}`);
}

function scopes({ scopes: value }: Values): Scope[] | undefined {
  if (value === undefined) return undefined;
  const words = [...new Set(value.split(',').map((word) => word.trim()))];
  const unknown = words.filter((word) => !(SCOPES as readonly string[]).includes(word));
  if (unknown.length > 0)
    throw new InvalidInputError([{ field: '--scopes', message: `must be of ${SCOPES.join(', ')}` }]);
  return words as Scope[];
}
