/**
 * The moment of `occurredAt` in a `source` in UTC, whatever the form in which ISO 8601 has it. Immutable, as a generated
 * column needs it: a cast from text to `timestamptz` is not.
 */
export const OCCURRED_AT = String.raw`timezone('UTC', timestamp '2000-01-01' + make_interval(
  years => substr(source ->> 'occurredAt', 1, 4)::int - 2000,
  months => substr(source ->> 'occurredAt', 6, 2)::int - 1,
  days => substr(source ->> 'occurredAt', 9, 2)::int - 1,
  hours => coalesce(nullif(substr(source ->> 'occurredAt', 12, 2), '')::int, 0)
         - coalesce(substring(source ->> 'occurredAt' FROM '([+-]\d{2}):\d{2}$')::int, 0),
  mins => coalesce(nullif(substr(source ->> 'occurredAt', 15, 2), '')::int, 0)
        - coalesce((substring(source ->> 'occurredAt' FROM '([+-])\d{2}:\d{2}$')
                 || substring(source ->> 'occurredAt' FROM '[+-]\d{2}:(\d{2})$'))::int, 0),
  secs => coalesce(substring(source ->> 'occurredAt' FROM '^.{16}:(\d{2}(?:\.\d{1,6})?)')::float8, 0)))`;
