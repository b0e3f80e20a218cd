import type { TriptychOptions } from '../config/options.js';
import { checkIsolation } from '../database/isolation-check.js';
import { RUNTIME_ROLE, WORKER_ROLE } from '../database/data-source-options.js';
import { migrationStates } from '../database/migration-state.js';
import {
  checkServer,
  checkTextSearch,
  MIGRATE_COMMAND,
  UnfitDatabaseError,
  type Query,
} from '../database/preflight.js';
import { checkExtension } from './check-extension.js';
import { checkClock, checkConnections, checkPooler } from './check-server.js';
import { checkPending } from './check-pending.js';
import { failed, failure, messageOf, ok, skipped, warning, type Finding, type Result } from './finding.js';

/** Of the engine in this process, most of what a server can get wrong is not there. */
export interface DatabaseKind {
  readonly isEmbedded?: boolean;
  /** The process that the server named when it greeted. */
  readonly greeting?: number | undefined;
}

type Step = readonly [name: string, check: () => Promise<Result>];

/** What stands in a database that lets us in. */
export async function* checkDatabase(
  options: TriptychOptions,
  query: Query,
  { isEmbedded = false, greeting }: DatabaseKind,
): AsyncGenerator<Finding, void> {
  let isCurrent = false;
  const steps: readonly Step[] = [
    ['server', () => server(query)],
    ...(isEmbedded
      ? []
      : ([
          ['clock', () => checkClock(query)],
          ['pooler', () => checkPooler(query, greeting)],
          ['connections', () => checkConnections(query, options.database.poolSize)],
        ] as const)),
    ['pgvector', () => checkExtension(query)],
    [
      'schema',
      async () => {
        const result = await schema(query, isEmbedded || options.database.migrateOnStart);
        isCurrent = result.state === 'ok';
        return result;
      },
    ],
    ['roles', () => roles(query, { isEmbedded, isCurrent })],
    ['isolation', () => (isCurrent ? isolation(query) : Promise.resolve(skipped('the schema is not there')))],
    ['text search', () => textSearch(query, options.recall.textSearch)],
    [
      'vectors',
      () => (isCurrent ? checkPending(query) : Promise.resolve(skipped('the schema is not there'))),
    ],
  ];
  for (const [name, check] of steps)
    yield {
      name,
      ...(await check().catch((error: unknown) => failure(error, 'Look into the log of the database.'))),
    };
}

async function server(query: Query): Promise<Result> {
  try {
    await checkServer(query);
  } catch (error) {
    if (error instanceof UnfitDatabaseError) return failed(error.detail, error.remedy);
    return failure(error, 'Move to a newer server: dump, restore, and change DATABASE_URL.');
  }
  const [row] = await query<{ version: string; isReadOnly: boolean; size: string }>(
    `SELECT current_setting('server_version') AS version, current_setting('transaction_read_only')::bool AS "isReadOnly",
            pg_size_pretty(pg_database_size(current_database())) AS size`,
  );
  if (row?.isReadOnly)
    return failed(
      'it is read-only',
      'Name the primary in DATABASE_URL: this one is a standby, or was made read-only.',
    );
  return ok(`PostgreSQL ${row?.version ?? ''}; the database has ${row?.size ?? ''}`);
}

async function schema(query: Query, isMigratedAtStart: boolean): Promise<Result> {
  const states = await migrationStates(query);
  const pending = states.filter(({ isDone }) => !isDone).map(({ name }) => name);
  if (pending.length === 0) return ok(`all ${states.length} migrations are done`);
  const what =
    pending.length === states.length
      ? 'there is no schema yet'
      : `it is behind by ${pending.length} migration(s): ${pending.join(', ')}`;
  return isMigratedAtStart
    ? warning(what, 'Nothing: it is brought up to date when the service starts.')
    : failed(what, `Run ${MIGRATE_COMMAND} as its owner, or set MIGRATE_ON_START=true.`);
}

/** Whether the login may act as the roles that serve, and is no more than it must be. */
async function roles(
  query: Query,
  { isEmbedded, isCurrent }: { isEmbedded: boolean; isCurrent: boolean },
): Promise<Result> {
  const [login] = await query<{
    name: string;
    isSuper: boolean;
    canBypass: boolean;
    mayCreate: boolean;
    makesRoles: boolean;
  }>(
    `SELECT quote_ident(rolname) AS name, rolsuper AS "isSuper", rolbypassrls AS "canBypass", rolsuper OR rolcreaterole AS "makesRoles",
            has_database_privilege(current_database(), 'CREATE') AS "mayCreate" FROM pg_roles WHERE rolname = current_user`,
  );
  for (const role of [RUNTIME_ROLE, WORKER_ROLE]) {
    const reason = await asRole(query, role, () => Promise.resolve());
    if (reason !== undefined && !isCurrent && login?.makesRoles && isUnknownRole(reason))
      return skipped('the first migration makes them');
    if (reason !== undefined)
      return failed(
        `${login?.name ?? 'the login'} cannot act as ${role}: ${messageOf(reason)}`,
        `As a superuser: CREATE ROLE ${role} NOLOGIN; GRANT ${role} TO ${login?.name ?? '…'};`,
      );
  }
  if (isEmbedded) return ok(`requests are served as ${RUNTIME_ROLE}`);
  if (login?.isSuper || login?.canBypass)
    return warning(
      `${login.name} ${login.isSuper ? 'is a superuser' : 'bypasses row-level security'}: whoever has DATABASE_URL sees all tenants`,
      'Use a login that is neither: docs/operations.md, «Setting up PostgreSQL».',
    );
  const create = login?.mayCreate ? '' : '; it may not create schemas, so another login has to migrate';
  return ok(`${login?.name ?? ''} serves requests as ${RUNTIME_ROLE}${create}`);
}

async function isolation(query: Query): Promise<Result> {
  const reason = await asRole(query, RUNTIME_ROLE, () => checkIsolation(query));
  if (reason === undefined)
    return ok('row-level security is forced on every table, by the policies it must have');
  return failure(reason, `Undo what was changed by hand; ${MIGRATE_COMMAND} makes what is missing.`);
}

async function textSearch(query: Query, name: string): Promise<Result> {
  try {
    await checkTextSearch(query, name);
    return ok(`the server has ${name}`);
  } catch (error) {
    return failure(error, 'Set TEXT_SEARCH to one that it has.');
  }
}

function isUnknownRole(error: unknown): boolean {
  // `SET ROLE` says 22023 of a role that is not there.
  return ['22023', '42704'].includes((error as { code?: string }).code ?? '');
}

/** Runs `work` in a transaction of that role, which is taken back; answers what was wrong. */
async function asRole(query: Query, role: string, work: () => Promise<void>): Promise<unknown> {
  await query('BEGIN');
  try {
    await query(`SET LOCAL ROLE ${role}`);
    await work();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await query('ROLLBACK');
  }
}
