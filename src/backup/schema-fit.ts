import { MIGRATE_COMMAND } from '../database/preflight.js';
import { BackupRefusedError, type ExportHeader } from './export-format.js';

/**
 * Migrations that a file from before them needs not: their new tables may be empty and their new columns have
 * their defaults for the rows of the file, or they change functions alone. Any other migration has changed the rows that
 * were there, and those of an older file would come too late for it.
 */
export const ADDITIVE: ReadonlySet<string> = new Set([
  'RateBuckets1795132800015',
  'WholeToolCalls1795132800016',
]);

/**
 * Compares the schema that the rows come from with the one that they are to go to.
 * @param migrations of the database
 * @throws BackupRefusedError with the remedy
 */
export function requireFit(
  { migrations: written, productVersion }: ExportHeader,
  migrations: readonly string[],
  additive = ADDITIVE,
): void {
  const missing = written.filter((name) => !migrations.includes(name));
  if (missing.length > 0)
    throw new BackupRefusedError(
      `The file was written by a newer version (${productVersion}): this database has no ${missing.join(', ')}. ` +
        `Run ${MIGRATE_COMMAND} with that version or a later one, and import with it.`,
    );
  const newer = migrations.filter((name) => !written.includes(name) && !additive.has(name));
  if (newer.length > 0)
    throw new BackupRefusedError(
      `The file was written by an older version (${productVersion}), before ${newer.join(', ')}, which changed ` +
        'rows as well. Bring the database that it comes from up to date and export again; or import it with that ' +
        'version into an empty DATA_DIR, and export it from there with this one.',
    );
}
