import type { EntityManager } from 'typeorm';
import { BackupRefusedError, LONGEST_LINE } from './export-format.js';
import type { Column } from './table-columns.js';

/** Rows that are asked for at once, and bytes up to which each comes with them: 16 MB at the most. */
const ROWS_AT_ONCE = 250;
const SHORT = 1 << 16;

interface FetchedRow {
  readonly part: number;
  readonly place: string;
  readonly size: number;
  /** Null when the line is longer than `SHORT`. */
  readonly line: string | null;
}

/**
 * The rows of a tenant as lines of JSON, in the order of the primary key, in batches that fit into memory: a
 * longer row comes by itself. The server writes the lines, so that no value passes through a number or a date
 * of JavaScript. Only keys are sorted: rows are then read one by one at the place where they stand, which stays
 * the same as long as the transaction sees them.
 */
export async function* readRows(
  manager: EntityManager,
  table: string,
  columns: readonly Column[],
  tenantId: string,
): AsyncGenerator<string[]> {
  const line = `to_json(ARRAY[${columns.map(({ quoted }) => `${quoted}::text`).join()}])::text`;
  await manager.query(
    `DECLARE exported NO SCROLL CURSOR FOR
     SELECT part, place::text, octet_length(line) AS size,
            CASE WHEN octet_length(line) <= ${SHORT} THEN line END AS line
       FROM (SELECT tableoid AS part, ctid AS place FROM ${table}
              WHERE tenant_id = $1 ORDER BY ${orderOf(columns)}) AS keys,
            LATERAL (SELECT ${line} AS line FROM ${table}
                      WHERE tableoid = keys.part AND ctid = keys.place OFFSET 0) AS found`,
    [tenantId],
  );
  for (;;) {
    const rows = await manager.query<FetchedRow[]>(`FETCH ${ROWS_AT_ONCE} FROM exported`);
    let lines: string[] = [];
    for (const row of rows) {
      if (row.line !== null) {
        lines.push(row.line);
        continue;
      }
      if (row.size > LONGEST_LINE)
        throw new BackupRefusedError(
          `A row of ${table} has ${row.size} bytes, more than the ${LONGEST_LINE} of an export. Use pg_dump.`,
        );
      yield lines;
      lines = [];
      const [long] = await manager.query<[{ line: string }]>(
        `SELECT ${line} AS line FROM ${table} WHERE tableoid = $1 AND ctid = $2::tid`,
        [row.part, row.place],
      );
      yield [long.line];
    }
    yield lines;
    if (rows.length < ROWS_AT_ONCE) break;
  }
  await manager.query('CLOSE exported');
}

/** By bytes, which is the same on every server. */
function orderOf(columns: readonly Column[]): string {
  const key = columns
    .filter(({ keyPlace }) => keyPlace !== null)
    .sort((one, other) => (one.keyPlace ?? 0) - (other.keyPlace ?? 0));
  return key.map(({ quoted, isCollated }) => `${quoted}${isCollated ? ' COLLATE "C"' : ''}`).join() || 'ctid';
}
