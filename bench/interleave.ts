import { quantile } from '../eval/metrics.js';

/** Milliseconds over all samples of one variant. */
export interface Timing {
  readonly p50: number;
  readonly p95: number;
  readonly samples: number;
}

/** Does an operation once; equal numbers mean equal work in every variant. */
export type Operation = (sample: number) => Promise<unknown>;

export interface Plan {
  readonly iterations: number;
  /** Callers at the same time. */
  readonly callers: number;
}

/** Calls that one caller makes before the next variant has its turn: enough to keep all callers busy. */
const CALLS_A_TURN = 4;
/** Of all samples, those that come first and are thrown away: connections open, code is compiled. */
const WARM_UP = 0.2;

/**
 * Measures several ways to do the same, taking turns of a few milliseconds in changing order, so that
 * whatever else the machine does falls on all of them alike. The ratios are to be believed, the absolute
 * times less so. With more than one caller a time includes the wait for the processor and the connection.
 */
export async function interleave(
  variants: Readonly<Record<string, Operation>>,
  { iterations, callers }: Plan,
): Promise<Record<string, Timing>> {
  const ways = Object.entries(variants).map(([name, operation]) => ({
    name,
    operation,
    times: [] as number[],
  }));
  const calls = callers === 1 ? 1 : CALLS_A_TURN;
  const turns = Math.ceil(iterations / (callers * calls));
  const warmUp = Math.ceil(turns * WARM_UP);
  for (let turn = 0; turn < warmUp + turns; turn += 1)
    for (const { operation, times } of rotated(ways, turn)) {
      const taken = await oneTurn(operation, turn * callers * calls, { callers, calls });
      if (turn >= warmUp) times.push(...taken);
    }
  return Object.fromEntries(
    ways.map(({ name, times }) => [
      name,
      { p50: quantile(times, 0.5), p95: quantile(times, 0.95), samples: times.length },
    ]),
  );
}

async function oneTurn(
  operation: Operation,
  first: number,
  { callers, calls }: { callers: number; calls: number },
): Promise<number[]> {
  const taken: number[] = [];
  const caller = async (place: number): Promise<void> => {
    for (let call = 0; call < calls; call += 1) {
      const began = performance.now();
      await operation(first + place * calls + call);
      taken.push(performance.now() - began);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, place) => caller(place)));
  return taken;
}

function rotated<T>(items: readonly T[], by: number): T[] {
  const start = by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
