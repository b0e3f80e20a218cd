import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { FastifyRequest } from 'fastify';
import { InvalidInputError } from '../errors.js';
import { requestHash } from './idempotency-hash.js';

const hash = (body: unknown, { method = 'POST', url = '/v1/things', params = {} } = {}): string =>
  requestHash({ method, routeOptions: { url }, params, body } as FastifyRequest).toString('hex');

/** The same value with the members of every object in reverse. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .map(([key, item]) => [key, reversed(item)])
      .reverse(),
  );
}

describe('the hash of a request', () => {
  const bodies = fc.jsonValue({ maxDepth: 4 });

  it('does not depend on the order of fields', () => {
    fc.assert(
      fc.property(bodies, (body) => {
        expect(hash(reversed(body))).toBe(hash(body));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is another for another body', () => {
    fc.assert(
      fc.property(bodies, bodies, (one, other) => {
        const same = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(hash(one) === hash(other)).toBe(same);
      }),
      { numRuns: 5_000 },
    );
    const near = [
      { a: [1, 2] },
      { a: [2, 1] },
      { a: [[1], 2] },
      { a: '1,2' },
      { a: { 0: 1, 1: 2 } },
      { a: [] },
    ];
    const nearer = ['', null, [], {}, [null], [[]], 0, false, '0', 'null', '{}', '[]'];
    const all = [...near, ...nearer].map((body) => hash(body));
    expect(new Set(all).size).toBe(all.length);
  });

  it('is another for another method, route or parameter', () => {
    const all = [
      hash({}),
      hash({}, { method: 'PATCH' }),
      hash({}, { url: '/v1/things/:id' }),
      hash({}, { url: '/v1/things/:id', params: { id: 'a' } }),
      hash({}, { url: '/v1/things/:id', params: { id: 'b' } }),
    ];
    expect(new Set(all).size).toBe(all.length);
  });

  it('refuses what is nested deeper than anything that is accepted, however deep', () => {
    const nested = (depth: number): unknown => JSON.parse('['.repeat(depth) + ']'.repeat(depth));
    expect(hash(nested(50))).not.toBe(hash(nested(49)));
    for (const depth of [70, 100_000]) expect(() => hash(nested(depth))).toThrow(InvalidInputError);
  });
});

/** Normal form by other means: members in one order. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return Object.is(value, -0) ? 0 : value;
  const members = Object.entries(value).map(([key, item]) => [key, sorted(item)] as const);
  return { object: members.sort(([one], [other]) => (one < other ? -1 : 1)) };
}
