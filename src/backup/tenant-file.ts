import type { TriptychOptions } from '../config/options.js';
import { withOwner } from '../database/owner-database.js';
import { readExport, requireFree, STANDARD_STREAM, writeExport } from './export-file.js';
import { BackupRefusedError } from './export-format.js';
import { ExportReader } from './export-reader.js';
import { interruptible } from './interruption.js';
import { exportTenant, type Exported } from './tenant-export.js';
import { importTenant } from './tenant-import.js';

/** What was exported or imported. */
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

export interface ExportRequest {
  readonly tenantId: string;
  /** `-`: standard output. */
  readonly file: string;
  /** Takes the place of a file that is there. */
  readonly force: boolean;
  readonly withoutKeys: boolean;
}

export interface ImportRequest {
  /** `-`: standard input. */
  readonly file: string;
  /** The tenant that the file must be of; absent: any. */
  readonly tenantId?: string | undefined;
  readonly dryRun: boolean;
}

/** Rows so far, and altogether where that is known. */
type Progress = (done: number, of?: number) => void;

/**
 * Writes everything of a tenant to a file.
 * @throws BackupRefusedError, StartupError
 */
export function exportToFile(
  options: TriptychOptions,
  { tenantId, file, force, withoutKeys }: ExportRequest,
  progress?: Progress,
): Promise<BackupAnswer> {
  if (!force) requireFree(file);
  return interruptible((signal) =>
    withOwner(options, async (owner) => {
      const exported = await exportTenant(owner, {
        tenantId,
        withoutKeys,
        write: (chunks) => writeExport(file, chunks, { force, signal }),
        ...(progress && { progress }),
      });
      return answerOf(exported, { file });
    }),
  );
}

/**
 * Brings back what {@link exportToFile} wrote, all of it or nothing.
 * @throws BackupRefusedError, StartupError
 */
export function importFromFile(
  options: TriptychOptions,
  request: ImportRequest,
  progress?: Progress,
): Promise<BackupAnswer> {
  const { file, dryRun } = request;
  return interruptible(async (signal) => {
    // A stream cannot be read twice; what it brings is checked while it is written, and taken back if need be.
    const known =
      file === STANDARD_STREAM
        ? undefined
        : await reading(request, signal, (reader) => check(reader, signal));
    return withOwner(options, (owner) =>
      reading(request, signal, async (reader) => {
        const imported = await importTenant(owner, reader, {
          ...{ dryRun, signal },
          progress: (done) => progress?.(done, known),
        });
        return answerOf(imported, { file, dryRun });
      }),
    );
  });
}

/** Opens the file, and closes it when `work` is over. */
async function reading<T>(
  { file, tenantId }: ImportRequest,
  signal: AbortSignal,
  work: (reader: ExportReader) => Promise<T>,
): Promise<T> {
  const reader = await ExportReader.open(readExport(file, signal));
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
