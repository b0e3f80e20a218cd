import type { OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import pg, { type QueryResultRow } from 'pg';
import type { TriptychOptions } from '../config/options.js';
import { DatabaseUnavailableError, StartupError } from '../errors.js';
import type { Meter } from '../telemetry/meter.js';
import { ConnectionPool, type TenantOfCaller, type UnitOfWorkOptions } from './connection-pool.js';
import type { ConnectionSlots } from './connection-slots.js';
import { CONNECT_MS, dataSourceOptions, WORKER_ROLE, type DataSourceSetup } from './data-source-options.js';
import { EmbeddedEngine } from './embedded-engine.js';
import { driverMessage } from './driver-message.js';
import { LostConnections } from './lost-connections.js';
import { MigrationDataSource } from './migration-data-source.js';
import { checkIsolation } from './isolation-check.js';
import { PGliteClient } from './pglite-client.js';
import { checkSchema, checkServer, checkTextSearch, type Query } from './preflight.js';
import { ServerProbe } from './server-probe.js';
import { untilThere } from './until-there.js';

export interface DatabaseSetup {
  options: TriptychOptions;
  entities: DataSourceSetup['entities'];
  tenantOfCaller: TenantOfCaller;
  /** Archive of an embedded data folder to begin with. */
  seed?: Blob | undefined;
  /** How long an external database that is not there is waited for, in ms; absent: not at all, as commands do. */
  waitMs?: number;
  /** Is told what the connections do. */
  meter?: Meter | undefined;
}

/** The one database of the process, whichever engine it is, migrated and checked. */
export class Database implements OnApplicationShutdown {
  /** The one pool, for repositories, LangGraph's saver and our own statements alike. */
  readonly pool: ConnectionPool;
  readonly #lost: LostConnections | undefined;

  private constructor(
    readonly engine: 'embedded' | 'postgres',
    readonly dataSource: DataSource,
    private readonly embedded: EmbeddedEngine | undefined,
    private readonly probe: Pick<ServerProbe, 'query' | 'close'>,
  ) {
    this.pool = poolOf(dataSource);
    if (!embedded) this.#lost = new LostConnections(this.pool, probe);
  }

  /**
   * Opens the database named by the settings, migrates it where that is asked for, and checks it.
   * @throws StartupError when it must not be used as it is; nothing stays open then
   */
  static async open({ waitMs = 0, ...setup }: DatabaseSetup): Promise<Database> {
    const { url, dataDir } = setup.options.database;
    if (url) return untilThere(waitMs, () => Database.#open(setup, undefined));
    return Database.#open(setup, await EmbeddedEngine.open(dataDir, setup.seed));
  }

  static async #open(
    { options, entities, tenantOfCaller, meter }: DatabaseSetup,
    embedded: EmbeddedEngine | undefined,
  ): Promise<Database> {
    const { url, migrateOnStart } = options.database;
    try {
      if (embedded || migrateOnStart) await migrate({ options, entities, embedded });
      await inspect(options, embedded);
      const dataSource = new DataSource(
        dataSourceOptions({ options, entities, embedded, tenantOfCaller, meter }),
      );
      await connect(dataSource);
      try {
        const query: Query = (sql, parameters) => dataSource.query(sql, parameters);
        await checkIsolation(query);
        const probe = embedded ? { query, close: () => undefined } : new ServerProbe(url);
        return new Database(embedded ? 'embedded' : 'postgres', dataSource, embedded, probe);
      } catch (error) {
        await dataSource.destroy();
        throw error;
      }
    } catch (error) {
      await embedded?.close();
      throw error;
    }
  }

  /** Runs one statement; inside a unit of work, in its transaction. */
  async query<Row extends QueryResultRow>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return (await this.pool.run<Row>(sql, parameters)).rows;
  }

  /**
   * Runs one statement as {@link WORKER_ROLE}, outside of any scope: it sees of which tenants something is due, and
   * nothing else.
   */
  async queryAsWorker<Row extends QueryResultRow>(sql: string, parameters: unknown[] = []): Promise<Row[]> {
    return (await this.pool.runAs<Row>(WORKER_ROLE, sql, parameters)).rows;
  }

  /** See {@link ConnectionPool.unitOfWork}. */
  unitOfWork<T>(work: () => Promise<T>, options?: UnitOfWorkOptions): Promise<T> {
    return this.pool.unitOfWork(work, options);
  }

  /** See {@link ConnectionPool.through}. */
  through<T>(slots: ConnectionSlots, givenUp: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.pool.through(slots, givenUp, work);
  }

  /** See {@link ConnectionPool.evenIfGivenUp}. */
  evenIfGivenUp<T>(work: () => Promise<T>): Promise<T> {
    return this.pool.evenIfGivenUp(work);
  }

  /** See {@link ConnectionPool.isInUnitOfWork}. */
  get isInUnitOfWork(): boolean {
    return this.pool.isInUnitOfWork;
  }

  /** See {@link ConnectionPool.afterCommit}. */
  afterCommit(callback: () => void): void {
    this.pool.afterCommit(callback);
  }

  /**
   * Asks whether requests can be served, writes included. On a connection beside the pool and within 2 s, so that
   * a busy pool is not taken for a server that is away; on the embedded engine when its turn comes.
   * @throws DatabaseUnavailableError when it is read-only or lately had no room; whatever the driver throws
   */
  async checkServing(): Promise<void> {
    const [server] = await this.probe.query<{ isReadOnly: boolean }>(
      `SELECT current_setting('transaction_read_only')::bool AS "isReadOnly"`,
    );
    if (server?.isReadOnly) throw new DatabaseUnavailableError('it is read-only');
    if (this.pool.trouble !== undefined) throw new DatabaseUnavailableError(this.pool.trouble);
  }

  /** @throws StartupError when the schema no longer is what this build needs; as {@link checkServing} does */
  checkSchema(): Promise<void> {
    return checkSchema((sql, parameters) => this.probe.query(sql, parameters));
  }

  async close(): Promise<void> {
    this.#lost?.stop();
    this.probe.close();
    if (this.dataSource.isInitialized) await this.dataSource.destroy();
    await this.embedded?.close();
  }

  onApplicationShutdown(): Promise<void> {
    return this.close();
  }
}

