import { type Embedder } from './embedder.js';
import { LocalEmbedder } from './local-embedder.js';
import { OpenAIEmbedder } from './openai-embedder.js';

export interface EmbeddingsOptions {
  readonly provider: 'local' | 'openai';
  readonly apiKey?: string;
  readonly baseUrl?: string;
  /** The provider's name of the model; the built-in embedder has one of its own and ignores this. */
  readonly model: string;
  readonly dimensions: number;
  /** For one request to the provider, in milliseconds, retries included. */
  readonly timeoutMs?: number;
}

/** @throws StartupError when the options cannot make an embedder */
export function createEmbedder(options: EmbeddingsOptions): Embedder {
  if (options.provider === 'local') return new LocalEmbedder(options.dimensions);
  const { apiKey, baseUrl: baseURL, model, dimensions, timeoutMs } = options;
  return new OpenAIEmbedder({ apiKey, baseURL, model, dimensions, timeoutMs });
}
