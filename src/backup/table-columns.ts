import type { EntityManager } from 'typeorm';

/** A column whose value a row brings along. */
export interface Column {
  readonly name: string;
  /** The name, quoted where PostgreSQL asks for it. */
  readonly quoted: string;
  /** The type without a length, so that a value which is too long is an error, and not cut. */
  readonly type: string;
  /** Its place in the primary key, from 1 on; null when it is no part of it. */
  readonly keyPlace: number | null;
  /** Text, which two servers may sort in two ways. */
  readonly isCollated: boolean;
}

/** What PostgreSQL computes by itself (`GENERATED ALWAYS AS`) is left out. */
const COLUMNS = `
  SELECT a.attname AS name, quote_ident(a.attname) AS quoted, format_type(a.atttypid, -1) AS type,
         array_position(i.indkey::int2[], a.attnum) AS "keyPlace", a.attcollation <> 0 AS "isCollated"
    FROM pg_attribute a
    LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
   WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   ORDER BY a.attnum`;

/** The columns of a table, as the catalogue has them. */
export function columnsOf(manager: EntityManager, table: string): Promise<Column[]> {
  return manager.query<Column[]>(COLUMNS, [table]);
}

/** The names of the migrations that the schema has, oldest first. */
export async function migrationsOf(manager: EntityManager): Promise<string[]> {
  const rows = await manager.query<{ name: string }[]>(
    'SELECT name FROM shared.migrations ORDER BY timestamp, name',
  );
  return rows.map(({ name }) => name);
}
