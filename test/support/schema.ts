import type { DataSource } from 'typeorm';

interface Row {
  line: string;
}

/**
 * What the catalogue says of our two schemas, as text that reads like SQL and is the same on both
 * engines (`pg_dump` does not reach the embedded one, and its output changes with its version).
 */
export async function describeSchema(source: DataSource): Promise<string> {
  const rows = await source.query<Row[]>(`
    WITH tables AS (
      SELECT oid, oid::regclass::text AS name, reloptions, relrowsecurity, relforcerowsecurity
        FROM pg_class
       WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('shared', 'checkpoints'))
         AND relkind IN ('r', 'p')
    ), lines AS (
      SELECT name, 0 AS part, 0 AS place, 'CREATE TABLE ' || name
             || coalesce(' WITH (' || array_to_string(reloptions, ', ') || ')', '') AS line
        FROM tables
      UNION ALL
      SELECT name, 1, attnum, '  ' || attname || ' ' || format_type(atttypid, atttypmod)
             || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END
             || coalesce(' DEFAULT ' || pg_get_expr(adbin, adrelid), '')
             || CASE WHEN attstorage <> typstorage THEN ' STORAGE ' || attstorage::text ELSE '' END
        FROM tables
        JOIN pg_attribute ON attrelid = tables.oid AND attnum > 0 AND NOT attisdropped
        JOIN pg_type ON pg_type.oid = atttypid
        LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
      UNION ALL
      SELECT name, 2, 0, '  CONSTRAINT ' || conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
        FROM tables JOIN pg_constraint ON conrelid = tables.oid AND contype <> 'n'
      UNION ALL
      SELECT name, 3, 0, '  ' || pg_get_indexdef(indexrelid)
        FROM tables JOIN pg_index ON indrelid = tables.oid
       WHERE NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype IN ('p', 'u'))
      UNION ALL
      SELECT name, 4, 0, '  ROW LEVEL SECURITY' || CASE WHEN relforcerowsecurity THEN ' FORCED' ELSE '' END
        FROM tables WHERE relrowsecurity
      UNION ALL
      SELECT name, 5, 0, '  POLICY ' || polname || ' USING ' || pg_get_expr(polqual, polrelid)
        FROM tables JOIN pg_policy ON polrelid = tables.oid
    )
    SELECT line FROM lines ORDER BY name COLLATE "C", part, place, line COLLATE "C"`);
  return rows.map(({ line }) => `${line}\n`).join('');
}
