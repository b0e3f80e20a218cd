// Over 200 lines: one property a rule of the ranking, and one example a figure of the conversation's.
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { type Candidate } from './candidate.js';
import { fuse, SEMANTIC_CHANNELS } from './fusion.js';
import { rank, RECALL_MODES, type RankedMemory, type RankingOptions } from './rank.js';

const hybrid = { mode: 'hybrid', semantic: SEMANTIC_CHANNELS.builtIn, words: [] } as const;
const lexical = { ...hybrid, mode: 'lexical' } as const;

function memory(memoryId: string, rest: Partial<Candidate> = {}): Candidate {
  return { memoryId, endsInQuestion: false, length: 100, chunkCount: 1, ...rest };
}

/** A turn of the thread t, found by the words with this score. */
function turn(seq: number, score: number | null = null, rest: Partial<Candidate> = {}): Candidate {
  return memory(`${seq}`, { threadId: 't', seq, lexical: score, ...rest });
}

function scoresOf(candidates: Candidate[], options: RankingOptions = lexical): Record<string, number> {
  return Object.fromEntries(rank(candidates, options).map(({ memoryId, score }) => [memoryId, score]));
}

const orderOf = (ranked: readonly RankedMemory[]): string[] => ranked.map(({ memoryId }) => memoryId);

const finite = fc.double({ noNaN: true, noDefaultInfinity: true });
const maybe = <Value>(value: fc.Arbitrary<Value>): fc.Arbitrary<Value | null> => fc.option(value);

/** Candidates of a few threads, whatever their scores. */
function candidatesOf(
  score: fc.Arbitrary<number>,
  similarity: fc.Arbitrary<number>,
): fc.Arbitrary<Candidate[]> {
  const candidate = fc.record({
    memoryId: fc.nat(60).map(String),
    threadId: maybe(fc.constantFrom('', 't', 'u')),
    seq: maybe(fc.oneof(fc.integer({ min: 0, max: 9 }), fc.maxSafeInteger())),
    speaker: maybe(fc.constantFrom('', 'Caroline', 'Mel Brown', 'user')),
    role: maybe(fc.constantFrom('user', 'assistant', 'tool')),
    endsInQuestion: fc.boolean(),
    length: fc.nat(2_000),
    chunkCount: fc.nat(40),
    lexical: maybe(score),
    terms: maybe(fc.uniqueArray(fc.nat(5), { maxLength: 4 })),
    parts: maybe(fc.array(score, { maxLength: 4 })),
    similarity: maybe(similarity),
  });
  return fc.uniqueArray(candidate, { selector: ({ memoryId }) => memoryId, maxLength: 30 });
}

const plausible = candidatesOf(
  fc.integer({ min: 0, max: 300 }).map((score) => score / 10),
  fc.integer({ min: -100, max: 100 }).map((cosine) => cosine / 100),
);
const options = fc.record({
  mode: fc.constantFrom(...RECALL_MODES),
  semantic: fc.constantFrom(SEMANTIC_CHANNELS.builtIn, SEMANTIC_CHANNELS.model),
  words: fc.subarray(['caroline', 'brown', 'user', 'what']),
});

