import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import pg from 'pg';
import { EmbeddedEngine } from '../../src/database/embedded-engine.js';
import { PGliteClient } from '../../src/database/pglite-client.js';
import type { TestDatabase } from '../support/engines.js';

/** What is done to a database as its owner, beside LangGraph's own saver in a schema of that database. */
export interface StockWork {
  readonly saver: PostgresSaver;
  readonly query: <Row>(sql: string, parameters?: unknown[]) => Promise<Row[]>;
}

/**
 * Works with LangGraph's own `PostgresSaver` on a database that no service has open.
 * @param schema where its tables are; made when they are not there
 */
export async function withStockSaver<T>(
  { settings, seed }: TestDatabase,
  schema: string,
  work: (stock: StockWork) => Promise<T>,
): Promise<T> {
  const engine = settings.url ? undefined : await EmbeddedEngine.open(settings.dataDir ?? '', seed);
  const pool = new pg.Pool(
    engine
      ? ({ Client: PGliteClient, pglite: engine.pglite, max: 1 } as object)
      : { connectionString: settings.url, max: 2 },
  );
  // It calls itself ended before its connections are, and whoever drops the database then ends them.
  pool.on('error', () => undefined);
  try {
    const saver = new PostgresSaver(pool, undefined, { schema });
    await saver.setup();
    return await work({
      saver,
      query: async (sql, parameters) => (await pool.query(sql, parameters)).rows as never,
    });
  } finally {
    await pool.end();
    await engine?.close();
  }
}
