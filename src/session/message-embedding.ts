import type { Embedders } from '../embeddings/embedders.js';
import { isAway, mayBeOfTexts, PROBE_TEXT } from '../embeddings/provider-probe.js';
import type { RequestLimit } from '../embeddings/request-limit.js';
import { InvalidEmbeddingError } from '../errors.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { BatchSize } from './batch-size.js';
import { RecentMap } from './recent-map.js';

/** Messages of which the vectors are asked for together, at most. */
export const MAX_BATCH = 200;
/** Of one message alone, before it counts as one that cannot be embedded. */
const MAX_FAILURES = 3;
/** Tenants and messages of which something is remembered. */
const MAX_REMEMBERED = 1_000;

export interface EmbeddableMessage {
  readonly sessionId: string;
  readonly seq: number;
  readonly revision: number;
  readonly heading: string;
  readonly chunks: readonly string[];
}

/**
 * Embeds the messages of threads. After a failure that may be of their number, or of one of them, fewer of the same tenant's
 * are embedded at a time. So a server that is slow, or takes few texts at once, gets there in some searches, and a message on
 * which it chokes several times, though it embeds another text, is left without vectors.
 */
export class MessageEmbedding {
  readonly #sizes = new RecentMap<string, BatchSize>(MAX_REMEMBERED);
  readonly #failures = new RecentMap<string, number>(MAX_REMEMBERED);

  constructor(private readonly embedders: Embedders) {}

  /** How many messages of a tenant may well be embedded together. */
  batchOf(tenantId: string): number {
    return this.#sizes.get(tenantId)?.value ?? MAX_BATCH;
  }

  /** What one request takes: what it brought is written before the next, which may fail. */
  limitOf(space: string): RequestLimit | undefined {
    return this.embedders.of(space).requestLimit;
  }

  /**
   * The vectors of all chunks, in their order; none, where the provider failed for this message again and again, and for no
   * other text.
   * @throws EmbeddingsUnavailableError, InvalidEmbeddingError
   */
  async vectorsOf(
    tenantId: string,
    space: string,
    messages: readonly EmbeddableMessage[],
  ): Promise<readonly number[][]> {
    const embedder = this.embedders.of(space);
    const texts = messages.flatMap(({ heading, chunks }) => chunks.map((text) => `${heading} ${text}`));
    const begun = performance.now();
    try {
      const vectors = await betweenTurns(() => embedder.embed(texts, 'document'));
      if (vectors.length !== texts.length)
        throw new InvalidEmbeddingError(`${vectors.length} vectors for ${texts.length} texts`);
      this.#sizeOf(tenantId).succeeded(messages.length, performance.now() - begun);
      return vectors;
    } catch (error) {
      if (isAway(error) && !mayBeOfTexts(error)) throw error;
      this.#sizeOf(tenantId).failed(messages.length);
      // As of a query, for which nobody waits as long. Its answer keeps the breaker closed, too.
      await betweenTurns(() => embedder.embed([PROBE_TEXT], 'query'));
      const [message] = messages;
      if (!message || messages.length > 1) throw error;
      this.#sizeOf(tenantId).forget();
      if (this.#failuresOf(message) < MAX_FAILURES) throw error;
      return [];
    }
  }

  #sizeOf(tenantId: string): BatchSize {
    const size = this.#sizes.get(tenantId) ?? new BatchSize(MAX_BATCH);
    this.#sizes.set(tenantId, size);
    return size;
  }

  /** How often it failed alone, this time too, as far as this process knows. */
  #failuresOf({ sessionId, seq, revision }: EmbeddableMessage): number {
    const key = `${sessionId}.${seq}.${revision}`;
    const failures = (this.#failures.get(key) ?? 0) + 1;
    this.#failures.set(key, failures);
    return failures;
  }
}
