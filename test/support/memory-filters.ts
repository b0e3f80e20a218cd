// Over 200 lines: what rows and filters are made of belongs together, so that one finds the other.
import fc from 'fast-check';
import type { MemoryFilter } from '../../src/memory/memory-filter.js';
import type { FilteredMemory } from './memory-filter-evaluator.js';

/** Keys and texts that mean something to SQL, JSONPath, LIKE, a regular expression, JSON, JavaScript or MongoDB. */
const HOSTILE = [
  `' OR '1'='1`,
  `'; DROP TABLE public.filtered_memories; --`,
  `$1`,
  `$1::text`,
  '$$',
  '$bound',
  `\\`,
  `\\\\`,
  `\\'`,
  `"`,
  `"a"`,
  `'`,
  '/*',
  '--',
  '%',
  '_',
  '\\%',
  '.*',
  '^a$',
  '(?=a)',
  '[a-z]',
  '$',
  '$.a',
  '$[*] ? (@ > 0)',
  '@',
  '?',
  '{}',
  '[]',
  '{a,b}',
  'null',
  'NULL',
  'true',
  '0',
  '1',
  '-1',
  '1e309',
  'NaN',
  'a',
  'a.b',
  'A',
  'b',
  'Z',
  ' ',
  ' a',
  '\n',
  '\u0001',
  '\u2028',
  '\ufeff',
  '\uffff',
  'é',
  'e\u0301',
  'ß',
  'İ',
  '漢字',
  '🙂',
  '🙂a',
  '__proto__',
  'constructor',
  'toString',
  'length',
  '$gt',
  'eq',
];

const NUMBERS = [
  0,
  -0,
  1,
  -1,
  7,
  0.1,
  0.30000000000000004,
  0.3,
  1e21,
  1e-7,
  2 ** 53,
  2 ** 53 - 1,
  2 ** 53 + 2,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  Number.MIN_VALUE,
  -Number.MIN_VALUE,
  2.2250738585072014e-308,
  1.7976931348623155e308,
];

/** The same instants in several forms, and neighbours of theirs. */
const MOMENTS = [
  '2026-05-08',
  '2026-05-08T00:00',
  '2026-05-08T00:00:00Z',
  '2026-05-08T02:00+02:00',
  '2026-05-07T18:30:00-05:30',
  '2026-05-07T24:00:00',
  '2026-05-07T23:59:59.999999999Z',
  '2026-05-07T23:59:59.999999+00:00',
  '2026-05-08T00:00:00.000001Z',
  '2026-05-08T00:00:00.0000014',
  '2026-05-08T00:00:00.5',
  '2026-05-08T23:59:59.999-23:59',
  '2026-05-09',
  '2024-02-29T12:00:00+14:00',
  '2024-03-01',
  '1969-12-31T23:59:59.9999996Z',
  '1970-01-01',
  '1582-10-10',
  '0001-01-01',
  '9999-12-31T23:59:59.999999',
];

const hostile = fc.constantFrom(...HOSTILE);
const anyText = fc
  .string({ unit: 'binary', maxLength: 4 })
  .filter((text) => text.isWellFormed() && !text.includes('\0'));
const text = fc.oneof({ weight: 5, arbitrary: hostile }, { weight: 1, arbitrary: anyText });
/** Few, so that a filter finds something. */
const key = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom('a', 'b', '0', 'a.b', '\\', `'`, '__proto__') },
  { weight: 3, arbitrary: hostile },
  { weight: 1, arbitrary: anyText.filter((each) => each !== '') },
);
const number = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...NUMBERS) },
  { weight: 1, arbitrary: fc.double({ noNaN: true, noDefaultInfinity: true }) },
);
const scalar = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom('a', 'b', 1, 7, true, false, '1', 'é', null) },
  { weight: 2, arbitrary: text },
  { weight: 2, arbitrary: number },
);
const label = fc.constantFrom(
  'ada',
  'Ada',
  'user',
  'é',
  'z',
  '',
  ' ',
  '🙂',
  '\uffff',
  `'`,
  '\\',
  '%',
  '$1',
  '{a}',
);
const seq = fc.constantFrom(0, 1, 2, 3, 10, 2 ** 31, Number.MAX_SAFE_INTEGER);
const moment = fc.constantFrom(...MOMENTS);

/** Own members, `__proto__` too. */
const objectOf = (value: fc.Arbitrary<unknown>): fc.Arbitrary<Record<string, unknown>> =>
  fc.array(fc.tuple(key, value), { maxLength: 4 }).map((members) => Object.fromEntries(members));

const { value: metadataValue } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 4, depthSize: 'large' },
    { weight: 3, arbitrary: scalar },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    { weight: 4, arbitrary: objectOf(tie('value')) },
  ),
}));