/** The checks that come before the runtime role can be used, since an old schema has none. */
async function inspect({ database, recall }: TriptychOptions, embedded?: EmbeddedEngine): Promise<void> {
  const client = embedded
    ? new PGliteClient({ pglite: embedded.pglite })
    : new pg.Client({ connectionString: database.url, connectionTimeoutMillis: CONNECT_MS });
  const query: Query = async (sql, parameters = []) => (await client.query(sql, parameters)).rows as never;
  try {
    await client.connect();
  } catch (error) {
    throw unreachable(error);
  }
  try {
    await checkServer(query);
    await checkSchema(query);
    await checkTextSearch(query, recall.textSearch);
  } finally {
    await client.end();
  }
}

async function migrate(setup: DataSourceSetup): Promise<void> {
  const dataSource = new MigrationDataSource(setup);
  await connect(dataSource);
  try {
    await checkServer((sql, parameters) => dataSource.query(sql, parameters));
    await dataSource.runMigrations();
  } catch (error) {
    if (error instanceof StartupError) throw error;
    throw new StartupError(`The database could not be migrated: ${driverMessage(error)}.`, { cause: error });
  } finally {
    await dataSource.destroy();
  }
}

async function connect(dataSource: DataSource): Promise<void> {
  try {
    await dataSource.initialize();
  } catch (error) {
    throw error instanceof StartupError ? error : unreachable(error);
  }
}

function unreachable(error: unknown): StartupError {
  return new StartupError(
    `The database cannot be opened: ${driverMessage(error)}. Check DATABASE_URL and that PostgreSQL is running.`,
    { cause: error },
  );
}

/** TypeORM keeps its pool in an untyped member; it is ours, since we gave it the class. */
function poolOf(dataSource: DataSource): ConnectionPool {
  const { master } = dataSource.driver as unknown as { master: unknown };
  if (!(master instanceof ConnectionPool)) throw new Error('TypeORM did not use our connection pool.');
  return master;
}
