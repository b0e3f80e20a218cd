import type { ScoredMemory, ThreadPage, WorkingContext } from '../src/index.js';

export type Appended = Omit<ThreadPage, 'nextBefore'>;
/** Of a memory, the part that the demo shows. */
export type Memory = Pick<ScoredMemory['memory'], 'memoryId' | 'content' | 'source'>;
export interface Recalled {
  memory: Memory;
  score: number;
}
export interface Budgets {
  defaultTier: string;
  encoding: string;
  tiers: { tier: string; total: number }[];
}

/** No service, or one that refuses: the message is for a person. */
export class DemoError extends Error {}

/** The routes that the demo needs, for one tenant. */
export class DemoClient {
  readonly #headers: Record<string, string>;

  constructor(
    readonly url: string,
    tenantId: string,
  ) {
    this.#headers = { 'x-tenant-id': tenantId };
  }

  /** @throws DemoError when nothing answers there, or the service is not ready */
  async check(): Promise<void> {
    await this.#send('GET', '/health/ready');
  }

  budgets(): Promise<Budgets> {
    return this.#send('GET', '/v1/context/budgets');
  }

  append(threadId: string, messages: readonly object[]): Promise<Appended> {
    return this.#send('POST', `/v1/sessions/${threadId}/messages`, { messages });
  }

  async store(memories: readonly object[]): Promise<Memory[]> {
    const body = await this.#send<{ memories: Memory[] }>('POST', '/v1/memories/batch', { memories });
    return body.memories;
  }

  async search(query: string, options: { agentId: string; limit: number }): Promise<Recalled[]> {
    const body = { query, ...options };
    return (await this.#send<{ results: Recalled[] }>('POST', '/v1/memories/search', body)).results;
  }

  compile(request: object): Promise<WorkingContext> {
    return this.#send('POST', '/v1/context/compile', request);
  }

  /** As text, for a person. */
  async receipt(receiptId: string): Promise<string> {
    return this.#send('GET', `/v1/context/receipts/${receiptId}`, undefined, 'text/plain');
  }

  /** Takes back what the demo stored. */
  async remove(threadId: string, memories: readonly Memory[]): Promise<void> {
    await this.#send('DELETE', `/v1/sessions/${threadId}`);
    for (const { memoryId } of memories) await this.#send('DELETE', `/v1/memories/${memoryId}`);
  }

  async #send<T>(method: string, path: string, body?: unknown, accept = 'application/json'): Promise<T> {
    const response = await fetch(this.url + path, {
      method,
      headers: {
        ...this.#headers,
        accept,
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(30_000),
    }).catch((error: unknown) => {
      throw new DemoError(
        `Nothing answers at ${this.url} (${reasonOf(error)}).\n` +
          'Start the service with "npm start", or leave the URL out and the demo starts one of its own.',
      );
    });
    const text = await response.text();
    if (!response.ok)
      throw new DemoError(`${method} ${path} was answered with ${response.status}:\n${text.slice(0, 500)}`);
    if (accept === 'text/plain') return text as T;
    try {
      return (text === '' ? undefined : JSON.parse(text)) as T;
    } catch {
      throw new DemoError(`What answers at ${this.url} is no Triptych service: ${text.slice(0, 80)}`);
    }
  }
}

function reasonOf(error: unknown): string {
  const { cause, message } = error as Error;
  const { code, message: detail } = (cause ?? {}) as { code?: string; message?: string };
  return code ?? detail ?? message;
}
