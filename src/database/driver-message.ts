import { types } from 'node:util';

/**
 * What an error of the driver says, as it is or wrapped by TypeORM, in sentences: its message, and the hint in which the
 * server or a migration says what to do. Never the statement or its parameters.
 */
export function driverMessage(error: unknown): string {
  const message = types.isNativeError(error) ? error.message : String(error);
  const hint = hintOf(error);
  return [message, ...(hint === undefined ? [] : [hint])].map((part) => part.replace(/\.$/, '')).join('. ');
}

function hintOf(error: unknown): string | undefined {
  const { hint, driverError } = (error ?? {}) as { hint?: unknown; driverError?: { hint?: unknown } };
  const said = hint ?? driverError?.hint;
  return typeof said === 'string' && said !== '' ? said : undefined;
}
