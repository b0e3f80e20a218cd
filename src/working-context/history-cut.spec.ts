import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { beginningOf, cutPreferences, type CutPoint } from './history-cut.js';

const points: fc.Arbitrary<CutPoint[]> = fc
  .array(
    fc.record({
      gap: fc.integer({ min: 1, max: 4 }),
      beginsTurn: fc.boolean(),
      size: fc.integer({ min: 1, max: 60 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((parts) => {
    let seq = 0;
    return parts.map(({ gap, ...rest }) => ({ seq: (seq += gap), ...rest }));
  });
const steps = fc.constantFrom(0, 0.1, 0.25, 0.5, 1);
const total = (list: readonly CutPoint[]): number => list.reduce((sum, { size }) => sum + size, 0);
const begin = (list: readonly CutPoint[], room: number, step: number): number =>
  beginningOf(list, cutPreferences(list), room, step);

describe('beginningOf', () => {
  it('fits, and gives up a step of the room at most, unless one group is larger than that', () => {
    fc.assert(
      fc.property(points, fc.nat(800), steps, (list, room, step) => {
        const beginning = begin(list, room, step);
        const used = total(list.slice(beginning));
        expect(used).toBeLessThanOrEqual(room);
        if (beginning === 0) return;
        const oneMore = used + (list[beginning - 1]?.size ?? 0);
        expect(used >= (1 - step) * room || oneMore > room).toBe(true);
      }),
    );
  });

  it('never begins later with more room', () => {
    fc.assert(
      fc.property(points, fc.nat(800), fc.nat(200), steps, (list, room, more, step) => {
        expect(begin(list, room + more, step)).toBeLessThanOrEqual(begin(list, room, step));
      }),
      { numRuns: 2_000 },
    );
  });

  it('moves by one message with a step of nothing, and seldom with a quarter', () => {
    const turn = (index: number): CutPoint => ({
      seq: index + 1,
      beginsTurn: index % 2 === 0,
      size: 10,
    });
    const thread = Array.from({ length: 600 }, (_, index) => turn(index));
    const moves = (step: number): number => {
      const beginnings = Array.from({ length: 200 }, (_, turns) => {
        const read = thread.slice(0, 200 + 2 * turns);
        return read[begin(read, 400, step)]?.seq;
      });
      return beginnings.filter((seq, index) => index > 0 && seq !== beginnings[index - 1]).length;
    };
    expect(moves(0)).toBe(199);
    // A quarter of 400 tokens is ten messages, five turns: a step of half of it at least.
    expect(moves(0.25)).toBeLessThanOrEqual(199 / 2.5);
  });

  it('prefers to begin with the user, whatever the numbers are', () => {
    const list = Array.from({ length: 32 }, (_, index) => ({
      seq: index + 1,
      beginsTurn: index % 4 === 2,
      size: 10,
    }));
    for (let room = 80; room < 320; room += 10) expect(list[begin(list, room, 0.5)]?.beginsTurn).toBe(true);
  });
});
