import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { lengthPrior } from './bm25.js';
import { type Candidate } from './candidate.js';
import { fuse, SEMANTIC_CHANNELS, type Channels } from './fusion.js';

const { builtIn, model } = SEMANTIC_CHANNELS;

function found(lexical: number | null, similarity: number | null = null, chunkCount = 1): Candidate {
  return { memoryId: 'a', endsInQuestion: false, length: 100, chunkCount, lexical, similarity };
}

const scoresOf = (candidates: Candidate[], channels: Channels): readonly number[] =>
  fuse(candidates, channels).scores;

/** Rounded: differences far below the precision of a sum are no order. */
const lexicalScore = fc.option(fc.nat(1_000).map((score) => score / 10));
const similarity = fc.option(fc.integer({ min: -1_000, max: 1_000 }).map((score) => score / 1_000));
const candidate = fc
  .tuple(lexicalScore, similarity, fc.constantFrom(1, 1, 2, 40))
  .map(([lexical, cosine, chunkCount]) => found(lexical, cosine, chunkCount));
const channels = fc.constantFrom<Channels>(
  { lexical: true },
  { lexical: false, semantic: builtIn },
  { lexical: false, semantic: model },
  { lexical: true, semantic: builtIn },
  { lexical: true, semantic: model },
);

describe('fused scores', () => {
  it('are the weighted mean of both channels, each against its best', () => {
    const candidates = [found(8, 0.1), found(4, 0.4), found(null, 0.2), found(2, null)];
    const expected = [(1 + 0.5 / 4) / 1.5, (0.5 + 0.5) / 1.5, 0.25 / 1.5, 0.25 / 1.5];
    for (const [at, score] of scoresOf(candidates, { lexical: true, semantic: builtIn }).entries())
      expect(score).toBeCloseTo(expected[at] as number, 12);
  });

  it('take the lowest similarity for the floor of a model that has none', () => {
    const candidates = [found(8, 0.7), found(4, 0.9), found(null, 0.8), found(2, null)];
    const expected = [1 / 2, (0.5 + 1) / 2, 0.5 / 2, 0.25 / 2];
    for (const [at, score] of scoresOf(candidates, { lexical: true, semantic: model }).entries())
      expect(score).toBeCloseTo(expected[at] as number, 12);
  });

  it('are those of one channel where the other found nothing, or is not asked', () => {
    const candidates = [found(8, 0), found(4, -0.5), found(null, 0)];
    expect(scoresOf(candidates, { lexical: true, semantic: builtIn })).toEqual([1, 0.5, 0]);
    expect(scoresOf([found(8, 0.1), found(4, 0.9)], { lexical: true })).toEqual([1, 0.5]);
    expect(scoresOf([found(8, 0.1), found(4, 0.2)], { lexical: false, semantic: builtIn })).toEqual([0.5, 1]);
    expect(scoresOf([found(null), found(null)], { lexical: true, semantic: model })).toEqual([0, 0]);
    expect(scoresOf([], { lexical: true, semantic: model })).toEqual([]);
  });

  it('do not make a difference where there is none', () => {
    const all = { lexical: false, semantic: model };
    expect(scoresOf([found(null, 0.7), found(null, 0.7), found(null)], all)).toEqual([1, 1, 0]);
    expect(scoresOf([found(null, -0.2)], all)).toEqual([1]);
  });

  it('are lower for the best of many chunks', () => {
    const candidates = [found(8, 0.5, 1), found(8, 0.5, 10)];
    expect(scoresOf(candidates, { lexical: true, semantic: builtIn })[1]).toBeCloseTo(lengthPrior(10), 12);
  });

  it('tell what a part of a lexical score has in them', () => {
    const candidates = [found(8, 0.1), found(4, 0.4, 10)];
    const { partOf } = fuse(candidates, { lexical: true, semantic: builtIn });
    expect(partOf(2, candidates[0] as Candidate)).toBeCloseTo(2 / 8 / 1.5, 12);
    expect(partOf(2, candidates[1] as Candidate)).toBeCloseTo(((2 / 8) * lengthPrior(10)) / 1.5, 12);
    expect(
      fuse(candidates, { lexical: false, semantic: builtIn }).partOf(2, candidates[0] as Candidate),
    ).toBe(0);
  });

  it('put two channels that agree in the order of either', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1 }), channels, (values, asked) => {
        const scores = scoresOf(
          values.map((value) => found(value / 100, value / 100)),
          asked,
        );
        const order = (of: readonly number[]): number[] =>
          of.map((_, at) => at).sort((a, b) => (of[b] ?? 0) - (of[a] ?? 0));
        expect(order(scores)).toEqual(order(values));
      }),
    );
  });

  it.each(['lexical', 'similarity'] as const)(
    'never put a memory lower for more of its %s score',
    (channel) => {
      fc.assert(
        fc.property(
          fc.array(candidate, { minLength: 2 }),
          channels,
          fc.nat(2_000),
          (candidates, asked, more) => {
            const [first] = candidates as [Candidate];
            fc.pre(channel === 'lexical' || first.similarity != null);
            const raised = Math.min(
              (first[channel] ?? 0) + more / 1_000,
              channel === 'similarity' ? 1 : Infinity,
            );
            const before = scoresOf(candidates, asked);
            const after = scoresOf([{ ...first, [channel]: raised }, ...candidates.slice(1)], asked);
            for (const [at, score] of before.entries())
              if ((before[0] ?? 0) > score + 1e-9) expect(after[0]).toBeGreaterThan((after[at] ?? 0) - 1e-9);
          },
        ),
        { numRuns: 1_000 },
      );
    },
  );

  it('do not depend on the offset and the scale of a model’s similarities', () => {
    fc.assert(
      fc.property(fc.array(candidate), (candidates) => {
        const narrow = candidates.map((one) => ({
          ...one,
          similarity: one.similarity == null ? null : 0.8 + one.similarity / 10,
        }));
        const asked = { lexical: true, semantic: model };
        const scores = scoresOf(narrow, asked);
        for (const [at, score] of scoresOf(candidates, asked).entries())
          expect(scores[at]).toBeCloseTo(score, 9);
      }),
    );
  });

  it('are from 0 to 1 for whatever finite scores', () => {
    const finite = fc.option(fc.double({ noNaN: true, noDefaultInfinity: true }));
    const extreme = fc
      .tuple(finite, finite, fc.double({ noNaN: true, noDefaultInfinity: true }))
      .map((of) => found(...of));
    fc.assert(
      fc.property(
        fc.array(extreme),
        channels,
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (candidates, asked, part) => {
          const { scores, partOf } = fuse(candidates, asked);
          for (const value of [...scores, ...candidates.map((one) => partOf(part, one))]) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
