import type pg from 'pg';

/** How long the server lets things last, in milliseconds; 0 is without end. */
export interface ServerLimits {
  /** One statement, its wait for locks included. */
  readonly statementTimeoutMs: number;
  /** The wait for one lock. */
  readonly lockTimeoutMs: number;
  /** A transaction in which nothing is asked. */
  readonly idleTransactionTimeoutMs: number;
}

/** Of work that is known to take long. */
export const NO_LIMITS: ServerLimits = {
  statementTimeoutMs: 0,
  lockTimeoutMs: 0,
  idleTransactionTimeoutMs: 0,
};

const NAMES = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'] as const;

/** The names of the server's settings, and the values of their parameters. */
export function settingsOf(limits: ServerLimits): (readonly [name: string, value: string])[] {
  const { statementTimeoutMs, lockTimeoutMs, idleTransactionTimeoutMs } = limits;
  const values = [statementTimeoutMs, lockTimeoutMs, idleTransactionTimeoutMs];
  return NAMES.map((name, index) => [name, String(values[index])]);
}

const LIMIT_SESSION = `
  SELECT pg_backend_pid() = $1::int AS "isDirect", ${NAMES.map(
    (name, index) =>
      `CASE WHEN pg_backend_pid() = $1::int THEN set_config('${name}', $${index + 2}, false) END AS ${name}`,
  ).join(', ')},
         CASE WHEN pg_backend_pid() = $1::int
           THEN set_config('default_transaction_isolation', 'read committed', false) END AS isolation`;

/** Connections whose session has the limits. */
const limited = new WeakSet<pg.ClientBase>();

/**
 * Gives a new connection its limits, and the isolation that our statements are written for, whatever a role or a database
 * has set (stricter ones refuse each but one of those who write to a row at once), in one round trip, if it leads to one
 * process of PostgreSQL. Behind a pooler of transactions, which greets with a number of its own, a session is everybody's,
 * and nothing is set: there each transaction sets its limits for itself. Not as parameters of the connection: PgBouncer refuses those.
 */
export async function limitSession(client: pg.ClientBase, limits: ServerLimits): Promise<void> {
  const { processID } = client as unknown as { processID: number };
  const values = settingsOf(limits).map(([, value]) => value);
  const { rows } = await client.query<{ isDirect: boolean }>(LIMIT_SESSION, [processID, ...values]);
  if (rows[0]?.isDirect) limited.add(client);
}

/** Whether the session of a connection has its limits, so that no transaction need set them. */
export function isLimited(client: pg.ClientBase): boolean {
  return limited.has(client);
}
