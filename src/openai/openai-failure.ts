import { APIError } from 'openai';

const FIRST_DELAY_MS = 250;

/**
 * A server was asked and gave nothing of use. The message holds nothing of the server's own words, of the key or of
 * what was sent, and the cause is not kept: it holds all three.
 */
export class OpenAIFailure extends Error {
  /**
   * @param kind whether there was no answer, a refusal that asking again will not change, or one of no use
   * @param status of the answer, where that is what was wrong
   * @param retryAfterMs how long the server asks to be left alone, where it says so
   */
  constructor(
    readonly kind: 'unavailable' | 'refused' | 'unusable',
    message: string,
    readonly status?: number,
    readonly retryAfterMs?: number,
  ) {
    super(message);
    this.name = new.target.name;
  }
}

/** What the settings of a server are called, for messages that say what to check. */
export interface SettingNames {
  readonly apiKey: string;
  readonly baseURL: string;
  readonly model: string;
  /** What to check when the server refuses a request as it is. */
  readonly request: string;
}

/** What is looked at in whatever was thrown. */
interface Cause {
  readonly name?: unknown;
  readonly code?: unknown;
  readonly cause?: Cause;
}

/** What a failed request is called here. */
export function asFailure(error: unknown, names: SettingNames): OpenAIFailure {
  if (error instanceof OpenAIFailure) return error;
  // The client hands on what JSON.parse throws when an answer of type JSON is none.
  if ((error as Cause).name === 'SyntaxError') return new OpenAIFailure('unusable', 'the answer is not JSON');
  if (error instanceof APIError && typeof error.status === 'number') {
    return new OpenAIFailure(
      isTransient(error) ? 'unavailable' : 'refused',
      `status ${error.status}, ${meaningOf(error.status, names)}`,
      error.status,
      retryAfterMs(error),
    );
  }
  return new OpenAIFailure('unavailable', `the connection failed${systemCode(error)}`);
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
  return !(error instanceof OpenAIFailure) && (error as Cause).name !== 'SyntaxError';
}

function retryAfterMs(error: unknown): number | undefined {
  const header = error instanceof APIError && (error.headers as Headers | undefined)?.get('retry-after');
  if (!header) return undefined;
  const seconds = Number(header);
  const delay = Number.isNaN(seconds) ? Date.parse(header) - Date.now() : seconds * 1000;
  return Number.isFinite(delay) ? Math.max(0, delay) : undefined;
}

/** The meaning of a status, with the remedy where asking again will not change it. */
function meaningOf(status: number, { apiKey, baseURL, model, request }: SettingNames): string {
  if (status === 429) return 'its rate limit or quota is used up';
  if (status >= 300 && status < 400)
    return `a redirect, which is not followed: set ${baseURL} to the final address`;
  const refusals: Readonly<Record<number, string>> = {
    400: `it refused the request: check ${request}`,
    401: `it refused the credential: check ${apiKey}`,
    403: `the credential may not use this model: check ${apiKey} and ${model}`,
    404: `it knows no such path or model: check ${baseURL} (often ending in /v1) and ${model}`,
    413: `it refused the request as too large: check ${request}`,
    422: `it refused the request: check ${request}`,
  };
  return refusals[status] ?? (status >= 500 ? 'it failed' : 'it refused the request');
}

/** ` (ECONNREFUSED)` and the like: the code of the first cause that has one, free of user data. */
function systemCode(error: unknown): string {
  for (let cause = error as Cause | undefined; cause; cause = cause.cause) {
    if (typeof cause.code === 'string') return ` (${cause.code})`;
  }
  return '';
}
