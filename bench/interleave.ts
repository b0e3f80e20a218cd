import { quantile } from '../eval/metrics.js';

/** Milliseconds over all samples of one variant. */
export interface Timing {
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly samples: number;
}

/** Does an operation once; equal numbers mean equal work in every variant. */
export type Operation = (sample: number) => Promise<unknown>;

/** An operation that has its turn only once in `every` turns, because it takes long. */
export interface Rare {
  readonly operation: Operation;
  readonly every: number;
}

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
  variants: Readonly<Record<string, Operation | Rare>>,
  plan: Plan,
): Promise<Record<string, Timing>> {
  const times = await interleavedTimes(variants, plan);
  return Object.fromEntries(Object.entries(times).map(([name, each]) => [name, timingOf(each)]));
}

/** As {@link interleave}: every time, in milliseconds, for whoever puts several runs together. */
export async function interleavedTimes(
  variants: Readonly<Record<string, Operation | Rare>>,
  { iterations, callers }: Plan,
): Promise<Record<string, number[]>> {
  const ways = Object.entries(variants).map(([name, way]) => ({
    name,
    ...(typeof way === 'function' ? { operation: way, every: 1 } : way),
    times: [] as number[],
  }));
  const calls = callers === 1 ? 1 : CALLS_A_TURN;
  const turns = Math.ceil(iterations / (callers * calls));
  const warmUp = Math.ceil(turns * WARM_UP);
  for (let turn = 0; turn < warmUp + turns; turn += 1)
    for (const { operation, every, times } of rotated(ways, turn)) {
      // The first turn warms up, and the first after the warm-up counts, however rare the rest.
      if (turn !== 0 && (turn - warmUp) % every !== 0) continue;
      const taken = await oneTurn(operation, turn * callers * calls, { callers, calls });
      if (turn >= warmUp) times.push(...taken);
    }
  return Object.fromEntries(ways.map(({ name, times }) => [name, times]));
}

export function timingOf(times: readonly number[]): Timing {
  return {
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    p99: quantile(times, 0.99),
    samples: times.length,
  };
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
