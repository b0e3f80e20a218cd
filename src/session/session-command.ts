import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError, type Command } from '../config/command-line.js';

export const USAGE = `Usage: npm run session -- <command>

  convert --tenant <tenantId> [--thread <threadId> …] [--from-schema public] [--from-url <url>] [--dry-run]
      Reads the threads that LangGraph's own PostgresSaver wrote, and writes them as the tenant's, each whole
      or not at all. Threads that the tenant has already are skipped, so it can be run again. The source is
      only read: a schema of the same database or, with --from-url, of another one. --dry-run does all of it
      and takes it back.
  prune --tenant <tenantId> (--thread <threadId> … | --all) [--keep 1]
      Drops all but the newest checkpoints of threads. Messages and newest states stay as they are.

  --json    Answers as JSON.
  --help    Shows this.

It works on DATABASE_URL or, without one, on the embedded engine in DATA_DIR, which no service may be using at
the time. Exit status: 0 done, 1 refused or failed for a thread, 2 not understood.`;

const OPTIONS = {
  tenant: { type: 'string' },
  thread: { type: 'string', multiple: true },
  'from-schema': { type: 'string' },
  'from-url': { type: 'string' },
  'dry-run': { type: 'boolean' },
  all: { type: 'boolean' },
  keep: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

const OPTIONS_OF: Readonly<Record<string, readonly (keyof typeof OPTIONS)[]>> = {
  convert: ['tenant', 'thread', 'from-schema', 'from-url', 'dry-run'],
  prune: ['tenant', 'thread', 'all', 'keep'],
};

export interface ConvertCommand extends Command {
  readonly name: 'convert';
  readonly tenantId: string;
  /** None: every thread of the source. */
  readonly threadIds: readonly string[];
  readonly fromSchema: string;
  readonly fromUrl: string | undefined;
  readonly dryRun: boolean;
}

export interface PruneCommand extends Command {
  readonly name: 'prune';
  readonly tenantId: string;
  /** None: every thread of the tenant. */
  readonly threadIds: readonly string[];
  readonly keep: number;
}

export type SessionCommand = ConvertCommand | PruneCommand;

/**
 * @returns nothing when help is asked for
 * @throws UsageError when a command or option is unknown, missing or of another command
 */
export function parseCommand(args: string[]): SessionCommand | undefined {
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
  const { tenant: tenantId, thread: threadIds = [] } = given;
  if (tenantId === undefined) throw new UsageError(`${name} needs --tenant.`);
  const common = { json, tenantId, threadIds: [...new Set(threadIds)] };
  if (name === 'prune') return { name, ...common, keep: pruning(given) };
  const { 'from-schema': fromSchema = 'public', 'from-url': fromUrl, 'dry-run': dryRun = false } = given;
  return { name: 'convert', ...common, fromSchema, fromUrl, dryRun };
}

/** Checks what `prune` is given; answers how many checkpoints it is to keep. */
function pruning({ thread, all, keep = '1' }: { thread?: string[]; all?: boolean; keep?: string }): number {
  if ((thread !== undefined) === (all === true)) throw new UsageError('prune needs --thread or --all.');
  if (!/^[1-9]\d{0,5}$/.test(keep)) throw new UsageError('--keep must be a whole number from 1 to 999999.');
  return Number(keep);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
