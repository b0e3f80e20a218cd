import type { PGlite } from '@electric-sql/pglite';
import pg from 'pg';
import type { Database } from '../../src/database/database.js';
import type { TestDatabase } from './engines.js';

/** Runs statements past every policy, to arrange or to see what no request may; answers the last one's rows. */
export async function asSuperuser(
  home: TestDatabase,
  database: Database,
  sql: string,
): Promise<Record<string, unknown>[]> {
  if (home.engine === 'embedded') {
    const { pglite } = database.dataSource.options.extra as { pglite: PGlite };
    return (await pglite.exec(sql)).at(-1)?.rows ?? [];
  }
  const client = new pg.Client(home.settings.url);
  await client.connect();
  try {
    const result = (await client.query(sql)) as pg.QueryResult | pg.QueryResult[];
    return (Array.isArray(result) ? result.at(-1)?.rows : result.rows) as Record<string, unknown>[];
  } finally {
    await client.end();
  }
}
