import {
  createTriptychClient,
  TriptychConnectionError,
  TriptychProblem,
  type TriptychClient,
} from 'triptych-client';
import type { Credential } from '../credential/credential.js';
import { ApiProblem, asProblem, unreachable } from './problem.js';

/** The REST interface of the service that served this page, spoken with one credential. */
export class Api {
  readonly #onUnauthenticated: () => void;
  #client: TriptychClient;

  /** @param onUnauthenticated the service no longer accepts the credential */
  constructor(credential: Credential, onUnauthenticated: () => void = () => undefined) {
    this.#onUnauthenticated = onUnauthenticated;
    this.#client = clientOf(credential);
  }

  /** Goes on with another credential, which has to be of the same tenant: of another one there is another Api. */
  useCredential(credential: Credential): void {
    this.#client = clientOf(credential);
  }

  /**
   * Calls an operation and gives what it answers: `api.run((client) => listSessions({ client, signal }))`.
   * @throws ApiProblem
   */
  async run<Data>(call: (client: TriptychClient) => Promise<{ data: Data }>): Promise<Data> {
    try {
      return (await call(this.#client)).data;
    } catch (error) {
      if (error instanceof DOMException && error.name === 'AbortError') throw error;
      const problem = problemOf(error);
      if (problem.status === 401) this.#onUnauthenticated();
      throw problem;
    }
  }
}

function clientOf(credential: Credential): TriptychClient {
  return createTriptychClient({
    baseUrl: '',
    ...(credential.kind === 'tenant' ? { tenantId: credential.tenantId } : { token: credential.token }),
    // Answers are of one tenant, and must not be met again under another.
    fetch: (input, init) => fetch(input, { ...init, cache: 'no-store', credentials: 'omit' }),
  });
}

function problemOf(error: unknown): ApiProblem {
  if (error instanceof TriptychProblem) return new ApiProblem(error);
  if (error instanceof TriptychConnectionError) return unreachable(error.code);
  return asProblem(error);
}
