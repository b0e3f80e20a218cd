import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * LangGraph's checkpoint tables, made by LangGraph's own `setup()`, so that this file never lags behind
 * the library. When an upgrade of the library brings new DDL, a new migration calls the same again.
 */
export class Checkpoints1795132800002 implements MigrationInterface {
  readonly name = 'Checkpoints1795132800002';

  async up(queryRunner: QueryRunner): Promise<void> {
    const saver = new PostgresSaver(poolOf(queryRunner) as never, undefined, { schema: 'checkpoints' });
    await saver.setup();
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP SCHEMA checkpoints CASCADE`);
  }
}

/**
 * The migration's own connection in the shape of a pool, so that `setup()` takes part in the migration's
 * transaction and needs no second connection (the embedded engine has one). `setup()` expects to survive
 * the error of a missing table, hence a savepoint around each statement.
 */
function poolOf(queryRunner: QueryRunner): { connect(): Promise<unknown> } {
  const query = async (sql: string, parameters?: unknown[]): Promise<{ rows: unknown[] }> => {
    await queryRunner.query('SAVEPOINT langgraph_setup');
    try {
      const { records } = await queryRunner.query(sql, parameters, true);
      await queryRunner.query('RELEASE SAVEPOINT langgraph_setup');
      return { rows: records as unknown[] };
    } catch (error) {
      await queryRunner.query('ROLLBACK TO SAVEPOINT langgraph_setup');
      // TypeORM wraps the driver's error; `setup()` reads the SQLSTATE off the original.
      throw (error as { driverError?: Error }).driverError ?? error;
    }
  };
  return { connect: () => Promise.resolve({ query, release: () => undefined }) };
}
