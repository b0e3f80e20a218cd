import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { signBits } from './sign-bits.js';

/** A vector whose variance lies along some of its axes only, or along all: a share of its numbers is 0. */
const vectors = (dimensions: number) =>
  fc.noShrink(
    fc.tuple(fc.integer(), fc.constantFrom(0, 0.9, 0.999)).map(([seed, sparsity]) => {
      const random = generator(seed);
      return Array.from({ length: dimensions }, (_, i) =>
        i > 0 && random() < sparsity ? 0 : normal(random),
      );
    }),
  );

/** Two vectors at an angle that is as often small as large. */
const pairs = fc
  .integer({ min: 2, max: 4_000 })
  .chain((dimensions) =>
    fc.tuple(vectors(dimensions), vectors(dimensions), fc.double({ min: -6, max: 6, noNaN: true })),
  )
  .map(([a, other, nearness]) => ({ a, b: a.map((x, i) => x + Math.exp(nearness) * (other[i] as number)) }));

describe('sign bits', () => {
  it('differ by the share θ/π, within the deviation stated', () => {
    const deviations: number[] = [];
    fc.assert(
      fc.property(pairs, ({ a, b }) => {
        const p = angle(a, b) / Math.PI;
        const [bitsOfA, bitsOfB] = [signBits(a), signBits(b)];
        const n = bitsOfA.length * 8;
        deviations.push((differing(bitsOfA, bitsOfB) - n * p) / Math.sqrt(n * p * (1 - p) + 1));
      }),
      { numRuns: 1_000, seed: 1 },
    );
    const meanSquare = deviations.reduce((sum, x) => sum + x * x, 0) / deviations.length;
    expect(meanSquare).toBeGreaterThan(0.5); // else nothing was random
    expect(meanSquare).toBeLessThan(1.1);
    expect(Math.max(...deviations.map(Math.abs))).toBeLessThan(4);
  });

  it('depend on the direction alone, not on its length or on what came before', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1_100 }).chain(vectors), vectors(1_500), (vector, before) => {
        const bits = signBits(vector);
        signBits(before);
        signBits(before.slice(0, 1_000));
        expect(signBits(vector)).toEqual(bits);
        expect(signBits(vector.map((x) => x / 1_024))).toEqual(bits);
        expect(differing(signBits(vector.map((x) => -x)), bits)).toBeGreaterThan(bits.length * 8 * 0.95);
      }),
      { numRuns: 50 },
    );
  });

  it.each([
    [1, 1_024],
    [1_024, 1_024],
    [1_025, 2_048],
    [1_536, 2_048],
    [3_072, 4_096],
    [4_000, 4_096],
  ])('of %i dimensions are %i', (dimensions, bits) => {
    expect(signBits(Array.from({ length: dimensions }, () => 1)).length * 8).toBe(bits);
  });

  // They are stored: other bits for the same vector would make every search of what is stored wrong, silently.
  it.each([
    [1, 'e0a389aac622', 'ae97f134926ca1a160a961ab'],
    [384, '708ea325c687', '5098d16ef5b487971cd441d8'],
    [1_536, 'f1d2d9ff669f', '6d2d44bf064b0da2b795c847'],
    [4_000, '50885807f786', '2db14af52b4e585958d36b18'],
  ])('of %i dimensions never change', (dimensions, first, whole) => {
    const bits = signBits(Array.from({ length: dimensions }, (_, i) => ((i * 7_919) % 4_001) - 2_000));
    const hash = createHash('sha256').update(bits).digest('hex');
    expect([bits.toString('hex', 0, 6), hash.slice(0, 24)]).toEqual([first, whole]);
  });
});

function angle(a: readonly number[], b: readonly number[]): number {
  const dot = (x: readonly number[], y: readonly number[]): number =>
    x.reduce((sum, value, i) => sum + value * (y[i] as number), 0);
  return Math.acos(Math.max(-1, Math.min(1, dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)))));
}

function differing(a: Buffer, b: Buffer): number {
  return a.reduce((sum, byte, i) => {
    let bits = byte ^ (b[i] as number);
    for (; bits; bits &= bits - 1) sum++;
    return sum;
  }, 0);
}

function generator(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    return ((state >>> 8) + 0.5) / 2 ** 24;
  };
}

const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random());
