import { DataSource, type Migration } from 'typeorm';
import { dataSourceOptions, type DataSourceSetup } from './data-source-options.js';

/** Any number, the same in every process: the key of the advisory lock under which a schema changes. */
const MIGRATION_LOCK = 7_218_467_113;

/**
 * The data source that changes the schema, used by the TypeORM CLI and at start. TypeORM takes no lock of
 * its own, and of several processes that migrate at once all but one would fail; here they take turns.
 */
export class MigrationDataSource extends DataSource {
  /** Two connections: one holds the lock, the other migrates. */
  constructor(setup: DataSourceSetup) {
    super(dataSourceOptions({ ...setup, connections: 2 }));
  }

  /** TypeORM keeps its list of migrations in our schema, so that has to exist before the first of them. */
  override async initialize(): Promise<this> {
    await super.initialize();
    try {
      await this.#oneAtATime(async () => {
        const [{ exists }] = await this.query<[{ exists: boolean }]>(
          `SELECT to_regnamespace('shared') IS NOT NULL AS exists`,
        );
        if (!exists) await this.query('CREATE SCHEMA shared');
      });
    } catch (error) {
      await this.destroy();
      throw error;
    }
    return this;
  }

  override runMigrations(options?: Parameters<DataSource['runMigrations']>[0]): Promise<Migration[]> {
    return this.#oneAtATime(() => super.runMigrations(options));
  }

  override undoLastMigration(options?: Parameters<DataSource['undoLastMigration']>[0]): Promise<void> {
    return this.#oneAtATime(() => super.undoLastMigration(options));
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
