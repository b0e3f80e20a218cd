import { requestsOf, type RequestLimit } from './request-limit.js';
import { EmbeddingsUnavailableError, InvalidEmbeddingError, InvalidInputError } from '../errors.js';
import { OpenAIFailure } from '../openai/openai-failure.js';
import { OpenAIServer } from '../openai/openai-server.js';
import { inOrderOfIndex, toUnitVectors } from './check-vectors.js';
import { Embedder, type EmbeddingKind } from './embedder.js';

export interface OpenAIEmbedderOptions {
  /** May be missing when `baseURL` names a server that asks for none. */
  readonly apiKey?: string;
  /** Any OpenAI-compatible server, path included, such as `http://127.0.0.1:11434/v1`. */
  readonly baseURL?: string;
  readonly model: string;
  readonly dimensions: number;
  /** For one batch, its retries and the waits between them included. Default 10,000. */
  readonly timeoutMs?: number;
  /** The same for queries, for which somebody waits. Default `timeoutMs`, and never more. */
  readonly queryTimeoutMs?: number;
  /** Default 2. */
  readonly maxRetries?: number;
  /** Most texts in one request; OpenAI allows 2,048. Default 128. */
  readonly batchSize?: number;
}

/** Above 512 vectors of 4,000 dimensions written out as text. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

const NAMES = {
  apiKey: 'OPENAI_API_KEY',
  baseURL: 'OPENAI_BASE_URL',
  model: 'EMBEDDING_MODEL',
  request: 'EMBEDDING_MODEL, EMBEDDING_DIMENSIONS, EMBEDDING_BATCH_SIZE and the length of the texts',
};

/**
 * OpenAI allows 300,000 tokens in one request. A UTF-16 unit is at most 3 bytes of UTF-8 and a token at least
 * one, so 100,000 units never exceed that, in any language.
 */
const MAX_BATCH_LENGTH = 100_000;

/** Only these models take `dimensions`; others reject the whole request, or ignore the parameter. */
const SHORTENABLE = /(?:^|\/)text-embedding-3/;

/**
 * Statuses by which a provider refuses texts that it was sent: too long, too many tokens, not what it embeds. A mistake in
 * EMBEDDING_MODEL or EMBEDDING_DIMENSIONS can have the status 400 as well, and is not told apart.
 */
const REFUSALS_OF_CONTENT: ReadonlySet<number> = new Set([400, 413, 422]);

/** Vectors from OpenAI or any server that speaks its protocol: LiteLLM, Ollama, vLLM, Azure … */
export class OpenAIEmbedder extends Embedder {
  readonly model: string;
  readonly dimensions: number;
  private readonly server: OpenAIServer;
  private readonly timeoutMs: Readonly<Record<EmbeddingKind, number>>;
  override readonly requestLimit: RequestLimit;

  /** @throws StartupError when neither key nor base URL is given, or one of them cannot be used */
  constructor(options: OpenAIEmbedderOptions) {
    super();
    this.model = options.model;
    this.dimensions = options.dimensions;
    this.requestLimit = { texts: options.batchSize ?? 128, length: MAX_BATCH_LENGTH };
    const { timeoutMs = 10_000, queryTimeoutMs = timeoutMs } = options;
    this.timeoutMs = { document: timeoutMs, query: Math.min(queryTimeoutMs, timeoutMs) };
    this.server = new OpenAIServer({
      apiKey: options.apiKey,
      baseURL: options.baseURL,
      timeoutMs,
      maxRetries: options.maxRetries ?? 2,
      maxAnswerBytes: MAX_ANSWER_BYTES,
      names: NAMES,
    });
  }

  /** @throws InvalidInputError for an empty text, which the protocol does not allow; and as the port says */
  async embed(texts: readonly string[], kind: EmbeddingKind = 'document'): Promise<number[][]> {
    const vectors: number[][] = [];
    for (const batch of this.batches(texts)) {
      const answer = await this.request(batch, kind);
      vectors.push(...toUnitVectors(inOrderOfIndex(answer, batch.length), batch.length, this.dimensions));
    }
    return vectors;
  }

  /**
   * The texts in their order, of each request those that the provider takes at once.
   * @throws InvalidInputError for an empty text
   */
  batches(texts: readonly string[]): string[][] {
    const empty = texts.indexOf('');
    if (empty >= 0) throw new InvalidInputError([{ field: `texts.${empty}`, message: 'must not be empty' }]);

    return requestsOf(texts, (text) => [text], this.requestLimit);
  }

  /** The `data` member of the answer, unchecked. */
  private async request(input: string[], kind: EmbeddingKind): Promise<unknown> {
    try {
      const answer = await this.server.request(
        (client, options) =>
          client.embeddings.create(
            {
              model: this.model,
              input,
              // Without it the client asks for base64 and decodes the floats of a server that ignores this into [].
              encoding_format: 'float',
              ...(SHORTENABLE.test(this.model) && { dimensions: this.dimensions }),
            },
            options,
          ),
        undefined,
        this.timeoutMs[kind],
      );
      return (answer as { data?: unknown } | null | undefined)?.data;
    } catch (error) {
      if (!(error instanceof OpenAIFailure)) throw error;
      if (error.kind === 'unusable') throw new InvalidEmbeddingError(error.message);
      const { status = 0, retryAfterMs } = error;
      const isOfContent = REFUSALS_OF_CONTENT.has(status);
      throw new EmbeddingsUnavailableError(error.message, {
        isOfContent,
        // No answer, or a failure of the server's that does not say when it is over.
        mayBeOfContent: isOfContent || ((status === 0 || status >= 500) && retryAfterMs === undefined),
        retryAfter: retryAfterMs === undefined ? undefined : wholeSeconds(retryAfterMs),
      });
    }
  }
}

function wholeSeconds(milliseconds: number): number {
  return Math.max(1, Math.ceil(milliseconds / 1_000));
}
