import { createClient, createConfig, type Client } from './generated/client/index.js';
import { withIdempotencyKey } from './idempotency-key.js';
import { TriptychConnectionError, TriptychProblem } from './problem.js';
import { resilientFetch, type Resilience } from './resilient-fetch.js';

/** What every function of an operation takes as `client`. */
export type TriptychClient = Client;

/** An API key or a JWT, or something that gives one when it is asked. */
export type Credential = string | (() => string | Promise<string>);

export interface TriptychClientOptions extends Resilience {
  /** Where the service is, such as `https://context.example.com`. On a page of the service itself: `''`. */
  readonly baseUrl: string;
  /** With `AUTH_MODE=api-key`: a key of the tenant. */
  readonly apiKey?: Credential;
  /** With `AUTH_MODE=jwt`: a token of the tenant; a function is asked before each call. */
  readonly token?: Credential;
  /** With `AUTH_MODE=dev`: the tenant. */
  readonly tenantId?: string;
  /** Whether each write gets an `Idempotency-Key` of its own, so that it may be tried again. Default true. */
  readonly idempotencyKeys?: boolean;
  /** Sent with every request. */
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * A client of one tenant, for the functions of the operations:
 * `await listSessions({ client, query: { limit: 10 } })` gives `{ data, response }`.
 * @throws TriptychProblem (in a call) where the service refuses
 * @throws TriptychConnectionError (in a call) where there is no answer of it
 * @throws TypeError where the options cannot be meant
 */
export function createTriptychClient(options: TriptychClientOptions): TriptychClient {
  const { baseUrl, apiKey, token, tenantId, idempotencyKeys = true, headers, ...resilience } = options;
  if (baseUrl !== '' && !/^https?:\/\/[^/]/.test(baseUrl))
    throw new TypeError(
      'baseUrl has to begin with http:// or https://, or be empty on a page of the service.',
    );
  if ([apiKey, token, tenantId].filter((credential) => credential !== undefined).length > 1)
    throw new TypeError('Give one of apiKey, token and tenantId.');
  const credential = apiKey ?? token;
  const send = resilientFetch(resilience);
  const client = createClient(
    createConfig({
      baseUrl: baseUrl.replace(/\/+$/, ''),
      fetch: async (input, init) => readable(await send(input, init)),
      // A redirect would take the tenant's texts to somebody else.
      redirect: 'error',
      throwOnError: true,
      headers: { ...(tenantId !== undefined && { 'X-Tenant-Id': tenantId }), ...headers },
      ...(credential !== undefined && {
        auth: () => (typeof credential === 'function' ? credential() : credential),
      }),
    }),
  );
  if (idempotencyKeys) client.interceptors.request.use(withIdempotencyKey);
  client.interceptors.error.use((error, response) => problemOf(error, response));
  return client;
}

/**
 * A page that says 200, of a proxy or another service, is no answer, nor is JSON that ends in the middle. Both are found
 * here and not by the generated client, which would throw them where it is told to answer `{ error }`.
 */
async function readable(response: Response): Promise<Response> {
  const type = response.headers.get('content-type') ?? '';
  if (!response.ok || response.status === 204 || /^text\/plain\b/.test(type)) return response;
  if (!/^application\/json\b/.test(type))
    throw new TriptychConnectionError(
      'unreadable',
      `The answer is ${type || 'of no type'}, not JSON. Does baseUrl lead to the service?`,
    );
  const text = await response.text();
  try {
    if (text) JSON.parse(text);
  } catch (cause) {
    throw new TriptychConnectionError('unreadable', 'The answer is no JSON.', { cause });
  }
  const { status, statusText, headers } = response;
  return new Response(text, { status, statusText, headers });
}

/** There is no response where `fetch` failed. */
function problemOf(error: unknown, response: Response | undefined): unknown {
  return response ? new TriptychProblem(response, error) : error;
}
