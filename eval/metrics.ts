import { uniform } from './uniform.js';

/**
 * Measures of one ranked answer with binary relevance. `ranked` holds ids, best first, none twice;
 * `relevant` is not empty: a question without evidence has no recall, and is left out by the caller.
 */
export function recallAt(ranked: readonly string[], relevant: ReadonlySet<string>, k: number): number {
  return ranked.slice(0, k).filter((id) => relevant.has(id)).length / relevant.size;
}

/** 1 / rank of the first relevant id, 0 when there is none; its mean is the MRR. */
export function reciprocalRank(ranked: readonly string[], relevant: ReadonlySet<string>): number {
  const first = ranked.findIndex((id) => relevant.has(id));
  return first < 0 ? 0 : 1 / (first + 1);
}

/**
 * Discounted cumulative gain over its ideal, which has `min(|relevant|, k)` relevant ids in front
 * (Järvelin & Kekäläinen, Cumulated gain-based evaluation of IR techniques, 2002; log base 2).
 */
export function ndcgAt(ranked: readonly string[], relevant: ReadonlySet<string>, k: number): number {
  const discount = (index: number): number => 1 / Math.log2(index + 2);
  const gain = sum(ranked.slice(0, k).map((id, index) => (relevant.has(id) ? discount(index) : 0)));
  const ideal = sum(Array.from({ length: Math.min(relevant.size, k) }, (_, index) => discount(index)));
  return gain / ideal;
}

/** NaN of no values. */
export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

/**
 * The value below which the fraction `p` lies, interpolated between neighbours (definition 7 of Hyndman &
 * Fan, Sample Quantiles in Statistical Packages, 1996). NaN of no values.
 */
export function quantile(values: readonly number[], p: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const place = p * (sorted.length - 1);
  const [below = NaN, above = below] = sorted.slice(Math.floor(place), Math.floor(place) + 2);
  return below + (above - below) * (place - Math.floor(place));
}

export interface BootstrapOptions {
  resamples?: number;
  /** Equal seeds give equal intervals. */
  seed?: number;
  confidence?: number;
}

/**
 * Confidence interval of the mean: the percentile bootstrap (Efron & Tibshirani, An Introduction to the
 * Bootstrap, 1993, chapter 13). Each resample draws as many values as there are, with replacement.
 */
export function bootstrapInterval(
  values: readonly number[],
  { resamples = 1_000, seed = 1, confidence = 0.95 }: BootstrapOptions = {},
): [low: number, high: number] {
  const random = uniform(seed);
  const means = Array.from({ length: resamples }, () => {
    let total = 0;
    for (let draw = 0; draw < values.length; draw++)
      total += values[Math.floor(random() * values.length)] ?? NaN;
    return total / values.length;
  });
  const tail = (1 - confidence) / 2;
  return [quantile(means, tail), quantile(means, 1 - tail)];
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
