import type { OnApplicationShutdown } from '@nestjs/common';
import { DataSource } from 'typeorm';
import pg, { type QueryResultRow } from 'pg';
import type { TriptychOptions } from '../config/options.js';
import { StartupError } from '../errors.js';
import { ConnectionPool, type TenantOfCaller } from './connection-pool.js';
import { dataSourceOptions, type DataSourceSetup } from './data-source-options.js';
import { EmbeddedEngine } from './embedded-engine.js';
import { MigrationDataSource } from './migration-data-source.js';
import { checkIsolation } from './isolation-check.js';
import { PGliteClient } from './pglite-client.js';
import { checkSchema, checkServer, checkTextSearch, type Query } from './preflight.js';

export interface DatabaseSetup {
  options: TriptychOptions;
  entities: DataSourceSetup['entities'];
  tenantOfCaller: TenantOfCaller;
  /** Archive of an embedded data folder to begin with. */
  seed?: Blob | undefined;
}

/** The one database of the process, whichever engine it is, migrated and checked. */
export class Database implements OnApplicationShutdown {
  /** The one pool, for repositories, LangGraph's saver and our own statements alike. */
  readonly pool: ConnectionPool;

  private constructor(
    readonly engine: 'embedded' | 'postgres',
    readonly dataSource: DataSource,
    private readonly embedded: EmbeddedEngine | undefined,
  ) {
    this.pool = poolOf(dataSource);
  }

  /**
   * Opens the database named by the settings, migrates it where that is asked for, and checks it.
   * @throws StartupError when it must not be used as it is; nothing stays open then
   */
  static async open({ options, entities, tenantOfCaller, seed }: DatabaseSetup): Promise<Database> {
    const { url, dataDir, migrateOnStart } = options.database;
    const embedded = url ? undefined : await EmbeddedEngine.open(dataDir, seed);
    try {
      if (embedded || migrateOnStart) await migrate({ options, entities, embedded });
      await inspect(options, embedded);
      const dataSource = new DataSource(dataSourceOptions({ options, entities, embedded, tenantOfCaller }));
      await connect(dataSource);
      try {
        await checkIsolation((sql, parameters) => dataSource.query(sql, parameters));
        return new Database(embedded ? 'embedded' : 'postgres', dataSource, embedded);
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

  /** See {@link ConnectionPool.unitOfWork}. */
  unitOfWork<T>(work: () => Promise<T>): Promise<T> {
    return this.pool.unitOfWork(work);
  }

  /** See {@link ConnectionPool.isInUnitOfWork}. */
  get isInUnitOfWork(): boolean {
    return this.pool.isInUnitOfWork;
  }

  /** See {@link ConnectionPool.afterCommit}. */
  afterCommit(callback: () => void): void {
    this.pool.afterCommit(callback);
  }

  /** @throws StartupError when the schema no longer is what this build needs */
  checkSchema(): Promise<void> {
    return checkSchema((sql, parameters) => this.query(sql, parameters));
  }

  async close(): Promise<void> {
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
    : new pg.Client({ connectionString: database.url, connectionTimeoutMillis: 10_000 });
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
    throw new StartupError(`The database could not be migrated: ${(error as Error).message}`, {
      cause: error,
    });
  } finally {
    await dataSource.destroy();
  }
}

async function connect(dataSource: DataSource): Promise<void> {
  try {
    await dataSource.initialize();
  } catch (error) {
    throw unreachable(error);
  }
}

function unreachable(error: unknown): StartupError {
  const { message } = error as Error;
  return new StartupError(
    `The database cannot be opened: ${message}. Check DATABASE_URL and that PostgreSQL is running.`,
    { cause: error },
  );
}

/** TypeORM keeps its pool in an untyped member; it is ours, since we gave it the class. */
function poolOf(dataSource: DataSource): ConnectionPool {
  const { master } = dataSource.driver as unknown as { master: unknown };
  if (!(master instanceof ConnectionPool)) throw new Error('TypeORM did not use our connection pool.');
  return master;
}
