import type pg from 'pg';

/**
 * Bytes of each table of some schemas, by its name, indexes and TOAST included. Each is written anew before:
 * so neither free space nor half-filled pages count, which would hide what single turns add, and depend on
 * when autovacuum came by. Nobody may be using the tables.
 */
export async function storedBytes(pool: pg.Pool, schemas: readonly string[]): Promise<Map<string, number>> {
  const { rows } = await pool.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname = ANY ($1) ORDER BY 1`,
    [schemas],
  );
  const bytes = new Map<string, number>();
  for (const { name } of rows) {
    await pool.query(`VACUUM (FULL) ${name}`);
    const sizes = await pool.query<{ bytes: string }>('SELECT pg_total_relation_size($1) AS bytes', [name]);
    bytes.set(name, Number(sizes.rows[0]?.bytes));
  }
  return bytes;
}

/** By how much each table that grew did. */
export function growth(
  before: ReadonlyMap<string, number>,
  after: ReadonlyMap<string, number>,
): Map<string, number> {
  const grown = [...after].map(([name, bytes]) => [name, bytes - (before.get(name) ?? 0)] as const);
  return new Map(grown.filter(([, bytes]) => bytes !== 0));
}
