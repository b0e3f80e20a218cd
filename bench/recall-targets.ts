import type { RecallFigure } from './recall-nearness.js';
import { NAMES, type Kind, type RatesFound } from './recall-rates.js';
import type { AtSize } from './recall-times.js';
import { ratio } from './report.js';
import type { Comparison } from './suite.js';
import { atLeast, atMost } from './target.js';

export interface RecallFigures {
  readonly recall: readonly RecallFigure[];
  readonly times: readonly AtSize[];
  /** One tenant among few rows of others, and the tenant's size. */
  readonly growth: { readonly fewer: Comparison | undefined; readonly rows: number };
  readonly rates: RatesFound;
}

/** Sizes up to which the vector channel has a target. */
const SMALL = 10_000;
const TARGETS = {
  recall: 0.99,
  byHand: 1.5,
  exact: 0.1,
  growth: 1.5,
  bytes: 8_000,
  rates: {
    vectors: { PostgresStore: 15, mem0ai: 60 },
    both: { PostgresStore: 5, mem0ai: 20 },
    store: { PostgresStore: 5, mem0ai: 1 },
    batch: { PostgresStore: 20 },
  } satisfies Record<Kind, Record<string, number>>,
};

/** Every target with what was measured; one whose size or peer was left out is missing. */
export function targetsOf({ recall, times, growth, rates }: RecallFigures): string[] {
  const size = (rows: number): string => `${rows.toLocaleString('en')} rows`;
  const small = times.filter(({ rows }) => rows <= SMALL);
  const largest = times.filter(({ rows }) => rows === SMALL);
  const before = growth.fewer?.timings['Triptych']?.p50 ?? NaN;
  const after = times.find(({ rows, what }) => what === 'search' && rows === growth.rows);
  return [
    ...recall.map((figure) =>
      atLeast(
        `recall@10 of ${size(figure.rows)}, ${figure.fewest} results at least`,
        figure.fewest === Math.min(10, figure.rows) ? figure.recall : NaN,
        TARGETS.recall,
        '',
      ),
    ),
    ...small.map((row) =>
      atMost(`${row.operation}, over SQL by hand`, ratio(row, 'Triptych', 'by hand'), TARGETS.byHand),
    ),
    ...largest.flatMap((row) =>
      ['exact', 'exact, usual'].map((scan) =>
        atMost(`${row.operation}, over ${scan}`, ratio(row, 'Triptych', scan), TARGETS.exact),
      ),
    ),
    atMost(
      `search by vectors of ${size(growth.rows)}, among all others over among few`,
      (after?.timings['Triptych']?.p50 ?? NaN) / before,
      TARGETS.growth,
    ),
    ...ratesTargets(rates),
    atMost('bytes of a memory of 200 characters', rates.bytes['Triptych'] ?? NaN, TARGETS.bytes, ''),
  ];
}

function ratesTargets({ rates }: RatesFound): string[] {
  return Object.entries(TARGETS.rates).flatMap(([kind, peers]) =>
    Object.entries(peers).flatMap(([peer, limit]) => {
      const { [peer]: theirs, Triptych: ours } = rates[kind as Kind];
      if (!theirs || !ours) return [];
      return [
        atLeast(`${NAMES[kind as Kind]} per second, over ${peer}`, ours.perSecond / theirs.perSecond, limit),
      ];
    }),
  );
}