describe('the ranking', () => {
  it('does not depend on the order in which candidates come', () => {
    const shuffled = plausible.chain((candidates) =>
      fc.tuple(
        fc.constant(candidates),
        fc.shuffledSubarray(candidates, { minLength: candidates.length, maxLength: candidates.length }),
      ),
    );
    fc.assert(
      fc.property(shuffled, options, ([candidates, others], asked) => {
        expect(rank(others, asked)).toEqual(rank(candidates, asked));
      }),
    );
  });

  it('sums up what stands in a thread in one order', () => {
    const turns = [0.1, 0.2, 0.3].map((part, term) => turn(10 * term, 1, { terms: [term], parts: [part] }));
    expect(rank(turns.toReversed(), lexical)).toEqual(rank(turns, lexical));
  });

  it('has each memory once, the best first, of equal ones the newest', () => {
    fc.assert(
      fc.property(plausible, options, (candidates, asked) => {
        const ranked = rank(candidates, asked);
        expect(orderOf(ranked).sort()).toEqual(candidates.map(({ memoryId }) => memoryId).sort());
        for (const [at, { score, memoryId }] of ranked.entries()) {
          const next = ranked[at + 1];
          if (next)
            expect(score > next.score || (score === next.score && memoryId > next.memoryId)).toBe(true);
        }
      }),
    );
  });

  it('gives finite scores, not below 0, for whatever finite figures', () => {
    fc.assert(
      fc.property(candidatesOf(finite, finite), options, (candidates, asked) => {
        for (const { score } of rank(candidates, asked)) {
          expect(score).toBeGreaterThanOrEqual(0);
          expect(score).toBeLessThanOrEqual(1.3 * 1.3);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('leaves a memory without a source exactly its fused score', () => {
    fc.assert(
      fc.property(plausible, options, (candidates, asked) => {
        const { scores } = fuse(candidates, {
          lexical: asked.mode !== 'semantic',
          semantic: asked.mode === 'lexical' ? undefined : asked.semantic,
        });
        const ranked = scoresOf(candidates, asked);
        for (const [at, { memoryId, threadId, speaker, role }] of candidates.entries())
          if (threadId == null && !speaker && !role) expect(ranked[memoryId]).toBe(scores[at]);
      }),
    );
  });

  it('merges the rows of a memory that both channels found', () => {
    const rows = [
      memory('a', { lexical: null, similarity: 0.4 }),
      memory('b', { lexical: 2, similarity: null }),
      memory('a', { lexical: 4, similarity: null, terms: [1], parts: [4] }),
    ];
    expect(rank(rows, hybrid)).toEqual([
      { memoryId: 'a', score: 1, lexical: 4, semantic: 0.4 },
      { memoryId: 'b', score: expect.closeTo(1 / 3, 12), lexical: 2, semantic: null },
    ]);
    expect(rank(rows.toReversed(), hybrid)).toEqual(rank(rows, hybrid));
  });

  it('tells and looks at the channels that were asked', () => {
    const rows = [memory('a', { lexical: 4, similarity: 0.2 }), memory('b', { lexical: 2, similarity: 0.4 })];
    expect(rank(rows, lexical)).toEqual([
      { memoryId: 'a', score: 1, lexical: 4, semantic: null },
      { memoryId: 'b', score: 0.5, lexical: 2, semantic: null },
    ]);
    expect(rank(rows, { ...hybrid, mode: 'semantic' })).toEqual([
      { memoryId: 'b', score: 1, lexical: null, semantic: 0.4 },
      { memoryId: 'a', score: 0.5, lexical: null, semantic: 0.2 },
    ]);
    expect(rank([], hybrid)).toEqual([]);
  });
});

/** Scores of turns are told by how they stand to each other, as the best has what it had alone. */
function ratio(candidates: Candidate[], one: number, other: number, asked: RankingOptions = lexical): number {
  const scores = scoresOf(candidates, asked);
  return (scores[one] ?? NaN) / (scores[other] ?? NaN);
}

describe('a conversation', () => {
  const thread = 0.2; // of the best of the thread

  it('carries evidence over two turns in both directions', () => {
    const turns = [turn(10, 8), turn(8), turn(9), turn(11), turn(12), turn(13), turn(7)];
    const full = 1 + thread;
    for (const [seq, evidence] of [
      [9, 0.3],
      [11, 0.3],
      [8, 0.15],
      [12, 0.15],
      [7, 0],
      [13, 0],
    ] as const)
      expect(ratio(turns, seq, 10)).toBeCloseTo((evidence + thread) / full, 12);
  });

  it('counts the evidence of one turn once, however many memories were made of it', () => {
    const turns = [turn(10, 8), turn(11), memory('x', { threadId: 't', seq: 10, lexical: 4 })];
    expect(ratio(turns, 11, 10)).toBeCloseTo((0.3 + thread) / (1 + thread), 12);
  });

  it('keeps threads apart', () => {
    const turns = [turn(10, 8), turn(11), memory('x', { threadId: 'u', seq: 11 }), memory('y', { seq: 11 })];
    const scores = scoresOf(turns);
    expect(scores.x).toBe(0);
    expect(scores.y).toBe(0);
    expect(scores[11]).toBeGreaterThan(0);
  });

  it('prefers the short answer after a question, unless an assistant asked', () => {
    const asked = (rest: Partial<Candidate>): Candidate[] => [
      turn(10, 8, { endsInQuestion: true, length: 1e9, ...rest }),
      turn(11),
    ];
    const evidence = (rest: Partial<Candidate> = {}): number => ratio(asked(rest), 11, 10);
    expect(evidence()).toBeCloseTo((0.6 + thread) / (1 + thread), 6);
    expect(evidence({ role: 'assistant' })).toBeCloseTo((0.3 + thread) / (1 + thread), 6);
    const long = [turn(10, 8, { endsInQuestion: true, length: 1e9 }), turn(11, null, { length: 400 })];
    expect(ratio(long, 11, 10)).toBeCloseTo((0.45 + thread) / (1 + thread), 6);
  });

  it('takes a turn for a question when one of its memories asks', () => {
    const turns = [turn(10, 8), turn(11), memory('x', { threadId: 't', seq: 10, endsInQuestion: true })];
    for (const order of [turns, turns.toReversed()])
      expect(ratio(order, 11, 10)).toBeCloseTo((0.6 + thread) / (1 + thread), 12);
  });

  it('counts less what only asks, but for the user', () => {
    const asking = (rest: Partial<Candidate>): number =>
      scoresOf([turn(10, 8), turn(20, 8, { endsInQuestion: true, ...rest })])[20] as number;
    expect(asking({})).toBeCloseTo(0.8, 12);
    expect(asking({ length: 400 })).toBeCloseTo(0.9, 12);
    expect(asking({ role: 'user' })).toBeCloseTo(1.3, 12);
  });

  it('raises a thread by all of the question that stands in it', () => {
    const words = { terms: [1, 2], parts: [3, 1] };
    const turns = [
      turn(10, 4, { terms: [1], parts: [4] }),
      turn(20, 4, words),
      memory('x', { threadId: 'u', seq: 1, lexical: 4, terms: [1], parts: [4] }),
    ];
    const scores = scoresOf(turns);
    expect(scores[10]).toBe(scores[20]);
    expect((scores.x as number) / (scores[10] as number)).toBeCloseTo(
      (1 + thread + 0.2) / (1 + thread + 0.25),
      12,
    );
  });

  it('raises what a speaker said whom the question names, and what a user said', () => {
    const said = (rest: Partial<Candidate>, words: string[] = []): number =>
      scoresOf([memory('a', { lexical: 4 }), memory('b', { lexical: 4, ...rest })], { ...lexical, words })
        .b as number;
    expect(said({ speaker: 'Mel Brown' }, ['mel'])).toBeCloseTo(1.3, 12);
    expect(said({ speaker: 'Mel Brown' }, ['brown'])).toBeCloseTo(1.3, 12);
    expect(said({ speaker: '小白' }, ['小白'])).toBeCloseTo(1.3, 12);
    expect(said({ speaker: 'Mel Brown' }, ['melanie'])).toBe(1);
    expect(said({ speaker: 'Al of the Hill' }, ['of', 'the', 'al'])).toBe(1);
    expect(said({ speaker: 'user' }, ['user'])).toBeCloseTo(1.3, 12);
    expect(said({ speaker: 'assistant' }, ['assistant'])).toBe(1);
    expect(said({ role: 'user', speaker: 'Mel' }, ['mel'])).toBeCloseTo(1.69, 12);
    expect(said({ role: 'assistant' })).toBe(1);
  });

  it('gives the best turn what it had alone, next to what is known without a thread', () => {
    const scores = scoresOf([turn(10, 8), turn(11, 6), turn(12, 4), memory('x', { lexical: 10 })]);
    expect(scores.x).toBe(1);
    expect(Math.max(...[10, 11, 12].map((seq) => scores[seq] as number))).toBeCloseTo(0.8, 12);
  });
});
