import { setTimeout as sleep } from 'node:timers/promises';
import { uniform } from './random.js';
import type { SoakAnswer, SoakClient, SoakRequest } from './soak-client.js';

/** What the load asks of the service, and what it got that it did not expect. */
export interface LoadFigures {
  requests: number;
  aborted: number;
  unexpected: number;
  /** The first few. */
  readonly examples: string[];
}

/** So much each tenant keeps at most: what comes beyond it takes the place of what is oldest. */
const MOST_MEMORIES = 60;
const MOST_MESSAGES = 60;
const THREADS = 6;
const MOST_EXAMPLES = 10;

const WORDS = 'window seat aisle Lisbon parcel neighbour invoice phone train hotel dog garden'.split(' ');

/** One client of one tenant, which sends one request after the other of every route. */
export class SoakWorker {
  readonly #random: () => number;
  readonly #memories: string[] = [];
  #turn = 0;

  constructor(
    private readonly client: SoakClient,
    private readonly tenant: string,
    private readonly figures: LoadFigures,
    /** Each has threads of its own. */
    private readonly name: string,
    seed: number,
  ) {
    this.#random = uniform(seed);
  }

  /** @param pauseMs between two requests */
  async run(pauseMs: number, until: () => boolean): Promise<void> {
    while (!until()) {
      await this.#step();
      await sleep(pauseMs);
    }
  }

  async #step(): Promise<void> {
    this.#turn += 1;
    const thread = `${this.name}-${this.#below(THREADS)}`;
    const messages = `/v1/sessions/${thread}/messages`;
    const memory = this.#memories[this.#below(this.#memories.length)];
    const steps: (() => Promise<unknown>)[] = [
      () => this.#append(messages),
      () => this.#append(messages),
      () => this.#store(),
      () => this.#store(),
      () => this.#expect([200, 404], { path: `${messages}?limit=20` }),
      () => this.#expect([200, 304, 404], { path: messages, headers: { 'if-none-match': '"5"' } }),
      () => this.#page('/v1/sessions?limit=2'),
      () => this.#page('/v1/memories?limit=10'),
      () => this.#search({ scope: 'memories' }),
      () => this.#search({ scope: 'both', threadId: thread }),
      () => this.#compile(thread),
      () => this.#compile(thread),
      () => this.#expect([200], { path: '/v1/context/budgets' }),
      () => this.#receipts(thread),
      () => this.#ofMemory(memory),
      () => this.#wrong(thread),
      () => this.#abort(messages),
      () => this.#operations(),
    ];
    await steps[this.#below(steps.length)]?.();
  }

  async #append(path: string): Promise<void> {
    const count = 1 + this.#below(3);
    const messages = Array.from({ length: count }, (_, index) => ({
      ...{ role: index % 2 ? 'assistant' : 'user', content: this.#text() },
    }));
    const answer = await this.#expect([201], { path, body: { messages }, ...this.#repeatable() });
    const stored = (answer?.body['messages'] ?? []) as { seq?: number }[];
    if ((stored.at(-1)?.seq ?? 0) > MOST_MESSAGES)
      await this.#expect([204, 404], { method: 'DELETE', path: path.replace(/\/messages$/, '') });
  }

