import { ExponentialBackoff, handleWhen, retry } from 'cockatiel';
import { types } from 'node:util';

/** SQLSTATE codes of a transaction that PostgreSQL undid whole for another's sake: a conflict, and a deadlock. */
const GAVE_WAY = new Set(['40001', '40P01']);
/** Of the wait before the third attempt and between later ones, in milliseconds; it is spread at random. */
const BACKOFF = { initialDelay: 20, maxDelay: 1_000 };
/** For so long after it began, what has no shorter limit is begun again, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Whether an error of the driver, as it is or wrapped by TypeORM, says that all of its transaction was undone for another's sake. */
export function isUndone(error: unknown): boolean {
  // Not `instanceof`: an error of Node.js itself may be of another realm, as under Jest.
  if (!types.isNativeError(error)) return false;
  const { code, driverError } = error as Error & { code?: unknown; driverError?: unknown };
  return (typeof code === 'string' && GAVE_WAY.has(code)) || isUndone(driverError);
}

/** How long it may go on. */
export interface Patience {
  /** No attempt begins later than that after the first one, in milliseconds; each may take as long as ever. */
  readonly withinMs?: number | undefined;
  /** None begins once nobody waits for it. */
  readonly givenUp?: AbortSignal | undefined;
}

/**
 * Does `work`, a whole transaction, again when PostgreSQL undid it for another's sake: nothing of it is there then, and the
 * other one has gone on. So a schema that changes under a version which still serves, and two that take the same rows in
 * another order, cost time and no answer.
 * @throws whatever the last attempt threw
 */
export async function againIfUndone<T>(
  work: () => Promise<T>,
  { withinMs = PATIENCE_MS, givenUp }: Patience = {},
): Promise<T> {
  const until = performance.now() + withinMs;
  const mayBegin = (error: unknown): boolean =>
    isUndone(error) && performance.now() < until && !givenUp?.aborted;
  try {
    return await work();
  } catch (error) {
    if (!mayBegin(error)) throw error;
  }
  const backoff = new ExponentialBackoff(BACKOFF);
  return retry(handleWhen(mayBegin), { maxAttempts: Infinity, backoff }).execute(work);
}
