/** Candidates of each channel. 400 find the same; 100 find 0.3 points less [-0.8, 0.0] (R@10, LoCoMo). */
export const MAX_CANDIDATES = 200;

/**
 * With fewer memories found by their words, the built-in embedder's vectors are looked through, too. With more,
 * they are compared for those alone: looking through all finds nothing more.
 */
export const ENOUGH_CANDIDATES = 25;

/**
 * A memory that may be an answer: found by a channel, or a neighbour of such in its thread, which has neither a
 * lexical score nor a similarity. What is not known of it is null or missing.
 */
export interface Candidate {
  readonly memoryId: string;
  readonly threadId?: string | null;
  /** Place in the thread. */
  readonly seq?: number | null;
  readonly speaker?: string | null;
  readonly role?: string | null;
  readonly endsInQuestion: boolean;
  /** Of the whole memory, in UTF-16 units. */
  readonly length: number;
  readonly chunkCount: number;
  /** BM25 of the best chunk, 0 or more. */
  readonly lexical?: number | null;
  /** The terms of the question that stand in that chunk, each once … */
  readonly terms?: readonly number[] | null;
  /** … and the part of `lexical` that each of them has. */
  readonly parts?: readonly number[] | null;
  /** Cosine of the query's vector and the nearest chunk's, from -1 to 1. */
  readonly similarity?: number | null;
}

/** One candidate a memory, in the order in which they first come, with what each row knows of its scores. */
export function mergeCandidates(candidates: readonly Candidate[]): Candidate[] {
  const merged = new Map<string, Candidate>();
  for (const candidate of candidates) {
    const other = merged.get(candidate.memoryId);
    merged.set(candidate.memoryId, other ? merge(other, candidate) : candidate);
  }
  return [...merged.values()];
}

function merge(one: Candidate, other: Candidate): Candidate {
  const [more, less] = (one.lexical ?? -1) >= (other.lexical ?? -1) ? [one, other] : [other, one];
  const similarities = [one.similarity, other.similarity].filter(
    (similarity) => typeof similarity === 'number',
  );
  return { ...less, ...more, similarity: similarities.length > 0 ? Math.max(...similarities) : null };
}
