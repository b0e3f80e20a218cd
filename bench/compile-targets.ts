import { BY_HAND, type RatesAtLength } from './compile-rates.js';
import { count, type AtLength } from './compile-times.js';
import { ratio } from './report.js';
import type { Comparison } from './suite.js';
import { atLeast, atMost } from './target.js';

export interface CompileFigures {
  /** Memories of the tenant that has few. */
  readonly few: number;
  readonly times: readonly AtLength[];
  readonly pure: Comparison;
  readonly rates: readonly RatesAtLength[];
  readonly http: readonly RatesAtLength[];
}

const TARGETS = { byHand: 1.5, pureMs: 0.5, growth: 1.3, http: 0.5 };
/** How many times as often as others, by the length of the thread. */
const TIMES: Readonly<Record<number, number>> = { 100: 25, 1_000: 100 };

/** Every target with what was measured; one whose length or peer was left out is missing. */
export function targetsOf({ few, times, pure, rates, http }: CompileFigures): string[] {
  const compiles = times.filter(({ what }) => what === 'compile');
  const [shortest, longest] = [compiles[0], compiles.at(-1)];
  const p50 = (row: Comparison | undefined): number => row?.timings['Triptych']?.p50 ?? NaN;
  return [
    ...(longest
      ? [
          atMost(
            `${longest.operation}, over its two reads by hand`,
            ratio(longest, 'Triptych', 'in turn'),
            TARGETS.byHand,
          ),
        ]
      : []),
    atMost(
      `compile, thread of ${count(longest?.length ?? NaN)} over thread of ${count(shortest?.length ?? NaN)}`,
      p50(longest) / p50(shortest),
      TARGETS.growth,
    ),
    atMost(pure.operation, p50(pure), TARGETS.pureMs, ' ms'),
    ...rates
      .filter(({ memories }) => memories === few)
      .flatMap((row) => timesAsOften(row, TIMES[row.length])),
    ...http.map((row) =>
      atLeast(`${row.operation} per second, over a bare route`, over(row, 'bare route'), TARGETS.http),
    ),
  ];
}

function timesAsOften(row: RatesAtLength, least: number | undefined): string[] {
  if (least === undefined) return [];
  return Object.keys(row.rates)
    .filter((name) => name !== 'Triptych' && name !== BY_HAND)
    .map((name) => atLeast(`${row.operation} per second, over ${name}`, over(row, name), least));
}

function over({ rates }: RatesAtLength, other: string): number {
  return (rates['Triptych']?.perSecond ?? NaN) / (rates[other]?.perSecond ?? NaN);
}
