import { migrations } from './migrations.js';
import type { Query } from './preflight.js';

/** A migration of this build, or one of a later build that the database has seen. */
export interface MigrationState {
  readonly name: string;
  readonly isDone: boolean;
}

/** Every migration, oldest first. Those of a later build, which this one does not know, come last. */
export async function migrationStates(query: Query): Promise<MigrationState[]> {
  const [list] = await query<{ isThere: boolean }>(
    `SELECT to_regclass('shared.migrations') IS NOT NULL AS "isThere"`,
  );
  const rows = list?.isThere
    ? await query<{ name: string }>('SELECT name FROM shared.migrations ORDER BY id')
    : [];
  const known = migrations.map(({ name }) => name);
  const done = new Set(rows.map(({ name }) => name));
  const later = [...done].filter((name) => !known.includes(name));
  return [...known, ...later].map((name) => ({ name, isDone: done.has(name) }));
}
