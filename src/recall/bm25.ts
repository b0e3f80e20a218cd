/**
 * BM25 (Robertson & Zaragoza, The Probabilistic Relevance Framework: BM25 and Beyond, 2009), formula 3.15, over
 * chunks: a lexeme that stands tf times in a chunk of length dl adds
 *
 *     weight · idf · tf · (k1 + 1) / (tf + k1 · (1 - b + b · dl / average dl))
 *
 * to its score. The sum is taken by the database, with these constants; a memory scores as its best chunk.
 */

/** How soon more of a lexeme stops to count. 0.8, 1.6 and 2.0 find the same within 0.6 points (R@10). */
export const K1 = 1.2;

/** How much the length of a chunk counts against it. 0.25 and 0.75 find the same within 1.3 points, on no side. */
export const B = 0.5;

/**
 * How much a lexeme tells that stands in `frequency` of `chunks` chunks: formula 3.16, plus 1 under the logarithm, so
 * that it stays above 0 for one that stands in nearly all. Never negative, whatever the counts.
 */
export function inverseDocumentFrequency(frequency: number, chunks: number): number {
  return Math.log1p(Math.max(0, chunks - frequency + 0.5) / (frequency + 0.5));
}

/** The index has no stop words, so they cannot be counted: that of a word that stands in half of the chunks. */
export const STOP_WORD_INVERSE_FREQUENCY = Math.LN2;

/** How much less a memory's best chunk says than a memory of that chunk alone, for every e-fold of chunks. */
const LENGTH_PENALTY = 0.2;

/**
 * The more chunks a memory has, the better the best of them scores by chance. Without this 1.1 points less
 * [-3.1, 0.8] are found (R@10, BEAM; the turns of LoCoMo are one chunk each).
 */
export function lengthPrior(chunkCount: number): number {
  return 1 / (1 + LENGTH_PENALTY * Math.log(Math.max(1, chunkCount)));
}
