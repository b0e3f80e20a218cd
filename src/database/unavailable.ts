/** SQLSTATE classes and codes that say «not now», as opposed to «not like this»; 40 is a transaction that had to give way. */
const NOT_NOW = /^(08|40|53|57P0[1-5]|25006|55P03|57014)/;
const NETWORK = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** node-postgres gives these no code. */
const MESSAGES =
  /timeout exceeded when trying to connect|Connection terminated|Client has encountered a connection error/;

/** Whether an error of the driver, as it is or wrapped by TypeORM, means that the database is away. */
export function isDatabaseUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, driverError, cause } = error as Error & { code?: unknown; driverError?: unknown };
  if (typeof code === 'string' && (NOT_NOW.test(code) || NETWORK.has(code))) return true;
  return MESSAGES.test(error.message) || isDatabaseUnavailable(driverError) || isDatabaseUnavailable(cause);
}