/** As they could be stored, and stranger. */
export const memories: fc.Arbitrary<FilteredMemory> = fc.record({
  agentId: label.filter((each) => each !== ''),
  metadata: objectOf(metadataValue),
  source: fc.option(
    fc.record(
      { threadId: label, speaker: label, role: label, seq, occurredAt: moment },
      { requiredKeys: [] },
    ),
  ),
  // To the millisecond, as they are stored.
  createdAt: fc.constantFrom(
    '2026-05-08T00:00:00.000Z',
    '2026-05-08T00:00:00.001Z',
    '1970-01-01T00:00:00.000Z',
  ),
  updatedAt: fc.constantFrom('2026-05-08T00:00:00.500Z', '2026-05-09T00:00:00.000Z'),
});

interface Occurrence {
  readonly path: readonly string[];
  readonly value: unknown;
}

/** What stands in metadata, elements of lists included, with the keys that lead there. */
function occurrencesIn(value: unknown, path: readonly string[] = []): Occurrence[] {
  if (Array.isArray(value)) return value.flatMap((item) => [{ path, value: item as unknown }]);
  if (typeof value !== 'object' || value === null) return [{ path, value }];
  return Object.entries(value).flatMap(([name, member]) => occurrencesIn(member, [...path, name]));
}

const OPERATORS = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'exists'];

function conditionOn(value: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const values = fc.array(value, { maxLength: 4 });
  const bound = value.map((each) => each ?? true); // null is no bound
  const operators = fc.record({
    eq: value,
    ne: value,
    in: values,
    nin: values,
    gt: bound,
    gte: bound,
    lt: bound,
    lte: bound,
    exists: fc.boolean(),
  });
  const some = fc
    .tuple(operators, fc.subarray(OPERATORS, { minLength: 1, maxLength: 2 }))
    .map(([all, chosen]) =>
      Object.fromEntries(Object.entries(all).filter(([name]) => chosen.includes(name))),
    );
  return fc.oneof({ weight: 1, arbitrary: value }, { weight: 4, arbitrary: some });
}

const pathOf = (keys: readonly string[]): string =>
  `metadata.${keys.map((each) => each.replaceAll(/[\\.]/g, '\\$&')).join('.')}`;

/**
 * Good filters of every shape, up to five levels deep. Half of those on metadata ask for something that one of the
 * memories has, by the type of which the other values are, too.
 */
export function filtersOf(stored: readonly FilteredMemory[]): fc.Arbitrary<MemoryFilter> {
  const there = stored
    .flatMap(({ metadata }) => occurrencesIn(metadata))
    .filter(
      ({ path, value }) =>
        path.length > 0 && path.length <= 8 && path.every((each) => each !== '') && isScalar(value),
    );
  const present = fc
    .constantFrom(...there)
    .chain(({ path, value }) =>
      conditionOn(fc.oneof(fc.constant(value), typeof value === 'number' ? number : scalar)).map(
        (condition) => [pathOf(path), condition] as const,
      ),
    );
  const anywhere = fc.tuple(fc.array(key, { minLength: 1, maxLength: 3 }).map(pathOf), conditionOn(scalar));
  const on = (names: string[], value: fc.Arbitrary<unknown>) =>
    fc.tuple(fc.constantFrom(...names), conditionOn(value));
  const member = fc.oneof(
    { weight: 4, arbitrary: present },
    { weight: 4, arbitrary: anywhere },
    { weight: 3, arbitrary: on(['agentId', 'threadId', 'speaker', 'role'], label) },
    { weight: 1, arbitrary: on(['seq'], seq) },
    { weight: 2, arbitrary: on(['occurredAt'], moment) },
    { weight: 1, arbitrary: on(['createdAt', 'updatedAt'], moment) },
  );
  return fc.letrec<{ filter: MemoryFilter }>((tie) => {
    const combined = fc.oneof(
      fc.tuple(fc.constantFrom('and', 'or'), fc.array(tie('filter'), { minLength: 1, maxLength: 3 })),
      fc.tuple(fc.constant('not'), tie('filter')),
    );
    const any = fc.oneof({ weight: 4, arbitrary: member }, { weight: 1, arbitrary: combined });
    return {
      filter: fc
        .oneof(
          { maxDepth: 4, depthSize: 'medium' },
          { weight: 5, arbitrary: member.map((one) => [one]) },
          { weight: 4, arbitrary: combined.map((one) => [one]) },
          { weight: 2, arbitrary: fc.array(any, { maxLength: 3 }) },
        )
        .map((members) =>
          Object.fromEntries(members as (readonly [string, unknown])[]),
        ) as fc.Arbitrary<MemoryFilter>,
    };
  }).filter;
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== 'object';
}
