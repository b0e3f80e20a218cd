import { parseJson } from '../database/parse-json.js';
import { InvalidInputError } from '../errors.js';
import { requireExact } from '../http/exact-json.js';
import { UsageError } from './failure.js';

/**
 * Reads JSON as the service does, which would refuse the same text: what `JSON.parse` alters without a word would come to
 * it altered already.
 * @param what holds it, as the beginning of a sentence
 * @returns undefined when it is no JSON
 * @throws UsageError when it holds a number that a double cannot hold, or a key twice in one object
 */
export function exactJson(text: string, what: string): unknown {
  let value: unknown;
  try {
    value = parseJson(text);
  } catch {
    return undefined;
  }
  try {
    requireExact(text, value);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new UsageError(`${what} ${error.extensions.violations.map(({ message }) => message).join('; ')}.`);
  }
  return value;
}

/**
 * Reads an option that is a JSON object.
 * @throws UsageError when it is not, or as {@link exactJson} does
 */
export function jsonObjectOf(text: string, option: string): Record<string, unknown> {
  const value = exactJson(text, option);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new UsageError(`${option} must be a JSON object.`);
  return value as Record<string, unknown>;
}
