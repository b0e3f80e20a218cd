import { parseArgs, type ParseArgsConfig } from 'node:util';
import { validate as isUuid } from 'uuid';
import { UsageError, type Command } from '../config/command-line.js';
import { MAX_DIMENSIONS, MIN_DIMENSIONS } from '../config/options.js';
import { parseVectorSpace } from '../embeddings/vector-space.js';

export const USAGE = `Usage: npm run embeddings -- <command>

  status [--tenant <tenantId>]
      How many memories wait for their vectors, how many are parked because they could not be embedded, and in which space of
      vectors (model/dimensions) the memories of how many tenants are: of all tenants, or of one, then with the reason of
      each memory that is parked, the oldest 100.
  retry [--tenant <tenantId> [--memory <memoryId>]]
      Has parked memories tried again, as if they had never failed: of all tenants, of one, or one memory. A running
      service does it within seconds, another one when it is started.
  migrate --to <model> --dimensions <n> [--tenant <tenantId>] [--allow-parked] [--dry-run]
      Gives all memories vectors of another model, of all tenants or of one. Services go on meanwhile and share the
      work; each tenant is found by its new vectors once all of them are there. The vectors of before stay: the way back is the
      same command. It can be interrupted, and goes on from there. A tenant with memories that cannot be embedded stays
      where it is, unless --allow-parked. --dry-run counts.
  drop --space <model/dimensions> [--tenant <tenantId>]
      Removes the vectors of a space that is no tenant's any more, or not that one's.

  --json    Answers as JSON.
  --help    Shows this.

It works on DATABASE_URL or, without one, on the embedded engine in DATA_DIR, which no service may be using at
the time. Exit status: 0 done, 1 refused, failed or not done for all tenants, 2 not understood.`;

const OPTIONS = {
  tenant: { type: 'string' },
  memory: { type: 'string' },
  to: { type: 'string' },
  dimensions: { type: 'string' },
  space: { type: 'string' },
  'allow-parked': { type: 'boolean' },
  'dry-run': { type: 'boolean' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

const OPTIONS_OF: Readonly<Record<string, readonly (keyof typeof OPTIONS)[]>> = {
  status: ['tenant'],
  retry: ['tenant', 'memory'],
  migrate: ['to', 'dimensions', 'tenant', 'allow-parked', 'dry-run'],
  drop: ['space', 'tenant'],
};

export interface StatusCommand extends Command {
  readonly name: 'status';
  /** Undefined: all of them. */
  readonly tenantId: string | undefined;
}

export interface RetryCommand extends Command {
  readonly name: 'retry';
  /** Undefined: all of them. */
  readonly tenantId: string | undefined;
  /** Undefined: each that is parked. */
  readonly memoryId: string | undefined;
}

export interface MigrateCommand extends Command {
  readonly name: 'migrate';
  readonly model: string;
  readonly dimensions: number;
  /** Undefined: all of them. */
  readonly tenantId: string | undefined;
  readonly allowParked: boolean;
  readonly dryRun: boolean;
}

export interface DropCommand extends Command {
  readonly name: 'drop';
  /** As `model/dimensions`. */
  readonly space: string;
  /** Undefined: all of them. */
  readonly tenantId: string | undefined;
}

export type EmbeddingCommand = StatusCommand | RetryCommand | MigrateCommand | DropCommand;

/**
 * @returns nothing when help is asked for
 * @throws UsageError when a command or option is unknown, missing or of another command
 */
export function parseCommand(args: string[]): EmbeddingCommand | undefined {
  const { values, positionals } = parse(args);
  const { json, help, ...given } = values;
  if (help) return undefined;
  const [name = '', ...rest] = positionals;
  const options = Object.hasOwn(OPTIONS_OF, name) ? OPTIONS_OF[name] : undefined;
  if (!options) throw new UsageError(name === '' ? 'A command is needed.' : `There is no command "${name}".`);
  if (rest.length > 0) throw new UsageError(`${name} takes no argument.`);
  for (const option of Object.keys(given))
    if (!options.includes(option as keyof typeof OPTIONS))
      throw new UsageError(`${name} takes no --${option}.`);
  const { tenant: tenantId, memory: memoryId } = given;
  if (name === 'status') return { name, json, tenantId };
  if (name === 'drop') return { name, json, tenantId, space: requireSpace(given.space) };
  if (name === 'migrate') {
    const { 'allow-parked': allowParked = false, 'dry-run': dryRun = false } = given;
    return { name, json, tenantId, ...requireModel(given.to, given.dimensions), allowParked, dryRun };
  }
  if (memoryId !== undefined && tenantId === undefined) throw new UsageError('--memory needs --tenant.');
  if (memoryId !== undefined && !isUuid(memoryId))
    throw new UsageError('--memory must be the id of a memory.');
  return { name: 'retry', json, tenantId, memoryId };
}

function requireSpace(space: string | undefined): string {
  if (space === undefined) throw new UsageError('drop needs --space <model/dimensions>.');
  if (!parseVectorSpace(space))
    throw new UsageError('--space must be a model and a length: model/dimensions.');
  return space;
}

function requireModel(to: string | undefined, dimensions: string | undefined) {
  if (to === undefined || to.trim() === '') throw new UsageError('migrate needs --to <model>.');
  if (dimensions === undefined) throw new UsageError('migrate needs --dimensions <n>.');
  const length = Number(dimensions);
  if (!/^\d+$/.test(dimensions) || length < MIN_DIMENSIONS || length > MAX_DIMENSIONS)
    throw new UsageError(`--dimensions must be a number from ${MIN_DIMENSIONS} to ${MAX_DIMENSIONS}.`);
  return { model: to, dimensions: length };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
