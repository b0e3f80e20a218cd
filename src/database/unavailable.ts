import { types } from 'node:util';
import { DatabaseUnavailableError } from '../errors.js';

/** SQLSTATE classes and codes that say «not now», as opposed to «not like this», and what each means. */
const NOT_NOW: readonly (readonly [code: RegExp, detail: string])[] = [
  // A transaction that had to give way: a deadlock, or a conflict of two.
  [/^40/, 'it undid the transaction for the sake of another one'],
  [/^53100/, 'its disk is full'],
  [/^53300/, 'it has no connection left'],
  [/^53/, 'it lacks resources'],
  [/^25006/, 'it is read-only'],
  [/^25P03/, 'the transaction was idle for too long'],
  [/^55P03/, 'what the request needs was locked by another one for too long'],
  [/^57014/, 'it ended a statement that took too long'],
  [/^(08|57P0[1-5])/, 'it is not reachable or not ready'],
];
const AWAY = 'it is not reachable or not ready';
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ERR_STREAM_DESTROYED',
  'ERR_STREAM_WRITE_AFTER_END',
]);
/** node-postgres gives these no code. */
const MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error|Client was closed and is not queryable|Cannot use a pool after calling end/;
/** What meets every write, whoever asks for it, and what nothing but a write tells: a full disk. */
const TROUBLE = '53100';

/** Whether an error of the driver, as it is or wrapped by TypeORM, means that the database is away. */
export function isDatabaseUnavailable(error: unknown): boolean {
  return unavailabilityOf(error) !== undefined;
}

/** Why the database cannot serve now, as the end of a sentence; undefined when the error says nothing of the kind. */
export function unavailabilityOf(error: unknown): string | undefined {
  if (error instanceof DatabaseUnavailableError) return error.detail;
  // Not `instanceof`: an error of Node.js itself may be of another realm, as under Jest.
  if (!types.isNativeError(error)) return undefined;
  const { code, driverError, cause } = error as Error & { code?: unknown; driverError?: unknown };
  if (typeof code === 'string') {
    const known = NOT_NOW.find(([codes]) => codes.test(code));
    if (known) return known[1];
    if (NETWORK.has(code)) return AWAY;
  }
  if (MESSAGES.test(error.message)) return AWAY;
  return unavailabilityOf(driverError) ?? unavailabilityOf(cause);
}

/** What an error says of the writes of everybody; undefined when it is of one request alone. */
export function troubleOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return code === TROUBLE ? unavailabilityOf(error) : undefined;
}
