import { InvalidInputError, type Violation } from '../errors.js';

/** Levels of objects and arrays inside one value; far below what a JSON parser or PostgreSQL can take. */
const MAX_DEPTH = 32;

/**
 * Finds what PostgreSQL could not give back exactly as it came: NUL (an error in `text` and `jsonb`), a
 * lone surrogate (replaced silently), a number that is not finite (null in JSON), a key `__proto__`
 * (vanishes on copies), anything that is not JSON, and values nested too deeply.
 * @param field how the value is called in a violation
 * @param depth levels that will stand above the value where it is kept
 */
export function* unstorable(value: unknown, field: string, depth = 0): Generator<Violation> {
  if (depth > MAX_DEPTH) yield { field, message: `is nested more than ${MAX_DEPTH} levels deep` };
  else if (typeof value === 'string') yield* unstorableText(value, field);
  else if (typeof value === 'number') {
    if (!Number.isFinite(value)) yield { field, message: 'must be a finite number' };
  } else if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) yield* unstorable(item, `${field}.${index}`, depth + 1);
  } else if (isPlainObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      if (key === '__proto__') yield { field, message: 'must not have a key named __proto__' };
      yield* unstorableText(key, `${field} (a key)`);
      if (item !== undefined) yield* unstorable(item, `${field}.${key}`, depth + 1);
    }
  } else if (value !== null && typeof value !== 'boolean') yield { field, message: 'must be a JSON value' };
}

/** @throws InvalidInputError that names every place */
export function requireStorable(value: unknown, field: string, depth = 0): void {
  const violations = [...unstorable(value, field, depth)];
  if (violations.length > 0) throw new InvalidInputError(violations.slice(0, 20));
}

/**
 * Checks a text that must be there.
 * @throws InvalidInputError when it is no text, empty, longer than `maximum` UTF-16 units or unstorable
 */
export function requireText(value: unknown, field: string, maximum: number): asserts value is string {
  if (typeof value !== 'string' || value.length === 0)
    throw new InvalidInputError([{ field, message: 'must be a non-empty string' }]);
  if (value.length > maximum)
    throw new InvalidInputError([
      { field, message: `must have at most ${maximum} characters, not ${value.length}` },
    ]);
  requireStorable(value, field);
}

/** @throws InvalidInputError unless `value` is a whole number from `minimum` to `maximum` */
export function requireInteger(value: unknown, field: string, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || (value as number) < minimum || (value as number) > maximum)
    throw new InvalidInputError([{ field, message: `must be a whole number from ${minimum} to ${maximum}` }]);
}

function* unstorableText(text: string, field: string): Generator<Violation> {
  if (text.includes('\0')) yield { field, message: 'must not contain NUL (U+0000)' };
  if (!text.isWellFormed()) yield { field, message: 'must not contain a lone surrogate (half a character)' };
}

/** No array and no instance of a class, whichever realm it is of. */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}
