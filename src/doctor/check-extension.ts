import type { Query } from '../database/preflight.js';
import { RUNTIME_ROLE } from '../database/data-source-options.js';
import {
  checkExtension as requireExtension,
  checkVectors,
  isOldExtension,
  UnfitDatabaseError,
} from '../database/preflight.js';
import { failed, failure, ok, warning, type Result } from './finding.js';

/** Whether pgvector is in the database and of use to those who serve, or what it takes to get it there. */
export async function checkExtension(query: Query): Promise<Result> {
  const [row] = await query<{ installed: string | null; available: string | null; maySetUp: boolean }>(
    `SELECT (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS installed,
            (SELECT default_version FROM pg_available_extensions WHERE name = 'vector') AS available,
            (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)
            OR has_database_privilege(current_database(), 'CREATE') AND EXISTS (
                 SELECT FROM pg_available_extension_versions WHERE name = 'vector' AND trusted) AS "maySetUp"`,
  );
  if (row?.installed == null) {
    if (row?.available == null)
      return failed(
        'the server does not have it',
        'Install pgvector 0.8 or later on the server (Debian: postgresql-<version>-pgvector), then CREATE EXTENSION vector.',
      );
    if (isOldExtension(row.available))
      return failed(
        `the server has ${row.available}, which is too old`,
        'Install pgvector 0.8 or later on the server, then CREATE EXTENSION vector.',
      );
    return row.maySetUp
      ? warning(
          `${row.available} is there, and not in this database`,
          'Nothing: the first migration sets it up.',
        )
      : failed(
          `${row.available} is there, and not in this database, and the login may not set it up`,
          'As a superuser, in this database: CREATE EXTENSION vector;',
        );
  }
  try {
    await requireExtension(query);
    await checkVectors(query, RUNTIME_ROLE).catch((error: unknown) => {
      if (error instanceof UnfitDatabaseError) throw error;
      // The role is not there, or not for this login: that is for another check to tell.
      return checkVectors(query);
    });
    return ok(row.installed);
  } catch (error) {
    if (error instanceof UnfitDatabaseError) return failed(error.detail, error.remedy);
    return failure(error, 'As a superuser, in this database: ALTER EXTENSION vector UPDATE;');
  }
}
