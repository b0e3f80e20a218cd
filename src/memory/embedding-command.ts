import { parseArgs, type ParseArgsConfig } from 'node:util';
import { validate as isUuid } from 'uuid';
import { UsageError, type Command } from '../config/command-line.js';

export const USAGE = `Usage: npm run embeddings -- <command>

  status [--tenant <tenantId>]
      How many memories wait for their vectors, and how many are parked because they could not be embedded: of all
      tenants, or of one, then with the reason of each that is parked, the oldest 100.
  retry [--tenant <tenantId> [--memory <memoryId>]]
      Has parked memories tried again, as if they had never failed: of all tenants, of one, or one memory. A running
      service does it within seconds, another one when it is started.

  --json    Answers as JSON.
  --help    Shows this.

It works on DATABASE_URL or, without one, on the embedded engine in DATA_DIR, which no service may be using at
the time. Exit status: 0 done, 1 refused or failed, 2 not understood.`;

const OPTIONS = {
  tenant: { type: 'string' },
  memory: { type: 'string' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

const OPTIONS_OF: Readonly<Record<string, readonly (keyof typeof OPTIONS)[]>> = {
  status: ['tenant'],
  retry: ['tenant', 'memory'],
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

export type EmbeddingCommand = StatusCommand | RetryCommand;

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
  if (memoryId !== undefined && tenantId === undefined) throw new UsageError('--memory needs --tenant.');
  if (memoryId !== undefined && !isUuid(memoryId))
    throw new UsageError('--memory must be the id of a memory.');
  return { name: 'retry', json, tenantId, memoryId };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
