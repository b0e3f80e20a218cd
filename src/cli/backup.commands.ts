import type { Command } from 'commander';
import type { BackupAnswer } from '../backup/tenant-file.js';
import type { CommandLine } from './command-line.js';
import { Refusal, STATUS, UsageError, type Status } from './failure.js';
import { reporter, settingsOf } from './settings.js';
import type { Terminal } from './terminal.js';

/** Rows between two lines of progress. */
const REPORT_EVERY = 10_000;
/** Stands for standard input or output. */
const STANDARD_STREAM = '-';
const INTERRUPTED: readonly Status[] = [STATUS.interrupted, STATUS.terminated];
const ON_THE_DATABASE = `It works on DATABASE_URL as the owner of the schema or, without one, on the embedded engine in
DATA_DIR, which no service may be using at the time.`;

/** A tenant as a file, and back. */
export function backupCommands(line: CommandLine): Command[] {
  return [exportCommand(line), importCommand(line)];
}

function exportCommand(line: CommandLine): Command {
  return line
    .command('export')
    .description('writes everything of a tenant, of every table, as of one moment')
    .requiredOption('--tenant <tenantId>')
    .option('--out <file>', 'ends with .gz: compressed; «-», or nothing: standard output', STANDARD_STREAM)
    .option('--force', 'takes the place of a file that is there', false)
    .option(
      '--without-keys',
      "leaves the tenant's API keys out, of which there are only salted hashes",
      false,
    )
    .addHelpText(
      'after',
      `
NDJSON with a header, a line for each row, and the counts and SHA-256 of all of it. The service may run meanwhile, on
PostgreSQL. The file has its name only once it is whole.
${ON_THE_DATABASE}

Examples:
  $ triptych export --tenant acme --out acme.ndjson.gz
  $ triptych export --tenant acme | ssh server triptych import -`,
    )
    .action(line.action(runExport));
}

function importCommand(line: CommandLine): Command {
  return line
    .command('import')
    .description('brings back what export wrote, in one transaction: all of it, or nothing')
    .argument('<file>', 'ends with .gz: decompressed; «-»: standard input, which is read once')
    .option('--tenant <tenantId>', 'refuses a file of another tenant')
    .option('--dry-run', 'does all of it, and takes it back', false)
    .addHelpText(
      'after',
      `
A file is read twice, and first checked as a whole. One that is damaged or of another schema is refused, and so is a
tenant that has rows in this database. Let nothing write for the tenant meanwhile.
${ON_THE_DATABASE}

Examples:
  $ triptych import acme.ndjson.gz --dry-run
  $ triptych import acme.ndjson.gz --tenant acme`,
    )
    .action(
      line.action(
        async (
          terminal,
          file: string,
          { tenant: tenantId, dryRun }: { tenant?: string; dryRun: boolean },
        ) => {
          if (file === '') throw new UsageError('The file needs a name.');
          const { importFromFile } = await import('../backup/tenant-file.js');
          const options = await settingsOf(terminal);
          const answer = await refusable(() =>
            importFromFile(options, { file, tenantId, dryRun }, reporter(terminal, REPORT_EVERY, 'rows')),
          );
          terminal.answer(answer, forPeople(answer));
          return undefined;
        },
      ),
    );
}

interface ExportOptions {
  readonly tenant: string;
  readonly out: string;
  readonly force: boolean;
  readonly withoutKeys: boolean;
}

const runExport: Parameters<typeof CommandLine.prototype.action<[ExportOptions]>>[0] = async (
  terminal,
  { tenant: tenantId, out: file, force, withoutKeys },
) => {
  if (file === '') throw new UsageError('--out needs the name of a file.');
  if (file === STANDARD_STREAM && terminal.surroundings.stdout.isTTY === true)
    throw new Refusal('Nothing was exported: this is a terminal. Say --out <file>.');
  const { exportToFile } = await import('../backup/tenant-file.js');
  const options = await settingsOf(terminal);
  const request = { tenantId, file, force, withoutKeys };
  const work = (): Promise<BackupAnswer> =>
    exportToFile(options, request, reporter(terminal, REPORT_EVERY, 'rows'));
  const answer = await (file === STANDARD_STREAM ? toTheEnd(terminal, work) : refusable(work));
  // Beside the export, if that goes to standard output.
  if (file === STANDARD_STREAM) terminal.warn(terminal.shown(answer, forPeople(answer)));
  else terminal.answer(answer, forPeople(answer));
  return undefined;
};

/** Runs `work`, and makes what it is refused for, or interrupted by, the end of the command. */
async function refusable<T>(work: () => Promise<T>): Promise<T> {
  const { BackupRefusedError } = await import('../backup/export-format.js');
  const { InterruptedError } = await import('../backup/interruption.js');
  const { NothingToExportError } = await import('../backup/tenant-export.js');
  const statusOf = (error: Error): Status => {
    if (error instanceof InterruptedError)
      return error.signal === 'SIGINT' ? STATUS.interrupted : STATUS.terminated;
    return error instanceof NothingToExportError ? STATUS.notFound : STATUS.failed;
  };
  try {
    return await work();
  } catch (error) {
    throw error instanceof BackupRefusedError
      ? new Refusal(error.message, statusOf(error), { cause: error })
      : error;
  }
}

/** As {@link refusable}, where what is written stays written. */
async function toTheEnd<T>(terminal: Terminal, work: () => Promise<T>): Promise<T> {
  try {
    return await refusable(work);
  } catch (error) {
    const cause = error;
    if (!terminal.isRead)
      throw new Refusal('Standard output was closed before the export was whole.', STATUS.failed, { cause });
    if (error instanceof Refusal && INTERRUPTED.includes(error.status))
      throw new Refusal('Interrupted: what was written is no whole export.', error.status, { cause });
    throw error;
  }
}

function forPeople({ tables, ...about }: BackupAnswer): object {
  return { ...about, ...tables };
}
