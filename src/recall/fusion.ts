import { lengthPrior } from './bm25.js';
import { type Candidate } from './candidate.js';

/** What the vectors of an embedder have to say. */
export interface SemanticChannel {
  /** Against the lexical channel's 1. */
  readonly weight: number;
  /** Similarity of texts that have nothing in common; where it is not known, the lowest that was found. */
  readonly floor?: number;
}

/**
 * The built-in embedder sees the same words as the index: weights from 0.2 to 0.5 find the same within half a point
 * (R@10, LoCoMo), which is what another hash function would change. A model that knows meanings has a voice of its
 * own, and a floor of its own: some give 0.7 to any two texts. With 0.7 + 0.3 · s in place of each similarity s, a floor
 * of 0 finds 77.3 and the lowest similarity 79.7, as before (R@10, LoCoMo).
 */
export const SEMANTIC_CHANNELS = {
  builtIn: { weight: 0.5, floor: 0 },
  model: { weight: 1 },
} as const satisfies Record<string, SemanticChannel>;

/** The channels that are asked; one at least. */
export interface Channels {
  readonly lexical: boolean;
  readonly semantic?: SemanticChannel | undefined;
}

export interface FusedScores {
  /** For each candidate, in order, from 0 to 1. */
  readonly scores: readonly number[];
  /** What a part of a candidate's lexical score has in its fused one; from 0 to 1. */
  readonly partOf: (lexicalPart: number, candidate: Candidate) => number;
}

/**
 * The weighted mean of both channels, each first normalised to what it found: a lexical score by the highest, as it is
 * 0 where no word stands, and a similarity by the highest above its floor (Bruch, Gai & Ingber, An Analysis of Fusion
 * Functions for Hybrid Retrieval, 2023). So 1 is a memory that is the best of every channel, and a score says how near
 * to that another comes, in this answer. Both channels are lowered by `lengthPrior`. One that has no score for a
 * memory gives it 0; one that found nothing at all is left out of the mean.
 *
 * Reciprocal ranks in place of scores (RRF) find as much by themselves, but 11 points less (R@10, LoCoMo) once scores
 * are spread over conversations.
 */
export function fuse(candidates: readonly Candidate[], channels: Channels): FusedScores {
  const { semantic } = channels;
  const words = channels.lexical ? normalise(candidates, ({ lexical }) => lexical, 0) : undefined;
  const vectors = semantic && normalise(candidates, cosineOf, semantic.floor);
  const ofWords = words ? 1 : 0;
  const ofVectors = vectors ? semantic.weight : 0;
  const total = ofWords + ofVectors || 1;
  return {
    scores: candidates.map(
      (_, at) => (ofWords * (words?.scores[at] ?? 0) + ofVectors * (vectors?.scores[at] ?? 0)) / total,
    ),
    partOf: (part, { chunkCount }) => {
      if (!words) return 0;
      const share = (Math.max(0, part) * lengthPrior(chunkCount)) / words.highest;
      return (ofWords / total) * Math.min(1, share);
    },
  };
}

/** Rounding of stored vectors may take it past its bounds. */
function cosineOf({ similarity }: Candidate): number | undefined {
  return similarity == null ? undefined : Math.min(1, Math.max(-1, similarity));
}

/** @returns undefined when no candidate has a score above the floor */
function normalise(
  candidates: readonly Candidate[],
  scoreOf: (candidate: Candidate) => number | null | undefined,
  floor?: number,
): { readonly scores: readonly number[]; readonly highest: number } | undefined {
  const found = candidates.map((candidate) => scoreOf(candidate) ?? undefined);
  const scored = found.filter((score) => score !== undefined);
  const lowest = floor ?? scored.reduce((low, score) => Math.min(low, score), Infinity);
  // All the same, or only one: with no floor to stand on, each is as good as the best.
  const isFlat = floor === undefined && scored.every((score) => score === lowest);
  const above = candidates.map(({ chunkCount }, at) => {
    const score = found[at];
    if (score === undefined) return 0;
    return (isFlat ? 1 : Math.max(0, score - lowest)) * lengthPrior(chunkCount);
  });
  const highest = above.reduce((high, score) => Math.max(high, score), 0);
  return highest > 0 ? { scores: above.map((score) => score / highest), highest } : undefined;
}
