import { describe, expect, it } from '@jest/globals';
import {
  interleavings,
  isLinearizable,
  outcomes,
  type Observed,
  type Operation,
  type Outcome,
} from './thread-model.js';

const append = (...contents: string[]): Operation => ({ kind: 'append', contents });
const clear: Operation = { kind: 'clear' };
const read: Operation = { kind: 'read' };

describe('the check for linearizability', () => {
  /** Operations that follow each other, or, from the second on, are all under way at once. */
  const observe = (isAtOnce: boolean, ...pairs: [Operation, Outcome][]): Observed[] =>
    pairs.map(([operation, outcome], index) => ({
      operation,
      outcome,
      invokedAt: isAtOnce && index > 0 ? 2 : 2 * index,
      answeredAt: isAtOnce && index > 0 ? 100 + index : 2 * index + 1,
    }));
  const appended = (version: number, ...seqs: number[]): Outcome => outcomes.appended(version, seqs);
  const saw = (version: number, ...contents: string[]): Outcome =>
    outcomes.read(
      version,
      contents.map((content, index) => ({ content, seq: index + 1 })),
    );
  const begin: [Operation, Outcome] = [append('a'), appended(1, 1)];

  it.each<[string, [Operation, Outcome][], boolean, boolean]>([
    ['a read of what was appended', [begin, [read, saw(1, 'a')]], true, true],
    ['a read that misses what was appended before', [begin, [read, outcomes.none]], false, false],
    ['a read before an append', [begin, [append('b'), appended(2, 2)], [read, saw(1, 'a')]], false, true],
    [
      'a message that comes back after a clear',
      [begin, [clear, outcomes.cleared], [read, saw(1, 'a')]],
      false,
      true,
    ],
    [
      'a message that comes back behind another',
      [begin, [clear, outcomes.cleared], [append('b'), appended(2, 2)], [read, saw(2, 'a', 'b')]],
      false,
      true,
    ],
    [
      'one that comes back and stays',
      [begin, [clear, outcomes.cleared], [append('b'), appended(1, 1)], [read, saw(2, 'a', 'b')]],
      false,
      false,
    ],
    [
      'two appends at one place',
      [begin, [append('b'), appended(2, 2)], [append('c'), appended(2, 2)]],
      false,
      false,
    ],
    [
      'a version of one moment with messages of another',
      [begin, [append('b'), appended(2, 2)], [read, saw(1, 'a', 'b')]],
      false,
      false,
    ],
    [
      'two clears of one session',
      [begin, [clear, outcomes.cleared], [clear, outcomes.cleared]],
      false,
      false,
    ],
  ])('judges %s', (_, pairs, inTurn, atOnce) => {
    expect([isLinearizable(observe(false, ...pairs)), isLinearizable(observe(true, ...pairs))]).toEqual([
      inTurn,
      atOnce,
    ]);
  });

  it('tries as many orders as there are', () => {
    expect(interleavings([['a', 'b'], ['c'], ['d', 'e']])).toHaveLength(30);
    expect(
      interleavings([
        ['a', 'b'],
        ['c', 'd'],
        ['e', 'f'],
      ]),
    ).toHaveLength(90);
  });
});
