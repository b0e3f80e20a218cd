import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError, type Command } from '../config/command-line.js';
import { STANDARD_STREAM } from './export-file.js';

export const USAGE = `Usage: npm run export -- --tenant <tenantId> --out <file>

  Writes everything of a tenant, of every table, as of one moment: NDJSON with a header, a line for each row, and
  the counts and SHA-256 of all of it. The service may run meanwhile, on PostgreSQL.

  --out <file>      The file. One whose name ends with .gz is compressed. It has its name only once it is whole.
                    «-», or nothing: standard output; say \`npm run -s export\` then.
  --force           Takes the place of a file that is there.
  --without-keys    Leaves the tenant's API keys out, of which there are only salted hashes.

  --json            Answers as JSON.
  --help            Shows this.

It works on DATABASE_URL as the owner of the schema or, without one, on the embedded engine in DATA_DIR, which no
service may be using at the time. Exit status: 0 done, 1 refused, 2 not understood.`;

const OPTIONS = {
  tenant: { type: 'string' },
  out: { type: 'string', default: STANDARD_STREAM },
  force: { type: 'boolean', default: false },
  'without-keys': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

export interface ExportCommand extends Command {
  readonly tenantId: string;
  readonly file: string;
  readonly force: boolean;
  readonly withoutKeys: boolean;
}

/**
 * @returns nothing when help is asked for
 * @throws UsageError
 */
export function parseExportCommand(args: string[]): ExportCommand | undefined {
  const { tenant, out, force, 'without-keys': withoutKeys, json, help } = parse(args);
  if (help) return undefined;
  if (tenant === undefined) throw new UsageError('export needs --tenant.');
  if (out === '') throw new UsageError('--out needs the name of a file.');
  return { tenantId: tenant, file: out, force, withoutKeys, json };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS }).values;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
