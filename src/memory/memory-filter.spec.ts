// Over 200 lines: a table of everything that is refused, and where.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidInputError } from '../errors.js';
import { parseFilter } from './memory-filter.js';
import { parseMetadataPath } from './metadata-path.js';

const FIELDS =
  'agentId, threadId, speaker, role, seq, occurredAt, createdAt, updatedAt, metadata.<path>, and, or or not';
const OPERATORS = 'eq, ne, in, nin, gt, gte, lt, lte or exists';
const nested = (depth: number, wrap: (inner: unknown) => unknown): unknown => {
  let filter: unknown = { agentId: 'a' };
  for (let level = 1; level < depth; level += 1) filter = wrap(filter);
  return filter;
};
const conditions = (count: number): object => ({
  or: Array.from({ length: count }, (_, index) => ({ seq: index })),
});

describe('a filter', () => {
  it.each([
    ['text', '', 'filter: must be an object'],
    ['nothing', null, 'filter: must be an object'],
    ['a list', [], 'filter: must be an object'],
    ['an instance of a class', new Date(), 'filter: must be an object'],
    ['an unknown field', { author: 'Ada' }, `filter.author: is not a field of a filter; use ${FIELDS}`],
    ['a field of every object', { toString: 'a' }, 'filter.toString: is not a field'],
    ['a prototype', JSON.parse('{"__proto__":{"agentId":"a"}}'), 'filter.__proto__: is not a field'],
    ['metadata without a path', { metadata: { a: 1 } }, 'filter.metadata: is not a field'],
    ['an operator as a field', { $or: [{}] }, 'filter.$or: is not a field'],
    ['a very long field', { ['x'.repeat(100_000)]: 1 }, `filter.${'x'.repeat(64)}…: is not a field`],
    ['half a character', { '\ud800': 1 }, 'filter.\ufffd: is not a field'],
    [
      'an unknown operator',
      { speaker: { gtt: 'a' } },
      `filter.speaker.gtt: is not an operator; use ${OPERATORS}`,
    ],
    [
      'an operator of every object',
      { seq: { constructor: 1 } },
      'filter.seq.constructor: is not an operator',
    ],
    [
      'a place deep inside',
      { and: [{ speaker: { gtt: 1 } }] },
      'filter.and.0.speaker.gtt: is not an operator',
    ],
    ['a place under not', { or: [{}, { not: { seq: 'x' } }] }, 'filter.or.1.not.seq: must be a whole number'],
    ['no operator', { speaker: {} }, `filter.speaker: must have an operator; use ${OPERATORS}`],
    ['a value that is undefined', { agentId: undefined }, 'filter.agentId: is undefined'],
    ['an operand that is undefined', { agentId: { eq: undefined } }, 'filter.agentId.eq: must be a text'],
    [
      'a list as a value',
      { agentId: ['a'] },
      'filter.agentId: must be one value or operators; for one of several values use in',
    ],
    ['and of one filter', { and: { agentId: 'a' } }, 'filter.and: must be a list of at least one filter'],
    ['and of nothing', { and: [] }, 'filter.and: must be a list of at least one filter'],
    ['or of a text', { or: ['agentId'] }, 'filter.or.0: must be an object'],
    ['a hole in a list', { or: new Array(1) }, 'filter.or.0: must be an object'],
    ['not of a list', { not: [{}] }, 'filter.not: must be an object'],
    ['a number for a text', { agentId: 7 }, 'filter.agentId: must be a text'],
    ['null for a text', { threadId: null }, 'filter.threadId: must be a text'],
    ['an object for a text', { role: { eq: {} } }, 'filter.role.eq: must be a text'],
    ['a long text', { role: 'x'.repeat(1_025) }, 'filter.role: must have at most 1024 characters, not 1025'],
    ['NUL', { role: 'a\0' }, 'filter.role: must not contain NUL'],
    [
      'a lone surrogate',
      { 'metadata.a': { in: ['\udfff'] } },
      'filter.metadata.a.in.0: must not contain a lone surrogate',
    ],
    ['a fraction for a place', { seq: { gt: 1.5 } }, 'filter.seq.gt: must be a whole number'],
    ['a place beyond counting', { seq: 2 ** 53 }, 'filter.seq: must be a whole number'],
    ['a text for a place', { seq: '1' }, 'filter.seq: must be a whole number'],
    [
      'a moment that is none',
      { occurredAt: { lt: '2026-02-30' } },
      'filter.occurredAt.lt: must be a date or time in ISO 8601',
    ],
    [
      'a number for a moment',
      { createdAt: 1_778_248_560 },
      'filter.createdAt: must be a date or time in ISO 8601',
    ],
    ['one value for in', { role: { in: 'user' } }, 'filter.role.in: must be a list of at most 200 values'],
    [
      'too many values',
      { role: { nin: Array(201).fill('a') } },
      'filter.role.nin: must be a list of at most 200 values',
    ],
    ['a list in a list', { 'metadata.a': { in: [[1]] } }, 'filter.metadata.a.in.0: must be a text, a number'],
    ['a wrong value in a list', { seq: { in: [1, null] } }, 'filter.seq.in.1: must be a whole number'],
    [
      'a text for exists',
      { 'metadata.a': { exists: 'yes' } },
      'filter.metadata.a.exists: must be true or false',
    ],
    ['null for exists', { role: { exists: null } }, 'filter.role.exists: must be true or false'],
    [
      'an object in metadata',
      { 'metadata.a': { eq: { b: 1 } } },
      'filter.metadata.a.eq: must be a text, a number',
    ],
    ['a big integer', { 'metadata.a': 1n }, 'filter.metadata.a: must be a text, a number'],
    ['infinity', { 'metadata.a': { lt: Infinity } }, 'filter.metadata.a.lt: must be a finite number'],
    ['no number', { 'metadata.a': NaN }, 'filter.metadata.a: must be a finite number'],
    ['more than null', { 'metadata.a': { gt: null } }, 'filter.metadata.a.gt: must not be null'],
    ['too many conditions', conditions(201), 'filter: must have at most 200 conditions'],
    [
      'too many operators',
      { and: [conditions(199), { seq: { gt: 1, lt: 9 } }] },
      'filter: must have at most 200 conditions',
    ],
    ['too many empty filters', { or: Array(201).fill({}) }, 'filter: must have at most 200 conditions'],
    [
      'and in and',
      nested(17, (inner) => ({ and: [inner] })),
      `filter${'.and.0'.repeat(16)}: is nested more than 16 levels deep`,
    ],
    [
      'not of not',
      nested(10_000, (not) => ({ not })),
      `filter${'.not'.repeat(16)}: is nested more than 16 levels deep`,
    ],
    [
      'objects without an end',
      { agentId: nested(10_000, (eq) => ({ eq })) },
      'filter.agentId.eq: must be a text',
    ],
    [
      'lists without an end',
      { 'metadata.a': { in: nested(10_000, (inner) => [inner]) } },
      'filter.metadata.a.in.0: must be a text',
    ],
  ])('is not %s', (_, filter, message) => {
    const refusal = refusalOf(() => parseFilter(filter));
    expect(refusal.message.startsWith(message)).toBe(true);
    expect(refusal.extensions.violations).toHaveLength(1);
    expect(refusal.message.length).toBeLessThan(1_000);
  });

  it.each([
    ['a path without a key', 'metadata.', '(segment 1): must be a non-empty string'],
    ['two dots', 'metadata.a..b', '(segment 2): must be a non-empty string'],
    ['a dot at the end', 'metadata.a.', '(segment 2): must be a non-empty string'],
    ['nine segments', 'metadata.a.b.c.d.e.f.g.h.i', ': must have at most 8 segments, not 9'],
    [
      'a long segment',
      `metadata.${'x'.repeat(257)}`,
      '(segment 1): must have at most 256 characters, not 257',
    ],
    ['a path of a megabyte', `metadata.${'x'.repeat(1_000_000)}`, ': must have at most 8 segments'],
    ['NUL', 'metadata.a\0', 'must not contain NUL'],
    ['half a character', 'metadata.a.\ud800', 'must not contain a lone surrogate'],
    ['another escape', String.raw`metadata.a\n`, 'has a backslash that escapes nothing'],
    ['a backslash at the end', 'metadata.a\\', 'has a backslash that escapes nothing'],
  ])('has no path with %s', (_, path, message) => {
    const refusal = refusalOf(() => parseFilter({ [path]: 1 }));
    expect(refusal.message).toContain(message);
    expect(refusal.message.startsWith('filter.metadata.')).toBe(true);
    expect(refusal.message.length).toBeLessThan(1_000);
  });

  it('may go to each limit', () => {
    const long = 'x'.repeat(256);
    for (const filter of [
      {},
      conditions(200),
      nested(16, (not) => ({ not })),
      { role: { in: Array(200).fill('x'.repeat(1_024)) }, seq: { nin: [] } },
      { [`metadata.${Array(8).fill(long).join('.')}`]: Number.MIN_VALUE },
      { [`metadata.${Array(8).fill('\\.'.repeat(256)).join('.')}`]: null },
      Object.assign(Object.create(null) as object, { agentId: '' }),
    ])
      expect(() => parseFilter(filter)).not.toThrow();
  });

  it('is called as its caller calls it', () => {
    expect(() => parseFilter({ x: 1 }, 'search.filter')).toThrow('search.filter.x: is not a field');
  });

  it('is either taken or refused by InvalidInputError, whatever was sent', () => {
    const keys = fc.constantFrom(
      'and',
      'or',
      'not',
      'agentId',
      'seq',
      'occurredAt',
      'metadata.a',
      'eq',
      'in',
      'gt',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { depthSize: 'medium' },
        fc.anything(),
        fc.dictionary(fc.oneof(keys, fc.string({ unit: 'binary' })), tie('tree'), { noNullPrototype: false }),
        fc.array(tie('tree'), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(tree, (filter) => {
        try {
          parseFilter(filter);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidInputError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  it('means what its long form means', () => {
    const long = {
      and: [
        { agentId: { eq: 'a' } },
        { and: [{ seq: { gt: 1 } }, { seq: { lt: 9 } }] },
        { not: { 'metadata.a': { eq: null } } },
        { not: { role: { in: ['user'] } } },
      ],
    };
    const short = {
      agentId: 'a',
      seq: { gt: 1, lt: 9 },
      'metadata.a': { ne: null },
      role: { nin: ['user'] },
    };
    expect(parseFilter(short)).toEqual(parseFilter(long));
  });
});

describe('a path of metadata', () => {
  it('names every list of keys in one way', () => {
    const keys = fc.array(fc.string({ unit: fc.constantFrom('.', '\\', 'a', '0', '🙂'), minLength: 1 }), {
      minLength: 1,
      maxLength: 8,
    });
    fc.assert(
      fc.property(keys, (segments) => {
        const path = segments.map((segment) => segment.replaceAll(/[\\.]/g, '\\$&')).join('.');
        expect(parseMetadataPath(path, 'path')).toEqual(segments);
      }),
    );
  });
});

function refusalOf(work: () => unknown): InvalidInputError {
  try {
    work();
  } catch (error) {
    if (error instanceof InvalidInputError) return error;
    throw error;
  }
  throw new Error('It was accepted.');
}
