import { secondsOf, TriptychConnectionError } from './problem.js';

/** How long a call may take, and how often it is tried. */
export interface Resilience {
  /** A call with all its attempts and waits, in milliseconds. Default 60,000. */
  readonly timeoutMs?: number;
  /** One attempt, its answer included, in milliseconds. Default 30,000. */
  readonly attemptTimeoutMs?: number;
  /** Attempts after the first. Default 2; 0: none. */
  readonly retries?: number;
  /** Instead of the global `fetch`. */
  readonly fetch?: typeof fetch;
}

const DEFAULTS = { timeoutMs: 60_000, attemptTimeoutMs: 30_000, retries: 2 };
/** The longest wait of an answer that names none, doubled each time from this in milliseconds. */
const FIRST_WAIT_MS = 250;
/** 409 only with `Retry-After`: the same request is still running, or somebody has the thread for a moment. */
const TRANSIENT = new Set([409, 429, 502, 503, 504]);
/** These read, whatever their method. */
const READS = /\/v1\/(memories\/search|context\/compile)$/;
/** Says 503 of the service, as it was asked to. */
const READINESS = /\/health\/ready$/;
const WITHOUT_BODY = new Set([204, 205, 304]);

/**
 * A `fetch` with a deadline that tries again what may be sent twice: reads, and writes that carry an
 * `Idempotency-Key`. It waits as `Retry-After` says, or up to 250 ms, 500 ms, 1 s … by chance, and gives up at once where
 * the wait would end after the deadline. An answer is read to its end here, so that one cut in half is tried again too.
 * @throws TriptychConnectionError, or the reason of the caller's own signal
 */
export function resilientFetch(options: Resilience): typeof fetch {
  const { timeoutMs, attemptTimeoutMs, retries } = { ...DEFAULTS, ...defined(options) };
  const send = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  return async (input, init) => {
    const request = new Request(input, init);
    const deadline = performance.now() + timeoutMs;
    const left = (): number => Math.max(0, deadline - performance.now());
    const isRepeatable = mayBeSentTwice(request);
    for (let attempt = 0; ; attempt += 1) {
      const mayRetry = isRepeatable && attempt < retries;
      const wait = Math.random() * FIRST_WAIT_MS * 2 ** attempt;
      try {
        const response = await attemptOf(send, request, Math.min(attemptTimeoutMs, left()));
        const seconds = secondsOf(response.headers.get('retry-after'));
        const isTransient =
          TRANSIENT.has(response.status) &&
          (response.status !== 409 || seconds !== undefined) &&
          !READINESS.test(new URL(request.url).pathname);
        const waitMs = seconds === undefined ? wait : seconds * 1_000;
        if (!mayRetry || !isTransient || waitMs >= left()) return response;
        await pause(waitMs, request.signal);
      } catch (error) {
        request.signal.throwIfAborted();
        if (!mayRetry || wait >= left()) throw error;
        await pause(wait, request.signal);
      }
    }
  };
}

function mayBeSentTwice({ method, headers, url }: Request): boolean {
  if (method === 'GET' || method === 'HEAD' || headers.has('idempotency-key')) return true;
  return READS.test(new URL(url).pathname);
}

async function attemptOf(send: typeof fetch, request: Request, ms: number): Promise<Response> {
  // Node takes whole milliseconds only.
  const timeout = AbortSignal.timeout(Math.ceil(ms));
  try {
    const signal = AbortSignal.any([request.signal, timeout]);
    const response = await send(request.clone(), { signal });
    const body = WITHOUT_BODY.has(response.status) ? null : await response.arrayBuffer();
    const { status, statusText, headers } = response;
    return new Response(body, { status, statusText, headers });
  } catch (cause) {
    const { origin } = new URL(request.url);
    throw timeout.aborted
      ? new TriptychConnectionError('timeout', `No answer of ${origin} within ${Math.round(ms)} ms.`, {
          cause,
        })
      : new TriptychConnectionError('unreachable', `No answer of ${origin}: ${reasonOf(cause)}`, { cause });
  }
}

/** Node says `fetch failed`, and why in the cause. */
function reasonOf(error: unknown): string {
  const { cause = error } = (error ?? {}) as { cause?: unknown };
  const { code, message } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? message ?? String(cause);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', abort);
      resolve();
    }, ms);
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
  });
}

function defined<T extends object>(options: T): Partial<T> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Partial<T>;
}
