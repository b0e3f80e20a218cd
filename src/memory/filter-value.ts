import { requireStorable } from '../database/storable.js';
import { InvalidInputError } from '../errors.js';
import { instantOf } from '../recall/instant.js';

/** Of one text in a filter, in UTF-16 units. */
export const MAX_FILTER_TEXT = 1_024;

/** What a field is compared with. */
export type FilterScalar = string | number | boolean | null;

/** What a field is compared as; metadata can be `any` scalar. */
export type ValueType = 'text' | 'integer' | 'moment' | 'any';

/**
 * Each checks a value of a filter and gives it as it is compared.
 * @throws InvalidInputError that names `at`
 */
export const VALUES: Readonly<Record<ValueType, (value: unknown, at: string) => FilterScalar>> = {
  text: textOf,

  integer(value, at) {
    if (!Number.isSafeInteger(value)) refuse(at, 'must be a whole number');
    return value as number;
  },

  moment(value, at) {
    const instant = typeof value === 'string' ? instantOf(value) : undefined;
    return (
      instant ?? refuse(at, 'must be a date or time in ISO 8601, such as 2026-05-08 or 2026-05-08T13:56:00Z')
    );
  },

  any(value, at) {
    if (typeof value === 'string') return textOf(value, at);
    if (value !== null && typeof value !== 'number' && typeof value !== 'boolean')
      return refuse(at, 'must be a text, a number, true, false or null');
    requireStorable(value, at);
    return value;
  },
};

function textOf(value: unknown, at: string): string {
  if (typeof value !== 'string') return refuse(at, 'must be a text');
  if (value.length > MAX_FILTER_TEXT)
    refuse(at, `must have at most ${MAX_FILTER_TEXT} characters, not ${value.length}`);
  requireStorable(value, at);
  return value;
}

export function refuse(field: string, message: string): never {
  throw new InvalidInputError([{ field, message }]);
}
