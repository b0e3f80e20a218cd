import { bootstrapInterval, mean, ndcgAt, quantile, recallAt, reciprocalRank } from './metrics.js';

/** What came of one question. */
export interface Outcome {
  /** Ids of the documents found, best first. */
  ranked: readonly string[];
  /** Ids of the documents that hold the evidence; not empty. */
  relevant: ReadonlySet<string>;
  searchMs: number;
  /** By model tier: the share of the evidence that stands whole in the compiled context, each section within its share. */
  evidenceKept: Readonly<Record<string, number>>;
  /** The same with spill-over. */
  evidenceKeptSpilling: Readonly<Record<string, number>>;
  /** What other searches for the same found; of each way one list or more, as `ranked`. */
  otherwise: Readonly<Record<Otherwise, readonly (readonly string[])[]>>;
}

/** By words alone, by vectors alone, and with one letter of the question wrong. */
export const OTHERWISE = ['words', 'vectors', 'misspelt'] as const;
export type Otherwise = (typeof OTHERWISE)[number];

/** Means over the questions that name evidence, as fractions from 0 to 1; NaN when there is no question. */
export interface Summary {
  questions: number;
  recallAt5: number;
  recallAt10: number;
  /** 95 % confidence interval of `recallAt10`. */
  recallAt10Interval: [low: number, high: number];
  recallAt25: number;
  /** Mean reciprocal rank, over the first 25 results. */
  mrr: number;
  ndcgAt10: number;
  /** The share of the questions for which nothing at all was found. */
  zeroResults: number;
  /** By model tier, without spill-over. */
  evidenceKept: Record<string, number>;
  /** By model tier, with it. */
  evidenceKeptSpilling: Record<string, number>;
  /** `recallAt10` of other searches for the same. */
  recallAt10Otherwise: Record<Otherwise, number>;
  /** Milliseconds of one search, the embedding of the question included. */
  searchMs: { p50: number; p95: number };
}

/** One row of the report. */
export interface Figures extends Summary {
  dataset: string;
  conversations: number;
  documents: number;
  /** What could not be done as the data set says, a sentence each. */
  notes: string[];
}

export function summarize(outcomes: readonly Outcome[], tiers: readonly string[]): Summary {
  const over = (measure: (outcome: Outcome) => number): number[] => outcomes.map(measure);
  const recall = (k: number): number[] => over(({ ranked, relevant }) => recallAt(ranked, relevant, k));
  const byTier = (kept: (outcome: Outcome) => Outcome['evidenceKept']): Record<string, number> =>
    Object.fromEntries(tiers.map((tier) => [tier, mean(over((outcome) => kept(outcome)[tier] ?? NaN))]));
  const searchMs = over((outcome) => outcome.searchMs);
  return {
    questions: outcomes.length,
    recallAt5: mean(recall(5)),
    recallAt10: mean(recall(10)),
    recallAt10Interval: bootstrapInterval(recall(10)),
    recallAt25: mean(recall(25)),
    mrr: mean(over(({ ranked, relevant }) => reciprocalRank(ranked, relevant))),
    ndcgAt10: mean(over(({ ranked, relevant }) => ndcgAt(ranked, relevant, 10))),
    zeroResults: mean(over(({ ranked }) => (ranked.length === 0 ? 1 : 0))),
    evidenceKept: byTier(({ evidenceKept }) => evidenceKept),
    evidenceKeptSpilling: byTier(({ evidenceKeptSpilling }) => evidenceKeptSpilling),
    recallAt10Otherwise: Object.fromEntries(
      OTHERWISE.map((way) => [
        way,
        mean(
          over(({ otherwise, relevant }) =>
            mean(otherwise[way].map((ranked) => recallAt(ranked, relevant, 10))),
          ),
        ),
      ]),
    ) as Record<Otherwise, number>,
    searchMs: { p50: quantile(searchMs, 0.5), p95: quantile(searchMs, 0.95) },
  };
}
