import { type Embedder } from './embedder.js';
import { Embedders } from './embedders.js';
import { GuardedEmbedder, type GuardOptions } from './guarded-embedder.js';
import { LOCAL_MODEL, LocalEmbedder } from './local-embedder.js';
import { OpenAIEmbedder } from './openai-embedder.js';

/** How the names of all versions of the built-in embedder begin. */
const LOCAL_MODELS = 'triptych-local-';

export interface EmbeddingsOptions {
  readonly provider: 'local' | 'openai';
  readonly apiKey?: string;
  readonly baseUrl?: string;
  /** The provider's name of the model; the built-in embedder has one of its own and ignores this. */
  readonly model: string;
  readonly dimensions: number;
  /** For one request to the provider, in milliseconds, retries included. Default 10,000. */
  readonly timeoutMs?: number;
  /** The same for queries, for which somebody waits. Default `timeoutMs`, and never more. */
  readonly queryTimeoutMs?: number;
  /** Requests to the provider at once, of documents, and as many of queries. Default 16. */
  readonly concurrency?: number;
  /** Texts in one request to the provider. Default 128. */
  readonly batchSize?: number;
}

/**
 * A provider is asked through a guard; the built-in embedder needs none.
 * @throws StartupError when the options cannot make an embedder
 */
export function createEmbedder(
  options: EmbeddingsOptions,
  parts: Pick<GuardOptions, 'meter' | 'tenantOfCaller'> = {},
): Embedder {
  if (options.provider === 'local') return new LocalEmbedder(options.dimensions);
  const { timeoutMs = 10_000, concurrency = 16 } = options;
  return new GuardedEmbedder(requesting(options, options), {
    ...parts,
    concurrency,
    // A query that has stood in line for long has no time left to be answered in.
    waitMs: { document: timeoutMs, query: Math.round(queryTimeoutOf(options) / 2) },
  });
}

/**
 * The other models of the provider of an embedder that {@link createEmbedder} made, under the same guard; the built-in one
 * is there whatever the provider is. An embedder of somebody else's has no others.
 */
export function createEmbedders(embedder: Embedder, options: EmbeddingsOptions): Embedders {
  const isOurs = embedder instanceof GuardedEmbedder || embedder instanceof LocalEmbedder;
  return new Embedders(embedder, (space) => {
    if (!isOurs) return undefined;
    if (space.model.startsWith(LOCAL_MODELS))
      return space.model === LOCAL_MODEL ? new LocalEmbedder(space.dimensions) : undefined;
    return embedder instanceof GuardedEmbedder ? embedder.beside(requesting(options, space)) : undefined;
  });
}

function requesting(
  options: EmbeddingsOptions,
  { model, dimensions }: Pick<Embedder, 'model' | 'dimensions'>,
): OpenAIEmbedder {
  const { apiKey, baseUrl: baseURL, timeoutMs = 10_000, batchSize } = options;
  const queryTimeoutMs = queryTimeoutOf(options);
  return new OpenAIEmbedder({ apiKey, baseURL, model, dimensions, timeoutMs, queryTimeoutMs, batchSize });
}

function queryTimeoutOf({ timeoutMs = 10_000, queryTimeoutMs = timeoutMs }: EmbeddingsOptions): number {
  return Math.min(queryTimeoutMs, timeoutMs);
}
