import { parseArgs, type ParseArgsConfig } from 'node:util';
import { UsageError, type Command } from '../config/command-line.js';

export const USAGE = `Usage: npm run import -- <file>

  Brings back what \`npm run export\` wrote, in one transaction: all of it, or nothing. A file is read twice, and
  first checked as a whole. One that is damaged or of another schema is refused, and so is a tenant that has rows
  in this database. Let nothing write for the tenant meanwhile.

  <file>              A name that ends with .gz is decompressed. «-»: standard input, which is read once.
  --tenant <tenantId> Refuses a file of another tenant.
  --dry-run           Does all of it, and takes it back.

  --json              Answers as JSON.
  --help              Shows this.

It works on DATABASE_URL as the owner of the schema or, without one, on the embedded engine in DATA_DIR, which no
service may be using at the time. Exit status: 0 done, 1 refused, 2 not understood.`;

const OPTIONS = {
  tenant: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
} as const satisfies ParseArgsConfig['options'];

export interface ImportCommand extends Command {
  readonly file: string;
  /** The tenant that the file must be of; absent: any. */
  readonly tenantId: string | undefined;
  readonly dryRun: boolean;
}

/**
 * @returns nothing when help is asked for
 * @throws UsageError
 */
export function parseImportCommand(args: string[]): ImportCommand | undefined {
  const { values, positionals } = parse(args);
  const { tenant: tenantId, 'dry-run': dryRun, json, help } = values;
  if (help) return undefined;
  const [file] = positionals;
  if (!file || positionals.length > 1) throw new UsageError('import takes one file.');
  return { file, tenantId, dryRun, json };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options: OPTIONS, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}
