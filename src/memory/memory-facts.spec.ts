import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  factsAt,
  factsBetween,
  factsEqualTo,
  factsOf,
  MAX_FACTS,
  NOT_INDEXED,
  type Fact,
  type FactRange,
} from './memory-facts.js';

const isWithin = (fact: Fact, [from, to]: FactRange): boolean =>
  Buffer.compare(from, fact) <= 0 && Buffer.compare(fact, to) <= 0;
const isEqual = (facts: readonly Fact[], others: readonly Fact[]): boolean =>
  facts.some((fact) => others.some((other) => fact.equals(other)));
const text = fc.oneof(
  fc.string({ unit: 'grapheme' }),
  fc
    .tuple(fc.constantFrom('2026-05-08T13:56:00.000Z', 'é'.repeat(12), 'a'.repeat(23)), fc.string())
    .map((parts) => parts.join('')),
);
const number = fc.oneof(
  fc.constantFrom(0, -0, Number.MIN_VALUE, -Number.MAX_VALUE),
  fc.double({ noNaN: true }),
);
const pair = fc.oneof(fc.tuple(text, text), fc.tuple(number, number), fc.tuple(fc.boolean(), fc.boolean()));
const byCodePoint = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

describe('the facts of metadata', () => {
  it('are in the order of the values, as far as they tell them apart', () => {
    fc.assert(
      fc.property(pair, ([value, bound]) => {
        const order = typeof value === 'string' ? byCodePoint(value, bound) : Number(value) - Number(bound);
        for (const metadata of [{ a: { b: value } }, { a: { b: [[], value, null] } }]) {
          const facts = factsOf(metadata);
          const found = (range: { from?: typeof bound; to?: typeof bound }): boolean =>
            factsBetween(['a', 'b'], range).some((each) => facts.some((fact) => isWithin(fact, each)));
          if (order >= 0) expect(found({ from: bound })).toBe(true);
          if (order <= 0) expect(found({ to: bound })).toBe(true);
          // What is longer than a prefix is told apart by its hash alone, which has no order.
          if (typeof value !== 'string') expect(found({ from: bound })).toBe(order >= 0);
          expect(isEqual(facts, factsEqualTo(['a', 'b'], bound))).toBe(order === 0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('tell a long text from another with the same beginning', () => {
    const [one = '', other = ''] = ['x', 'y'].map((end) =>
      'The same beginning of both, and then '.concat(end),
    );
    expect(isEqual(factsOf({ a: one }), factsEqualTo(['a'], one))).toBe(true);
    expect(isEqual(factsOf({ a: one }), factsEqualTo(['a'], other))).toBe(false);
  });

  it('have each type apart', () => {
    const values = ['7', 7, true, null, '', 0, false];
    for (const value of values)
      for (const other of values)
        expect(isEqual(factsOf({ a: value }), factsEqualTo(['a'], other))).toBe(value === other);
    expect(
      factsOf({ a: '7' }).some((fact) => factsBetween(['a'], { from: 0 }).some((r) => isWithin(fact, r))),
    ).toBe(false);
  });

  it('find a list of which one element is above and another one below', () => {
    const span = (metadata: object): boolean =>
      factsBetween(['a'], { from: 5, to: 3 }).some((range) =>
        factsOf(metadata as Record<string, unknown>).some((fact) => isWithin(fact, range)),
      );
    expect(span({ a: [1, 9] })).toBe(true);
    expect(span({ a: 9 })).toBe(false);
  });

  it.each([[{}], [[]], [[[1]]], [[{ c: 1 }]], [{ c: {} }], [{ c: 1 }], [null], [[null]], ['']])(
    'tell that there is %j',
    (value) => {
      const facts = factsOf({ a: { b: value } });
      for (const path of [['a'], ['a', 'b']])
        expect(facts.some((fact) => isWithin(fact, factsAt(path)))).toBe(true);
      for (const path of [['b'], ['a', 'c'], ['a', 'b', '0']])
        expect(facts.some((fact) => isWithin(fact, factsAt(path)))).toBe(false);
    },
  );

  it('are each there once, and none of what no filter can name', () => {
    expect(factsOf({ a: [1, 1, '1', 1] })).toHaveLength(2);
    expect(factsOf({})).toEqual([]);
    expect(factsOf({ '': 1, ['k'.repeat(257)]: 1 })).toEqual([]);
    const deep = (levels: number): object => (levels === 0 ? { z: 1 } : { a: deep(levels - 1) });
    expect(factsOf({ a: deep(6) })).toHaveLength(8);
    expect(factsOf({ a: deep(20) })).toHaveLength(8);
  });

  it('are but one when there are many', () => {
    const many = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
    expect(factsOf({ a: many(MAX_FACTS) })).toHaveLength(MAX_FACTS);
    expect(factsOf({ a: many(MAX_FACTS + 1) })).toEqual([NOT_INDEXED]);
    expect(factsOf({ a: Array(1_000).fill(7) })).toHaveLength(1);
  });
});
