import { type Embedder } from './embedder.js';
import { GuardedEmbedder } from './guarded-embedder.js';
import { LocalEmbedder } from './local-embedder.js';
import { OpenAIEmbedder } from './openai-embedder.js';

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
}

/**
 * A provider is asked through a guard; the built-in embedder needs none.
 * @throws StartupError when the options cannot make an embedder
 */
export function createEmbedder(options: EmbeddingsOptions): Embedder {
  if (options.provider === 'local') return new LocalEmbedder(options.dimensions);
  const { apiKey, baseUrl: baseURL, model, dimensions, timeoutMs = 10_000, concurrency = 16 } = options;
  const queryTimeoutMs = Math.min(options.queryTimeoutMs ?? timeoutMs, timeoutMs);
  return new GuardedEmbedder(
    new OpenAIEmbedder({ apiKey, baseURL, model, dimensions, timeoutMs, queryTimeoutMs }),
    // A query that has stood in line for long has no time left to be answered in.
    { concurrency, waitMs: { document: timeoutMs, query: Math.round(queryTimeoutMs / 2) } },
  );
}
