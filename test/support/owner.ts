import pg from 'pg';
import type { PGlite } from '@electric-sql/pglite';
import type { Database } from '../../src/database/database.js';
import type { TestDatabase } from './engines.js';

/** Runs statements with the rights of the owner, past every policy, to arrange what no request may. */
export async function asOwner(
  home: TestDatabase,
  database: Database,
  sql: string,
): Promise<Record<string, unknown>[]> {
  if (home.engine === 'embedded') {
    const { embedded } = database as unknown as { embedded: { pglite: PGlite } };
    const results = await embedded.pglite.exec(sql);
    return results.at(-1)?.rows as Record<string, unknown>[];
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
