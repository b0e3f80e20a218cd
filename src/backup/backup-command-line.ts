import { runCommand } from '../config/command-line.js';
import { loadOptions } from '../config/load-options.js';
import { withOwner } from '../database/owner-database.js';
import { parseExportCommand, USAGE as EXPORT_USAGE, type ExportCommand } from './export-command.js';
import { readExport, requireFree, STANDARD_STREAM, writeExport } from './export-file.js';
import { BackupRefusedError } from './export-format.js';
import { ExportReader } from './export-reader.js';
import { parseImportCommand, USAGE as IMPORT_USAGE, type ImportCommand } from './import-command.js';
import { interruptible } from './interruption.js';
import { exportTenant, type Exported } from './tenant-export.js';
import { importTenant } from './tenant-import.js';

/** Rows between two lines of progress. */
const REPORT_EVERY = 10_000;

/** What `--json` prints. */
export interface BackupAnswer {
  readonly tenantId: string;
  /** `-`: a standard stream. */
  readonly file: string;
  readonly rows: number;
  readonly sha256: string;
  readonly dryRun?: boolean;
  /** Rows of each table. */
  readonly tables: Readonly<Record<string, number>>;
}

/**
 * Runs `npm run export`: its answer goes to standard output, or beside the export if that goes there; progress and
 * all else to standard error.
 * @param environment where the settings are read, as `loadOptions` does
 * @returns the exit status
 */
export function runExportCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  return runCommand<ExportCommand>(args, {
    usage: EXPORT_USAGE,
    parse: parseExportCommand,
    run: ({ file, force, tenantId, withoutKeys }) => {
      if (file === STANDARD_STREAM && process.stdout.isTTY)
        throw new BackupRefusedError('Nothing was exported: this is a terminal. Say --out <file>.');
      if (!force) requireFree(file);
      return interruptible((signal) =>
        withOwner(loadOptions(environment), async (owner) => {
          const exported = await exportTenant(owner, {
            tenantId,
            withoutKeys,
            write: (chunks) => writeExport(file, chunks, { force, signal }),
            progress: reporter(),
          });
          return answerOf(exported, { file });
        }),
      );
    },
    isExpected,
    forPeople,
    isBesideOutput: ({ file }) => file === STANDARD_STREAM,
  });
}

/** Runs `npm run import`, as {@link runExportCommand} does. */
export function runImportCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  return runCommand<ImportCommand>(args, {
    usage: IMPORT_USAGE,
    parse: parseImportCommand,
    run: (command) =>
      interruptible(async (signal) => {
        const { file, dryRun } = command;
        // A stream cannot be read twice; what it brings is checked while it is written, and taken back if need be.
        const known =
          file === STANDARD_STREAM ? undefined : await reading(command, (reader) => check(reader, signal));
        return withOwner(loadOptions(environment), (owner) =>
          reading(command, async (reader) => {
            const progress = reporter(known);
            return answerOf(await importTenant(owner, reader, { dryRun, signal, progress }), {
              file,
              dryRun,
            });
          }),
        );
      }),
    isExpected,
    forPeople,
  });
}

/** Opens the file, and closes it when `work` is over. */
async function reading<T>(
  { file, tenantId }: ImportCommand,
  work: (reader: ExportReader) => Promise<T>,
): Promise<T> {
  const reader = await ExportReader.open(readExport(file));
  try {
    if (tenantId !== undefined && tenantId !== reader.header.tenantId)
      throw new BackupRefusedError(
        `The file is of ${reader.header.tenantId}, and not of ${tenantId}. Nothing was imported.`,
      );
    return await work(reader);
  } finally {
    await reader.close();
  }
}

/** Reads a file to its end, so that a damaged one is refused before the database is touched; answers its rows. */
async function check(reader: ExportReader, signal: AbortSignal): Promise<number> {
  const batches = reader.batches();
  while (!(await batches.next()).done) signal.throwIfAborted();
  return reader.footer.rows;
}

function reporter(known?: number): (done: number, of?: number) => void {
  let next = REPORT_EVERY;
  return (done, of = known) => {
    if (done < next || done === of) return;
    next = done - (done % REPORT_EVERY) + REPORT_EVERY;
    console.error(of === undefined ? `${done} rows` : `${done} of ${of} rows`);
  };
}

function answerOf(
  { tables, ...exported }: Exported,
  about: { file: string; dryRun?: boolean },
): BackupAnswer {
  return {
    ...exported,
    ...about,
    tables: Object.fromEntries(tables.map(({ table, rows }) => [table, rows])),
  };
}

function forPeople(answer: object): object {
  const { tables, ...about } = answer as BackupAnswer;
  return { ...about, ...tables };
}

function isExpected(error: unknown): boolean {
  return error instanceof BackupRefusedError;
}
