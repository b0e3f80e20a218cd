import type { Embedder } from '../embeddings/embedder.js';
import { requestsOf } from '../embeddings/request-limit.js';
import { EmbeddingsUnavailableError, TriptychError } from '../errors.js';
import { vectorsOf, type DocumentVectors } from '../recall/document-vectors.js';
import { textsOf, type RecallDocument } from '../recall/recall-rows.js';
import type { RefusedMemory } from './pending-embeddings.js';
import { isAway, mayBeOfTexts, ProviderProbe } from '../embeddings/provider-probe.js';

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
/** Failures of one round of which it is asked whose they are, each as long as a deadline: one among 256 takes 9. */
const MOST_DOUBTS = 16;

/**
 * Embeds memories together, and where the provider refuses them, or answers with what is of no use, each half by itself, and
 * so on: one memory that cannot be embedded keeps no other from it. It costs two requests for each halving, so 16 for one
 * among 256. Where it fails as if it were away, it is asked for a text of nobody's: a provider that answers this failed for
 * what it was sent, which counts as refused.
 * @param beforeEach called before the provider is asked; what it throws ends the round
 */
export async function embedEach(
  embedder: Embedder,
  memories: readonly RecallDocument[],
  beforeEach: () => Promise<void>,
  probe: ProviderProbe = new ProviderProbe(embedder),
): Promise<EmbeddingRound> {
  const vectors = new Map<string, NonNullable<ReturnType<DocumentVectors['get']>>>();
  const refused: RefusedMemory[] = [];
  const left: RecallDocument[] = [];
  let doubts = 0;
  const ask = async (): Promise<unknown> => {
    await beforeEach();
    return probe.ask();
  };
  const isOfTexts = async (error: unknown): Promise<boolean> =>
    !isAway(error) || (mayBeOfTexts(error) && doubts++ < MOST_DOUBTS && (await ask()) === undefined);
  let away = probe.isDoubted ? await ask() : undefined;
  // A request at a time: what it brought is kept when the next one fails, and a claim is renewed in between.
  const waiting: (readonly RecallDocument[])[] = requestsOf(
    memories,
    (memory) => textsOf([memory]),
    embedder.requestLimit,
  ).toReversed();
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
      if (!(await isOfTexts(error))) {
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
