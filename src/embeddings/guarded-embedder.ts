import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddingsUnavailableError, InvalidEmbeddingError } from '../errors.js';
import type { Meter } from '../telemetry/meter.js';
import { inClientSpan } from '../telemetry/spans.js';
import { Bulkhead } from './bulkhead.js';
import { Embedder, type EmbeddingKind } from './embedder.js';
import { ProviderBreaker, type BreakerOptions, type BreakerState } from './provider-breaker.js';
import type { RequestLimit } from './request-limit.js';

/** An embedder that asks a provider, and says how it parts texts into requests. */
export interface RequestingEmbedder extends Embedder {
  /**
   * The texts in their order, of each request those that the provider takes at once; each part alone is one request.
   * @throws InvalidInputError for texts that no provider takes
   */
  batches(texts: readonly string[]): readonly (readonly string[])[];
}

export interface GuardOptions {
  /** Requests at once, of each kind. Eight times as many wait. */
  readonly concurrency: number;
  /** How long a request waits in line, in milliseconds. */
  readonly waitMs: Readonly<Record<EmbeddingKind, number>>;
  readonly breaker?: BreakerOptions;
  readonly meter?: Meter | undefined;
  /** Among whom the places are shared out. */
  readonly tenantOfCaller?: (() => string | undefined) | undefined;
}

/** How a request to the provider ended; `not_asked`: the breaker was open, or the line too long. */
export const REQUEST_OUTCOMES = ['answered', 'unavailable', 'refused', 'invalid', 'not_asked'] as const;
export type RequestOutcome = (typeof REQUEST_OUTCOMES)[number];

const KINDS: readonly EmbeddingKind[] = ['document', 'query'];
const WAITING_PER_PLACE = 8;
/**
 * Between two that leave the line because the breaker has opened meanwhile. All at once they would turn to the database in one
 * moment: twelve requests within 0.1 s, measured, and who read a session just then waited three times as long; with 25 ms
 * it was still ten of them. Who stands far behind leaves by his own time in line, as he would have anyway.
 */
const LET_GO_MS = 100;

/** What is known of the requests of one kind to a provider. */
export interface RequestFigures {
  readonly kind: EmbeddingKind;
  readonly running: number;
  readonly waiting: number;
  /** Requests that may be under way at once. */
  readonly places: number;
  /** Since the process started. */
  readonly outcomes: Readonly<Record<RequestOutcome, number>>;
}

/** What the requests of all models of one provider share: places, and what is counted. */
interface Lanes {
  readonly bulkheads: Readonly<Record<EmbeddingKind, Bulkhead>>;
  readonly outcomes: Readonly<Record<EmbeddingKind, Record<RequestOutcome, number>>>;
}

/**
 * Keeps an embedder whose provider fails from taking others along. A circuit breaker leaves the provider alone for a while;
 * and queries have a bulkhead of their own, apart from documents, in which the requests to the provider are counted and
 * not the calls, so that a store of hundreds of chunks takes one place at a time and no query stands behind it. In each of
 * the two, no tenant stands behind all of another's.
 */
export class GuardedEmbedder extends Embedder {
  readonly model: string;
  readonly dimensions: number;
  override readonly requestLimit: RequestLimit | undefined;
  readonly #breaker: ProviderBreaker;
  readonly #lanes: Lanes;

  constructor(
    private readonly embedder: RequestingEmbedder,
    private readonly options: GuardOptions,
    lanes?: Lanes,
  ) {
    super();
    this.model = embedder.model;
    this.dimensions = embedder.dimensions;
    this.requestLimit = embedder.requestLimit;
    const { concurrency, waitMs, breaker } = options;
    this.#breaker = new ProviderBreaker(breaker);
    const bulkhead = (kind: EmbeddingKind): Bulkhead =>
      new Bulkhead({
        atOnce: concurrency,
        waiting: WAITING_PER_PLACE * concurrency,
        waitMs: waitMs[kind],
      });
    this.#lanes = lanes ?? {
      bulkheads: { document: bulkhead('document'), query: bulkhead('query') },
      outcomes: { document: noOutcomes(), query: noOutcomes() },
    };
  }

  /**
   * Another model of the same provider. The two share their places and what is counted, and have a breaker each: that the
   * provider lacks one model says nothing of the other.
   */
  beside(embedder: RequestingEmbedder): GuardedEmbedder {
    return new GuardedEmbedder(embedder, this.options, this.#lanes);
  }

  /** Whether the provider is asked. */
  get state(): BreakerState {
    return this.#breaker.state;
  }

  get figures(): RequestFigures[] {
    return KINDS.map((kind) => {
      const { running, waiting } = this.#lanes.bulkheads[kind];
      return {
        kind,
        running,
        waiting,
        places: this.options.concurrency,
        outcomes: { ...this.#lanes.outcomes[kind] },
      };
    });
  }

  /**
   * @throws EmbeddingsUnavailableError also when the provider is not asked, because it failed several times or because too
   *   many requests wait; with `retryAfter`
   */
  async embed(texts: readonly string[], kind: EmbeddingKind): Promise<number[][]> {
    const vectors: number[][] = [];
    for (const batch of this.embedder.batches(texts)) vectors.push(...(await this.#request(batch, kind)));
    return vectors;
  }

  async #request(batch: readonly string[], kind: EmbeddingKind): Promise<number[][]> {
    let outcome: RequestOutcome = 'not_asked';
    const ask = async (): Promise<number[][]> => {
      try {
        const vectors = await this.#asked(batch, kind);
        outcome = 'answered';
        return vectors;
      } catch (error) {
        outcome = outcomeOf(error);
        throw error;
      }
    };
    const tell = this.options.meter?.start('embedding');
    try {
      // Nobody stands in line for a provider that is not asked.
      this.#breaker.check();
      return await this.#lanes.bulkheads[kind].run(async () => {
        try {
          return await this.#breaker.run(ask);
        } catch (error) {
          if (outcome === 'not_asked') await sleep(LET_GO_MS);
          throw error;
        }
      }, this.options.tenantOfCaller?.());
    } finally {
      this.#lanes.outcomes[kind][outcome] += 1;
      tell?.({ kind, outcome, texts: batch.length });
    }
  }

  /** In a span that the provider is not told of: who asks here, and for what, is not for a third party. */
  #asked(batch: readonly string[], kind: EmbeddingKind): Promise<number[][]> {
    const attributes = {
      'gen_ai.operation.name': 'embeddings',
      'gen_ai.request.model': this.model,
      'gen_ai.embeddings.dimension.count': this.dimensions,
      'triptych.embedding.kind': kind,
      'triptych.embedding.texts': batch.length,
    };
    return inClientSpan(`embeddings ${this.model}`, attributes, () => this.embedder.embed(batch, kind));
  }
}

function noOutcomes(): Record<RequestOutcome, number> {
  return { answered: 0, unavailable: 0, refused: 0, invalid: 0, not_asked: 0 };
}

function outcomeOf(error: unknown): RequestOutcome {
  if (error instanceof InvalidEmbeddingError) return 'invalid';
  return error instanceof EmbeddingsUnavailableError && error.isOfContent ? 'refused' : 'unavailable';
}
