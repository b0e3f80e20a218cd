import { timingOf, type Operation, type Timing } from './interleave.js';

export interface Throughput {
  /** Calls per second while they ran. */
  readonly perSecond: number;
  /** Of single calls. */
  readonly timing: Timing;
}

export interface Windows {
  /** Callers at the same time, each of which calls again as soon as it is answered. */
  readonly callers: number;
  /** Seconds of each contestant, without those that warm up. */
  readonly seconds: number;
  /** In so many parts, between which the others have their turns. */
  readonly windows: number;
}

/** Shares of one window. */
const WARM_UP = 0.5;

/**
 * How often several contestants do the same in a second: windows of all alternate in changing order, so that whatever
 * else the machine does falls on all of them alike. A window ends when its last call is answered, and has one call of
 * each caller at least.
 */
export async function throughputOf(
  contestants: Readonly<Record<string, Operation>>,
  { callers, seconds, windows }: Windows,
): Promise<Record<string, Throughput>> {
  const lanes = Object.entries(contestants).map(([name, operation]) => ({
    name,
    operation,
    next: 0,
    elapsed: 0,
    times: [] as number[],
  }));
  type Lane = (typeof lanes)[number];
  const window = async (lane: Lane, milliseconds: number): Promise<{ times: number[]; elapsed: number }> => {
    const times: number[] = [];
    const began = performance.now();
    const caller = async (): Promise<void> => {
      do {
        const called = performance.now();
        await lane.operation(lane.next++);
        times.push(performance.now() - called);
      } while (performance.now() - began < milliseconds);
    };
    await Promise.all(Array.from({ length: callers }, caller));
    return { times, elapsed: performance.now() - began };
  };
  const length = (seconds * 1_000) / windows;
  for (const lane of lanes) await window(lane, length * WARM_UP);
  for (let round = 0; round < windows; round += 1)
    for (const [place] of lanes.entries()) {
      const lane = lanes[(place + round) % lanes.length] as Lane;
      const { times, elapsed } = await window(lane, length);
      lane.times.push(...times);
      lane.elapsed += elapsed;
    }
  return Object.fromEntries(
    lanes.map(({ name, times, elapsed }) => [
      name,
      { perSecond: (1_000 * times.length) / elapsed, timing: timingOf(times) },
    ]),
  );
}
