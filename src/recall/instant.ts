/** The form of a date or time that is taken; whether there is such a day, {@link instantOf} says. */
export const ISO_8601 = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.(\d{1,9}))?)?(Z|[+-]\d{2}:\d{2})?)?$/;

/**
 * The instant that a date or time in ISO 8601 means, as text of one form in UTC that PostgreSQL reads as
 * `timestamptz` whatever its settings, and that sorts by time: `2026-05-08T13:56:00.000000Z`. A date is its first moment;
 * what names no zone is in UTC, not in the zone of a machine, as `Date.parse` would have it. Digits below a
 * microsecond, which PostgreSQL cannot hold, are cut off.
 * @returns undefined when the text is not of this form, when there is no such day or time, or when the year in UTC is
 *   not one of 0001 to 9999
 */
export function instantOf(text: string): string | undefined {
  const match = ISO_8601.exec(text);
  if (!match) return undefined;
  const [, fraction = '', zone] = match;
  const at = Date.parse(zone === undefined && text.includes('T') ? `${text}Z` : text);
  if (Number.isNaN(at) || !isDay(text.slice(0, 10))) return undefined;
  const seconds = /^(?!0000)\d{4}-.{14}/.exec(new Date(at).toISOString())?.[0];
  return seconds && `${seconds}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

/** `Date.parse` takes 30 February for 2 March. */
function isDay(date: string): boolean {
  return new Date(date).toISOString().startsWith(date);
}
