import { setTimeout as sleep } from 'node:timers/promises';
import OpenAI from 'openai';
import { EmbeddingsUnavailableError, InvalidInputError, StartupError } from '../errors.js';
import { inOrderOfIndex, toUnitVectors } from './check-vectors.js';
import { Embedder } from './embedder.js';
import { asEmbeddingsError, retryDelayMs } from './openai-failure.js';
import { openaiTransport } from './openai-transport.js';

export interface OpenAIEmbedderOptions {
  /** May be missing when `baseURL` names a server that asks for none. */
  readonly apiKey?: string;
  /** Any OpenAI-compatible server, path included, such as `http://127.0.0.1:11434/v1`. */
  readonly baseURL?: string;
  readonly model: string;
  readonly dimensions: number;
  /** For one batch, its retries and the waits between them included. Default 10,000. */
  readonly timeoutMs?: number;
  /** Default 2. */
  readonly maxRetries?: number;
  /** Most texts in one request; OpenAI allows 2,048. Default 128. */
  readonly batchSize?: number;
}

const OPENAI_URL = 'https://api.openai.com/v1';

/** The client insists on a key; servers that need none ignore this one. */
const NO_KEY = 'none';

/**
 * OpenAI allows 300,000 tokens in one request. A UTF-16 unit is at most 3 bytes of UTF-8 and a token at least
 * one, so 100,000 units never exceed that, in any language.
 */
const MAX_BATCH_LENGTH = 100_000;

/** Only these models take `dimensions`; others reject the whole request, or ignore the parameter. */
const SHORTENABLE = /(?:^|\/)text-embedding-3/;

/** Vectors from OpenAI or any server that speaks its protocol: LiteLLM, Ollama, vLLM, Azure … */
export class OpenAIEmbedder extends Embedder {
  readonly model: string;
  readonly dimensions: number;
  private readonly client: OpenAI;
  private readonly timeoutMs: number;
  private readonly maxRetries: number;
  private readonly batchSize: number;

  /** @throws StartupError when neither key nor base URL is given, or one of them cannot be used */
  constructor(options: OpenAIEmbedderOptions) {
    super();
    this.model = options.model;
    this.dimensions = options.dimensions;
    this.timeoutMs = options.timeoutMs ?? 10_000;
    this.maxRetries = options.maxRetries ?? 2;
    this.batchSize = options.batchSize ?? 128;
    this.client = clientOf(options, this.timeoutMs);
  }

  /** @throws InvalidInputError for an empty text, which the protocol does not allow; and as the port says */
  async embed(texts: readonly string[]): Promise<number[][]> {
    const empty = texts.indexOf('');
    if (empty >= 0) throw new InvalidInputError([{ field: `texts.${empty}`, message: 'must not be empty' }]);

    const vectors: number[][] = [];
    for (const batch of this.batches(texts)) {
      const answer = await this.request(batch);
      vectors.push(...toUnitVectors(inOrderOfIndex(answer, batch.length), batch.length, this.dimensions));
    }
    return vectors;
  }

  private *batches(texts: readonly string[]): Generator<string[]> {
    let batch: string[] = [];
    let length = 0;
    for (const text of texts) {
      const full = batch.length === this.batchSize || length + text.length > MAX_BATCH_LENGTH;
      if (full && batch.length > 0) {
        yield batch;
        batch = [];
        length = 0;
      }
      batch.push(text);
      length += text.length;
    }
    if (batch.length > 0) yield batch;
  }

  /**
   * The `data` member of the answer, unchecked. The retries are made here because the client's own obey any
   * `Retry-After`, an hour included, and its timeout ends when the headers arrive, not the body.
   */
  private async request(input: string[]): Promise<unknown> {
    const deadline = Date.now() + this.timeoutMs;
    const signal = AbortSignal.timeout(this.timeoutMs);
    for (let attempt = 0; ; attempt++) {
      try {
        const answer: unknown = await this.client.embeddings.create(
          {
            model: this.model,
            input,
            // Without it the client asks for base64 and decodes the floats of a server that ignores this into [].
            encoding_format: 'float',
            ...(SHORTENABLE.test(this.model) && { dimensions: this.dimensions }),
          },
          { signal },
        );
        return (answer as { data?: unknown } | null | undefined)?.data;
      } catch (error) {
        if (signal.aborted || error instanceof OpenAI.APIConnectionTimeoutError) {
          throw new EmbeddingsUnavailableError(`no whole answer within ${this.timeoutMs} ms`);
        }
        const delay = attempt < this.maxRetries ? retryDelayMs(error, attempt) : undefined;
        if (delay === undefined || Date.now() + delay >= deadline) throw asEmbeddingsError(error);
        await sleep(delay);
      }
    }
  }
}

/** Everything the client would otherwise look up in the environment is given, so that the options alone decide. */
function clientOf({ apiKey, baseURL }: OpenAIEmbedderOptions, timeout: number): OpenAI {
  if (!apiKey && !baseURL) {
    throw new StartupError('Set OPENAI_API_KEY, or OPENAI_BASE_URL for a server that needs no key.');
  }
  if (baseURL && !URL.canParse(baseURL)) throw new StartupError('OPENAI_BASE_URL is not a URL.');
  if (apiKey && !/^[\x21-\x7e]+$/.test(apiKey)) {
    throw new StartupError('OPENAI_API_KEY holds a space, a line end or another character that no key has.');
  }
  return new OpenAI({
    apiKey: apiKey || NO_KEY,
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: baseURL || OPENAI_URL,
    logLevel: 'off',
    timeout,
    maxRetries: 0,
    fetch: openaiTransport(apiKey || NO_KEY),
  });
}
