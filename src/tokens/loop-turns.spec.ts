import { describe, expect, it } from '@jest/globals';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { LoopTurns } from './loop-turns.js';

/** Turns by a clock that goes on by 1 ms each time somebody looks at it. */
function steps(): LoopTurns {
  let now = 0;
  return new LoopTurns(() => (now += 1));
}

/** Work of so many steps; tells of each. */
async function work(turns: LoopTurns, length: number, told: () => void): Promise<void> {
  for (let step = 0; step < length; step += 1) {
    while (turns.isOver) await turns.next();
    told();
  }
}

describe('LoopTurns', () => {
  it('begins at once, and is over after 8 ms', () => {
    const turns = steps();
    const looks = Array.from({ length: 12 }, () => turns.isOver);
    expect(looks.filter((isOver) => !isOver)).toHaveLength(8);
    expect(looks.at(-1)).toBe(true);
  });

  it('begins anew in each turn of the event loop', async () => {
    const turns = steps();
    for (let turn = 0; turn < 3; turn += 1) {
      while (!turns.isOver);
      await nextTurn();
      await nextTurn();
    }
    expect(turns.isOver).toBe(false);
  });

  it('lets the event loop run while somebody works', async () => {
    let others = 0;
    let isDone = false;
    const watch = (): void => {
      others += 1;
      if (!isDone) setImmediate(watch);
    };
    setImmediate(watch);
    await work(steps(), 400, () => undefined);
    isDone = true;
    expect(others).toBeGreaterThanOrEqual(400 / 8 - 1);
  });

  it('shares its turns among all who work, who take turns', async () => {
    const turns = steps();
    const log: number[] = [];
    let turn = 0;
    const steppedIn = new Map<number, number>();
    let isDone = false;
    const watch = (): void => {
      turn += 1;
      if (!isDone) setImmediate(watch);
    };
    setImmediate(watch);
    await Promise.all(
      [0, 1, 2, 3].map((who) =>
        work(turns, 40, () => {
          log.push(who);
          steppedIn.set(turn, (steppedIn.get(turn) ?? 0) + 1);
        }),
      ),
    );
    isDone = true;
    // Each for himself would take 8 steps in a turn, and all together 32.
    for (const steps of steppedIn.values()) expect(steps).toBeLessThanOrEqual(2 * 8);
    const half = log.slice(0, log.length / 2);
    expect(new Set(half).size).toBe(4);
  });

  it('forgets nobody who waits, and nobody for whom there is nothing left to do', async () => {
    const turns = steps();
    while (!turns.isOver);
    const order: number[] = [];
    await Promise.all([1, 2, 3].map((who) => turns.next().then(() => order.push(who))));
    expect(order).toEqual([1, 2, 3]);
  });
});