  async #store(): Promise<void> {
    const memory = (): object => ({
      ...{ agentId: `agent-${this.#below(3)}`, content: this.#text(), metadata: { turn: this.#turn } },
    });
    const isBatch = this.#below(3) === 0;
    const answer = await this.#expect([201], {
      ...(isBatch
        ? { path: '/v1/memories/batch', body: { memories: [memory(), memory(), memory()] } }
        : { path: '/v1/memories', body: memory() }),
      ...this.#repeatable(),
    });
    const { memories = [answer?.body] } = (answer?.body ?? {}) as { memories?: unknown[] };
    for (const stored of memories as ({ memoryId?: string } | undefined)[])
      if (stored?.memoryId !== undefined) this.#memories.push(stored.memoryId);
    while (this.#memories.length > MOST_MEMORIES)
      await this.#expect([204], {
        method: 'DELETE',
        path: `/v1/memories/${this.#memories.shift() ?? ''}`,
      });
  }

  async #ofMemory(memory: string | undefined): Promise<void> {
    if (memory === undefined) return;
    const path = `/v1/memories/${memory}`;
    await this.#expect([200], { path });
    await this.#expect([200], { method: 'PATCH', path, body: { content: this.#text() } });
    await this.#expect([200], { path: `${path}/history` });
  }

  async #page(path: string): Promise<void> {
    const first = await this.#expect([200], { path });
    const cursor = first?.body['nextCursor'];
    if (typeof cursor === 'string') await this.#expect([200], { path: `${path}&cursor=${cursor}` });
  }

  #search(scope: object): Promise<unknown> {
    const filter = this.#below(2) ? { filter: { 'metadata.turn': { gt: 3 } } } : {};
    const body = { query: this.#text(), limit: 5, ...scope, ...filter };
    return this.#expect([200], { path: '/v1/memories/search', body });
  }

  #compile(threadId: string): Promise<unknown> {
    const task = { description: this.#text() };
    const body = { threadId, task, systemPrompt: 'Be brief.', modelTier: 'fast', format: 'openai' };
    return this.#expect([200], { path: '/v1/context/compile', body });
  }

  async #receipts(thread: string): Promise<void> {
    const path = '/v1/context/receipts';
    const answer = await this.#expect([200], { path: `${path}?threadId=${thread}&limit=3` });
    const [newest] = (answer?.body['receipts'] ?? []) as { receiptId: string }[];
    if (newest) await this.#expect([200, 404], { path: `${path}/${newest.receiptId}` });
  }

  #wrong(thread: string): Promise<unknown> {
    const path = `/v1/sessions/${thread}/messages`;
    const wrong: (SoakRequest & { tenant?: string })[] = [
      { path, body: '{"messages":[' },
      { path, body: { messages: [{ role: 'nobody' }] } },
      { path: `/v1/memories/${'0'.repeat(8)}` },
      { path: `/nowhere/${this.#turn}` },
      { path: '/v1/memories', body: { agentId: 'a', content: 'x', unknown: this.#turn } },
      { path: '/v1/memories?cursor=made-up' },
      { path, body: 'x'.repeat(1_100_000) },
    ];
    return this.#expect([400, 404, 413], wrong[this.#below(wrong.length)] ?? { path: '/nowhere' });
  }

  async #abort(path: string): Promise<void> {
    this.figures.aborted += 1;
    const body = { messages: [{ role: 'user', content: this.#text() }] };
    const wanted = this.#below(2)
      ? { path, body }
      : { path: '/v1/memories/search', body: { query: this.#text() } };
    await this.client.abort({ tenant: this.tenant, ...wanted }, this.#below(20), this.#below(2) === 0);
  }

  #operations(): Promise<unknown> {
    const paths = ['/metrics', '/health/ready', '/health/live', '/docs-json'];
    return this.#expect([200], { path: paths[this.#below(paths.length)] ?? '/metrics' });
  }

  async #expect(statuses: readonly number[], wanted: SoakRequest): Promise<SoakAnswer | undefined> {
    this.figures.requests += 1;
    try {
      const newConnection = this.#below(5) === 0;
      const answer = await this.client.send({ tenant: this.tenant, newConnection, ...wanted });
      if (statuses.includes(answer.status)) return answer;
      this.#note(`${wanted.path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    } catch (error) {
      this.#note(`${wanted.path}: ${String(error)}`);
    }
    return undefined;
  }

  #note(example: string): void {
    this.figures.unexpected += 1;
    if (this.figures.examples.length < MOST_EXAMPLES) this.figures.examples.push(example.slice(0, 300));
  }

  /** Every third write with a key of its own. */
  #repeatable(): Pick<SoakRequest, 'headers'> {
    if (this.#below(3) > 0) return {};
    return { headers: { 'idempotency-key': `${this.name}-${this.#turn}` } };
  }

  #text(): string {
    return Array.from({ length: 3 + this.#below(12) }, () => WORDS[this.#below(WORDS.length)]).join(' ');
  }

  #below(end: number): number {
    return Math.floor(this.#random() * end);
  }
}
