import { APIError } from 'openai';
import { EmbeddingsUnavailableError, InvalidEmbeddingError } from '../errors.js';

const FIRST_DELAY_MS = 250;

/** What is looked at in whatever was thrown. */
interface Failure {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: Failure;
}

/** The remedies of answers that asking again will not change. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'it refused the request: check EMBEDDING_MODEL, EMBEDDING_DIMENSIONS and the length of the texts',
  401: 'it refused the credential: check OPENAI_API_KEY',
  403: 'the credential may not use this model: check OPENAI_API_KEY and EMBEDDING_MODEL',
  404: 'it knows no such path or model: check OPENAI_BASE_URL (often ending in /v1) and EMBEDDING_MODEL',
};

/**
 * What a failed request is called here. Nothing of the provider's own words, of the key or of the texts goes into
 * the message, and the cause is not kept: it holds all three.
 */
export function asEmbeddingsError(error: unknown): EmbeddingsUnavailableError | InvalidEmbeddingError {
  if (error instanceof InvalidEmbeddingError) return error;
  // The client hands on what JSON.parse throws when an answer of type JSON is none.
  if ((error as Failure).name === 'SyntaxError') return new InvalidEmbeddingError('the answer is not JSON');
  if (error instanceof APIError && typeof error.status === 'number') {
    return new EmbeddingsUnavailableError(`status ${error.status}, ${meaningOf(error.status)}`);
  }
  return new EmbeddingsUnavailableError(`the connection failed${systemCode(error)}`);
}

/**
 * Milliseconds to wait before asking again, or undefined when asking again cannot help. The provider's
 * `Retry-After` (RFC 9110, 10.2.3) is obeyed; else the delay doubles each time, with up to a quarter of
 * it taken off at random so that callers who failed together do not return together.
 */
export function retryDelayMs(error: unknown, attempt: number): number | undefined {
  if (!isTransient(error)) return undefined;
  return retryAfterMs(error) ?? FIRST_DELAY_MS * 2 ** attempt * (1 - Math.random() / 4);
}

/** Whatever is neither an answer with a status nor unusable content is a connection that failed or was cut. */
function isTransient(error: unknown): boolean {
  if (error instanceof APIError && typeof error.status === 'number') {
    return [408, 409, 429].includes(error.status) || error.status >= 500;
  }
  return asEmbeddingsError(error) instanceof EmbeddingsUnavailableError;
}

function retryAfterMs(error: unknown): number | undefined {
  const header = error instanceof APIError && (error.headers as Headers | undefined)?.get('retry-after');
  if (!header) return undefined;
  const seconds = Number(header);
  const delay = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isNaN(delay) ? undefined : Math.max(0, delay);
}

function meaningOf(status: number): string {
  if (status === 429) return 'its rate limit or quota is used up';
  if (status >= 300 && status < 400)
    return 'a redirect, which is not followed: set OPENAI_BASE_URL to the final address';
  return REFUSALS[status] ?? (status >= 500 ? 'it failed' : 'it refused the request');
}

/** ` (ECONNREFUSED)` and the like: the code of the first cause that has one, free of user data. */
function systemCode(error: unknown): string {
  for (let cause = error as Failure | undefined; cause; cause = cause.cause) {
    if (typeof cause.code === 'string') return ` (${cause.code})`;
  }
  return '';
}
