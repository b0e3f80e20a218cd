import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { check, countKinds, History, type FinalRead } from './history.js';

type Stored = FinalRead['messages'][number];

/** What becomes of an append: `silent` ones get no answer, and were carried out or not. */
const FATES = ['acknowledged', 'silentAndDone', 'silentAndNot', 'refused'] as const;
const appendArbitrary = fc.record({
  thread: fc.constantFrom('a', 'b', 'c'),
  size: fc.integer({ min: 1, max: 3 }),
  fate: fc.constantFrom(...FATES),
  rank: fc.integer(),
});
/** Appends of one round are under way at once, and are carried out in the order of their ranks. */
const rounds = fc.array(fc.array(appendArbitrary, { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 8,
});

/** Runs the rounds against a store that does everything right. */
function simulate(plan: typeof rounds extends fc.Arbitrary<infer T> ? T : never): {
  history: History;
  reads: FinalRead[];
} {
  const history = new History();
  const threads = new Map<string, { version: number; messages: Stored[] }>();
  let counter = 0;
  for (const round of plan) {
    const sent = round.map((step) => {
      const contents = Array.from({ length: step.size }, () => `m${(counter += 1)}`);
      return { ...step, contents, append: history.invoke(step.thread, contents) };
    });
    sent.sort((one, other) => one.rank - other.rank);
    for (const { thread, contents, fate, append } of sent) {
      if (fate === 'refused') append.refuse();
      if (fate === 'refused' || fate === 'silentAndNot') continue;
      const held = threads.get(thread) ?? { version: 0, messages: [] };
      const seqs = contents.map((_, index) => held.messages.length + 1 + index);
      held.version += 1;
      held.messages.push(...contents.map((content, index) => ({ content, seq: seqs[index] ?? 0 })));
      threads.set(thread, held);
      if (fate === 'acknowledged') append.acknowledge({ version: held.version, seqs });
    }
  }
  return { history, reads: Array.from(threads, ([thread, held]) => ({ thread, ...held })) };
}

/** The kinds found when two acknowledged appends, of one and of two messages, read back as `messages` say. */
function kindsOf(
  messages: Stored[],
  version = 2,
  lastAnswer: 'acknowledged' | 'refused' | 'none' = 'acknowledged',
) {
  const history = new History();
  history.invoke('t', ['a']).acknowledge({ version: 1, seqs: [1] });
  const last = history.invoke('t', ['b', 'c']);
  if (lastAnswer === 'acknowledged') last.acknowledge({ version: 2, seqs: [2, 3] });
  if (lastAnswer === 'refused') last.refuse();
  return countKinds(check(history.appends, [{ thread: 't', version, messages }]));
}

const numbered = (...contents: string[]): Stored[] =>
  contents.map((content, index) => ({ content, seq: index + 1 }));

describe('the history checker', () => {
  it('has nothing against any history of a right store', () => {
    fc.assert(
      fc.property(rounds, (plan) => {
        const { history, reads } = simulate(plan);
        expect(check(history.appends, reads)).toEqual([]);
        expect(check(history.appends, reads, { versions: 'increasing' })).toEqual([]);
      }),
      { numRuns: 500 },
    );
  });

  it('finds any one message that is taken out, put in twice, exchanged or numbered wrongly', () => {
    fc.assert(
      fc.property(rounds, fc.nat(), (plan, at) => {
        const { history, reads } = simulate(plan);
        const [first, ...others] = reads;
        const messages = first?.messages ?? [];
        fc.pre(first !== undefined && messages.length > 1);
        const index = at % messages.length;
        const found = (changed: Stored[]): string[] =>
          Object.keys(countKinds(check(history.appends, [{ ...first, messages: changed }, ...others])));
        const renumbered = (list: Stored[]): Stored[] => numbered(...list.map(({ content }) => content));
        const one = messages[index] as Stored;
        expect(found(renumbered(messages.toSpliced(index, 1)))).not.toEqual([]);
        expect(found(messages.toSpliced(index, 1))).not.toEqual([]);
        expect(found(renumbered(messages.toSpliced(at % 2 ? index : 0, 0, one)))).toContain('doubled');
        expect(found(renumbered([...messages, { content: 'nobody', seq: 0 }]))).toContain('invented');
        expect(found(messages.with(index, { ...one, seq: one.seq + 1 }))).toContain('gap');
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    ['nothing against what is right', numbered('a', 'b', 'c'), {}],
    ['one that is lost', numbered('b', 'c'), { lost: 1, reordered: 1, version: 2 }],
    ['all that is lost', [], { lost: 3, version: 1 }],
    ['one that is doubled', numbered('a', 'b', 'c', 'a'), { doubled: 1, reordered: 1 }],
    ['half an append', numbered('a', 'b'), { lost: 1, torn: 1 }],
    ['an append that others came between', numbered('b', 'a', 'c'), { torn: 1, reordered: 3, version: 2 }],
    ['one that was moved', numbered('b', 'c', 'a'), { reordered: 3, version: 2 }],
    ['one that nobody sent', numbered('a', 'b', 'c', 'x'), { invented: 1 }],
    ['a gap', [...numbered('a'), { content: 'b', seq: 3 }, { content: 'c', seq: 4 }], { gap: 1 }],
  ])('finds %s', (_, messages, kinds) => {
    expect(kindsOf(messages)).toEqual(kinds);
  });

  it('asks less of what was not acknowledged: whole and once, or not at all', () => {
    expect(kindsOf(numbered('a'), 1, 'none')).toEqual({});
    expect(kindsOf(numbered('a', 'b', 'c'), 2, 'none')).toEqual({});
    expect(kindsOf(numbered('a', 'b'), 2, 'none')).toEqual({ torn: 1 });
    expect(kindsOf(numbered('a', 'b', 'c', 'b', 'c'), 3, 'none')).toEqual({ doubled: 2, version: 1 });
    expect(kindsOf(numbered('a'), 1, 'refused')).toEqual({});
    expect(kindsOf(numbered('a', 'b', 'c'), 2, 'refused')).toEqual({ invented: 1 });
  });

  it('finds an order that time forbids where the store names no places', () => {
    const run = (isAtOnce: boolean): object => {
      const history = new History();
      const first = history.invoke('t', ['a']);
      if (!isAtOnce) first.acknowledge();
      const second = history.invoke('t', ['b']);
      if (isAtOnce) first.acknowledge();
      second.acknowledge();
      return countKinds(check(history.appends, [{ thread: 't', version: 2, messages: numbered('b', 'a') }]));
    };
    expect(run(true)).toEqual({});
    expect(run(false)).toEqual({ reordered: 1 });
  });

  it('finds versions that were given twice, skipped or taken back', () => {
    const found = (versions: number[], final: number, rule: 'contiguous' | 'increasing'): object => {
      const history = new History();
      versions.forEach((version, index) => {
        history.invoke('t', [`m${index}`]).acknowledge({ version });
      });
      const messages = numbered(...versions.map((_, index) => `m${index}`));
      return countKinds(
        check(history.appends, [{ thread: 't', version: final, messages }], { versions: rule }),
      );
    };
    expect(found([1, 2, 3], 3, 'contiguous')).toEqual({});
    expect(found([1, 2, 2], 3, 'contiguous')).toEqual({ version: 1 });
    expect(found([1, 2, 4], 4, 'contiguous')).toEqual({ version: 2 });
    expect(found([1, 2, 4], 4, 'increasing')).toEqual({});
    expect(found([1, 4, 4], 4, 'increasing')).toEqual({ version: 1 });
    expect(found([1, 2, 4], 3, 'increasing')).toEqual({ version: 1 });
  });
});
