import type { QueryResultRow } from 'pg';
import { StartupError } from '../errors.js';
import { migrations } from './migrations.js';

const MINIMUM_POSTGRES = 15;
const MINIMUM_PGVECTOR = [0, 8] as const;
const MIGRATE = 'Run `npm run migration:run` with the same DATABASE_URL, or set MIGRATE_ON_START=true.';

/** Runs one statement and answers its rows. */
export type Query = <Row extends QueryResultRow>(sql: string, parameters?: unknown[]) => Promise<Row[]>;

/** @throws StartupError when the server is too old */
export async function checkServer(query: Query): Promise<void> {
  const [server] = await query<{ version: number }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version`,
  );
  const version = server?.version ?? 0;
  if (version < MINIMUM_POSTGRES)
    throw new StartupError(`PostgreSQL ${version} is too old: Triptych needs ${MINIMUM_POSTGRES} or later.`);
}

/**
 * Compares a migrated database with this build: extension, migrations, LangGraph's tables.
 * @throws StartupError with the remedy in its message
 */
export async function checkSchema(query: Query): Promise<void> {
  await checkExtension(query);
  await checkMigrations(query);
}

/**
 * @param name of the default text search configuration
 * @throws StartupError when the server has none of this name
 */
export async function checkTextSearch(query: Query, name: string): Promise<void> {
  const rows = await query<{ name: string; isIt: boolean }>(
    `SELECT cfgname AS name, cfgname = $1 AS "isIt" FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY 1`,
    [name],
  );
  if (!rows.some(({ isIt }) => isIt))
    throw new StartupError(
      `TEXT_SEARCH (recall.textSearch) is ${name}, which this server does not have. It has: ` +
        `${rows.map((row) => row.name).join(', ')}.`,
    );
}

/** @throws StartupError when the database has no pgvector, or too old a one */
export async function checkExtension(query: Query): Promise<void> {
  const [installed] = await query<{ version: string }>(
    `SELECT extversion AS version FROM pg_extension WHERE extname = 'vector'`,
  );
  if (!installed)
    throw new StartupError(
      'The extension pgvector is not in this database. As a superuser run `CREATE EXTENSION vector`, then ' +
        `migrate. ${MIGRATE}`,
    );
  const [major = 0, minor = 0] = installed.version.split('.').map(Number);
  if (major < MINIMUM_PGVECTOR[0] || (major === MINIMUM_PGVECTOR[0] && minor < MINIMUM_PGVECTOR[1]))
    throw new StartupError(
      `pgvector ${installed.version} is too old: Triptych needs ${MINIMUM_PGVECTOR.join('.')} or later. Install it, ` +
        'then run `ALTER EXTENSION vector UPDATE` as a superuser.',
    );
}

/** A database that is ahead is served: during a rolling upgrade the previous version keeps running. */
async function checkMigrations(query: Query): Promise<void> {
  const [list] = await query<{ migrated: boolean }>(
    `SELECT to_regclass('shared.migrations') IS NOT NULL AS migrated`,
  );
  if (!list?.migrated) throw new StartupError(`The database has no Triptych schema yet. ${MIGRATE}`);
  const rows = await query<{ name: string }>('SELECT name FROM shared.migrations');
  const done = new Set(rows.map(({ name }) => name));
  const pending = migrations.map(({ name }) => name).filter((name) => !done.has(name));
  if (pending.length > 0)
    throw new StartupError(
      `The schema is behind by ${pending.length} migration(s): ${pending.join(', ')}. ${MIGRATE}`,
    );
}
