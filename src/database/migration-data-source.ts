import type pg from 'pg';
import { DataSource, type DataSourceOptions, type Migration } from 'typeorm';
import { StartupError } from '../errors.js';
import { dataSourceOptions, type DataSourceSetup } from './data-source-options.js';
import { INSUFFICIENT_PRIVILEGE } from './sql-states.js';
import { StandardErrorLogger } from './standard-error-logger.js';
import { againIfUndone } from './undone.js';

/** Any number, the same in every process: the key of the advisory lock under which a schema changes. */
const MIGRATION_LOCK = 7_218_467_113;

/**
 * What a role, a database or a server may have set, and what a long migration, or the connection that meanwhile holds the
 * lock, would be ended by. Not for the sessions of a pooler of transactions, which are everybody's.
 */
const WITHOUT_LIMITS = `
  SELECT set_config(name, '0', false) FROM pg_settings
   WHERE coalesce(pg_backend_pid() = $1::int, true)
     AND name IN ('statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout',
                  'idle_in_transaction_session_timeout')`;

/**
 * The statements that give the tables which no tenant owns back to who owns them, where that has changed since the
 * migrations: `REASSIGN OWNED` leaves the policies to the former owner, `DROP OWNED` takes them away.
 */
const POLICIES_OF_OWNERS = `
  SELECT CASE WHEN polname IS NULL
           THEN format('CREATE POLICY owner ON %I.%I %s TO %I %s', nspname, relname, command, owner, condition)
           ELSE format('ALTER POLICY owner ON %I.%I TO %I', nspname, relname, owner) END AS statement
    FROM (VALUES ('shared', 'migrations', 'FOR ALL', 'USING (true) WITH CHECK (true)'),
                 ('checkpoints', 'checkpoint_migrations', 'FOR ALL', 'USING (true) WITH CHECK (true)'),
                 ('shared', 'tenants', 'FOR SELECT', 'USING (true)')) AS ours (schema, name, command, condition)
    JOIN pg_namespace n ON nspname = schema
    JOIN pg_class c ON relnamespace = n.oid AND relname = name
    CROSS JOIN pg_get_userbyid(relowner) AS owner
    LEFT JOIN pg_policy ON polrelid = c.oid AND polname = 'owner'
   WHERE relrowsecurity AND pg_has_role(relowner, 'USAGE') AND polroles IS DISTINCT FROM ARRAY[relowner]`;

/**
 * The data source that changes the schema, used by the TypeORM CLI and at start. TypeORM takes no lock of
 * its own, and of several processes that migrate at once all but one would fail; here they take turns.
 */
export class MigrationDataSource extends DataSource {
  /** Two connections: one holds the lock, the other migrates. */
  constructor(setup: DataSourceSetup, logger: DataSourceOptions['logger'] = new StandardErrorLogger()) {
    const options = dataSourceOptions({ ...setup, connections: 2 });
    const onConnect = async (client: pg.ClientBase): Promise<void> => {
      const { processID } = client as unknown as { processID: number };
      await client.query(WITHOUT_LIMITS, [setup.embedded ? null : processID]);
    };
    super({ ...options, logger, extra: { ...(options.extra as object), onConnect } });
  }

  /**
   * TypeORM keeps its list of migrations in our schema, so that has to exist before the first of them.
   * @throws StartupError when the login may not make it; whatever the driver throws
   */
  override async initialize(): Promise<this> {
    await super.initialize();
    try {
      await this.#oneAtATime(() => this.#createSchema());
    } catch (error) {
      await this.destroy();
      throw error;
    }
    return this;
  }

  /** Under the traffic of a version that still serves it can be undone for a request's sake; then it begins again. */
  override runMigrations(options?: Parameters<DataSource['runMigrations']>[0]): Promise<Migration[]> {
    return this.#oneAtATime(async () => {
      await this.#followOwner();
      return againIfUndone(() => super.runMigrations(options));
    });
  }

  override undoLastMigration(options?: Parameters<DataSource['undoLastMigration']>[0]): Promise<void> {
    return this.#oneAtATime(async () => {
      await this.#followOwner();
      return againIfUndone(() => super.undoLastMigration(options));
    });
  }

  async #createSchema(): Promise<void> {
    const [schema] = await this.query<{ exists: boolean; database: string; login: string }[]>(
      `SELECT to_regnamespace('shared') IS NOT NULL AS exists, quote_ident(current_database()) AS database,
              quote_ident(current_user) AS login`,
    );
    if (!schema || schema.exists) return;
    try {
      await this.query('CREATE SCHEMA shared');
    } catch (error) {
      if ((error as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw error;
      throw new StartupError(
        `This login may not make schemas in the database. As its owner, or as a superuser, run ` +
          `\`GRANT CREATE ON DATABASE ${schema.database} TO ${schema.login}\`.`,
        { cause: error },
      );
    }
  }

  async #followOwner(): Promise<void> {
    const policies = await this.query<{ statement: string }[]>(POLICIES_OF_OWNERS);
    for (const { statement } of policies) await this.query(statement);
  }

  /** The embedded engine has one connection and one process, and the folder lock keeps others out. */
  async #oneAtATime<T>(work: () => Promise<T>): Promise<T> {
    if ('poolSize' in this.options && this.options.poolSize === 1) return work();
    const holder = this.createQueryRunner();
    await holder.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    try {
      return await work();
    } finally {
      await holder.query('SELECT pg_advisory_unlock($1)', [MIGRATION_LOCK]);
      await holder.release();
    }
  }
}
