import type { Query } from '../database/preflight.js';
import { ok, warning, type Result } from './finding.js';

/** Tokens and the windows of limits allow for less. */
const LARGEST_SKEW_MS = 2_000;

/** How far the clock of the server is from that of this machine. */
export async function checkClock(query: Query): Promise<Result> {
  const before = Date.now();
  const [row] = await query<{ now: number }>(
    `SELECT extract(epoch FROM clock_timestamp())::float8 * 1000 AS now`,
  );
  const after = Date.now();
  const skew = (row?.now ?? 0) - (before + after) / 2;
  // What the question itself took may be all of it.
  const certain = Math.max(0, Math.abs(skew) - (after - before) / 2);
  const told = `${skew < 0 ? 'behind' : 'ahead'} by ${Math.round(Math.abs(skew))} ms`;
  return certain > LARGEST_SKEW_MS
    ? warning(`that of the server is ${told}`, 'Let NTP set both clocks: keys would expire early or late.')
    : ok(`that of the server is ${told}`);
}

/** Whether a pooler that changes the process of PostgreSQL between transactions stands in between. */
export async function checkPooler(query: Query, greeting: number | undefined): Promise<Result> {
  const processes = new Set<number | undefined>([greeting]);
  for (let asked = 0; asked < 3; asked += 1)
    processes.add((await query<{ pid: number }>('SELECT pg_backend_pid() AS pid'))[0]?.pid);
  if (greeting === undefined || processes.size === 1) return ok('none, or one that pools sessions');
  return warning(
    'it pools transactions, as PgBouncer does with pool_mode=transaction',
    'Connect directly, or with pool_mode=session; at least for migrations, whose lock belongs to a session.',
  );
}

/** Whether the server has room for the pool of one process. */
export async function checkConnections(query: Query, poolSize: number): Promise<Result> {
  // What kind another login's session is of, few may see; a server process of its own has no user, or no database.
  const [row] = await query<{ most: number; used: number }>(
    `SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most,
            (SELECT count(*)::int FROM pg_stat_activity WHERE datid IS NOT NULL AND usesysid IS NOT NULL) AS used`,
  );
  const { most = 0, used = 0 } = row ?? {};
  const told = `${used} of ${most} are in use; DATABASE_POOL_SIZE is ${poolSize} for each process`;
  return most - used < poolSize
    ? warning(told, 'Lower DATABASE_POOL_SIZE, raise max_connections, or stop who uses them.')
    : ok(told);
}
