import type { Embedder } from '../embeddings/embedder.js';
import { EmbeddingsUnavailableError, TriptychError } from '../errors.js';
import { vectorsOf, type DocumentVectors } from '../recall/document-vectors.js';
import type { RecallDocument } from '../recall/recall-rows.js';
import type { RefusedMemory } from './pending-embeddings.js';

/** What became of some memories that were to be embedded: each is in one of the three. */
export interface EmbeddingRound {
  readonly vectors: DocumentVectors;
  readonly refused: readonly RefusedMemory[];
  /** Not tried, or tried in vain for a reason that is not theirs. */
  readonly left: readonly RecallDocument[];
  /** Why there are any left. */
  readonly away?: unknown;
}

/** A reason is shown to users, and a provider may say a lot. */
const MAX_REASON = 500;
/** Refused one after the other, with none that was not: then it is the provider that is wrong. */
const TELLING = 8;

/** Whether waiting may help: the provider cannot be asked at all, or fails in a way that nobody has foreseen. */
export function isAway(error: unknown): boolean {
  return error instanceof EmbeddingsUnavailableError ? !error.isOfContent : !(error instanceof TriptychError);
}

/**
 * Embeds memories together, and where the provider refuses them, or answers with what is of no use, each half by itself, and
 * so on: one memory that cannot be embedded keeps no other from it. It costs two requests for each halving, so 16 for one
 * among 256.
 * @param beforeEach called before the provider is asked; what it throws ends the round
 */
export async function embedEach(
  embedder: Embedder,
  memories: readonly RecallDocument[],
  beforeEach: () => Promise<void>,
): Promise<EmbeddingRound> {
  const vectors = new Map<string, NonNullable<ReturnType<DocumentVectors['get']>>>();
  const refused: RefusedMemory[] = [];
  const left: RecallDocument[] = [];
  let away: unknown;
  const waiting: (readonly RecallDocument[])[] = [memories];
  for (let part = waiting.pop(); part; part = waiting.pop()) {
    if (away !== undefined) {
      left.push(...part);
      continue;
    }
    await beforeEach();
    try {
      for (const [memoryId, made] of await vectorsOf(embedder, part)) vectors.set(memoryId, made);
    } catch (error) {
      const [first] = part;
      if (isAway(error)) {
        away = error;
        left.push(...part);
      } else if (first && part.length === 1) {
        refused.push({ memoryId: first.memoryId, reason: reasonOf(error) });
        if (refused.length >= TELLING && vectors.size === 0) away = error;
      } else {
        const middle = Math.ceil(part.length / 2);
        waiting.push(part.slice(middle), part.slice(0, middle));
      }
    }
  }
  return { vectors, refused, left, ...(left.length > 0 && { away }) };
}

/** Nothing of the text: our errors quote none, and others may. */
export function reasonOf(error: unknown): string {
  if (error instanceof EmbeddingsUnavailableError) return error.detail.slice(0, MAX_REASON);
  if (error instanceof TriptychError) return error.message.slice(0, MAX_REASON);
  const { name, code } = Object(error) as { name?: unknown; code?: unknown };
  return [name, code].filter((part) => typeof part === 'string').join(' ') || 'unknown';
}
