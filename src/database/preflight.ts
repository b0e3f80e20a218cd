import type { QueryResultRow } from 'pg';
import { StartupError } from '../errors.js';
import { RUNTIME_ROLE } from './data-source-options.js';
import { migrations } from './migrations.js';
import { INSUFFICIENT_PRIVILEGE, UNDEFINED_FUNCTION, UNDEFINED_OBJECT } from './sql-states.js';

const MINIMUM_POSTGRES = 15;
const MINIMUM_PGVECTOR = [0, 8] as const;
/** Where there is no checkout, there is no npm script. */
export const MIGRATE_COMMAND = '`triptych migrate run` (in a checkout: `npm run -s triptych -- migrate run`)';
const MIGRATE = `Run ${MIGRATE_COMMAND} with the same DATABASE_URL, or set MIGRATE_ON_START=true.`;

/** Runs one statement and answers its rows. */
export type Query = <Row extends QueryResultRow>(sql: string, parameters?: unknown[]) => Promise<Row[]>;

/** What is wrong with a database, and apart from it the remedy. */
export class UnfitDatabaseError extends StartupError {
  constructor(
    readonly detail: string,
    readonly remedy: string,
    options?: ErrorOptions,
  ) {
    super(`${detail}. ${remedy}`, options);
  }
}

/** @throws StartupError when the server is too old, the database is not in UTF-8, or the login cannot be held to policies */
export async function checkServer(query: Query): Promise<void> {
  const [server] = await query<{ version: number; encoding: string; hasPolicies: boolean; login: string }>(
    `SELECT current_setting('server_version_num')::int / 10000 AS version, current_setting('server_encoding') AS encoding,
            current_setting('row_security')::bool AS "hasPolicies", quote_ident(session_user) AS login`,
  );
  const { version = 0, encoding = '', hasPolicies = false, login = '…' } = server ?? {};
  if (version < MINIMUM_POSTGRES)
    throw new StartupError(`PostgreSQL ${version} is too old: Triptych needs ${MINIMUM_POSTGRES} or later.`);
  if (encoding !== 'UTF8')
    throw new UnfitDatabaseError(
      `The encoding of the database is ${encoding}, which cannot hold every text`,
      "Use one made by `CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`.",
    );
  if (!hasPolicies)
    throw new UnfitDatabaseError(
      'row_security is off for this login, so PostgreSQL refuses every statement on a table with policies',
      `Run \`ALTER ROLE ${login} RESET row_security\`; where the database sets it, \`ALTER DATABASE … RESET row_security\`.`,
    );
}

/**
 * Compares a migrated database with this build: extension, migrations, LangGraph's tables, and whether the role that
 * serves has the use of the extension.
 * @throws StartupError with the remedy in its message
 */
export async function checkSchema(query: Query): Promise<void> {
  await checkExtension(query);
  try {
    await checkMigrations(query);
  } catch (error) {
    throw (error as { code?: unknown }).code === INSUFFICIENT_PRIVILEGE
      ? await notGranted(query, error)
      : error;
  }
  await checkVectors(query, RUNTIME_ROLE);
}

async function notGranted(query: Query, cause: unknown): Promise<StartupError> {
  const [login] = await query<{ name: string }>('SELECT quote_ident(current_user) AS name');
  const message =
    'This login may not use the tables of Triptych. As the owner of the schema, or as a superuser, run ' +
    `\`GRANT triptych_app, triptych_worker TO ${login?.name ?? 'it'}\`.`;
  return new StartupError(message, { cause });
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
  if (isOldExtension(installed.version))
    throw new StartupError(
      `pgvector ${installed.version} is too old: Triptych needs ${MINIMUM_PGVECTOR.join('.')} or later. Install it, ` +
        'then run `ALTER EXTENSION vector UPDATE` as a superuser.',
    );
}

/** The types and operators that the queries use, found by the search_path and run. */
const USE_VECTORS = `SELECT '[1,0]'::halfvec <=> '[0,1]'::halfvec, B'10' <~> B'01', '{}'::halfvec[]`;
const OUT_OF_REACH = [INSUFFICIENT_PRIVILEGE, UNDEFINED_FUNCTION, UNDEFINED_OBJECT];

/**
 * Uses the extension, which must be installed, as a role; one round trip.
 * @param role absent: as the login
 * @throws StartupError with the statement that puts it in reach; whatever the driver throws of a role that is not there
 */
export async function checkVectors(query: Query, role?: string): Promise<void> {
  try {
    // Two statements in one message are one transaction, with which the role ends.
    await query(
      role === undefined ? USE_VECTORS : `SELECT set_config('role', '${role}', true); ${USE_VECTORS}`,
    );
  } catch (error) {
    const { code = '' } = error as { code?: string };
    throw OUT_OF_REACH.includes(code) ? await outOfReach(query, role, error) : error;
  }
}

async function outOfReach(query: Query, role: string | undefined, cause: unknown): Promise<unknown> {
  const [where] = await query<{
    schema: string;
    database: string;
    user: string;
    mayBe: boolean;
    mayUse: boolean;
    isInPath: boolean;
  }>(
    `SELECT quote_ident(nspname) AS schema, quote_ident(current_database()) AS database, quote_ident(rolname) AS user,
            pg_has_role(rolname, CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)
              AS "mayBe", has_schema_privilege(rolname, n.oid, 'USAGE') AS "mayUse",
            EXISTS (SELECT FROM string_to_table(current_setting('search_path'), ',') AS named
                     WHERE trim(both ' "' FROM named) = nspname) AS "isInPath"
       FROM pg_extension JOIN pg_namespace n ON n.oid = extnamespace, pg_roles
      WHERE extname = 'vector' AND rolname = coalesce($1, current_user)`,
    [role ?? null],
  );
  if (!where) return cause;
  if (!where.mayBe) return notGranted(query, cause);
  const { schema, database, user, mayUse, isInPath } = where;
  const remedies = [
    ...(mayUse ? [] : [`GRANT USAGE ON SCHEMA ${schema} TO ${user}`]),
    ...(isInPath ? [] : [`ALTER DATABASE ${database} SET search_path = "$user", public, ${schema}`]),
  ];
  // It is in sight, so it is its functions that may not be called.
  if (remedies.length === 0) remedies.push(`GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${schema} TO ${user}`);
  return new UnfitDatabaseError(
    `${user} has no use of pgvector, which is in the schema ${schema}: ${(cause as Error).message}`,
    `As a superuser run ${remedies.map((remedy) => `\`${remedy}\``).join(' and ')}.`,
    { cause },
  );
}

/** Whether pgvector of this version is older than what the queries need. */
export function isOldExtension(version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < MINIMUM_PGVECTOR[0] || (major === MINIMUM_PGVECTOR[0] && minor < MINIMUM_PGVECTOR[1]);
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
