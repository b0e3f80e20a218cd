// Over 200 lines: everything that a client does, one method each.
import type { History } from '../sessions/history.js';
import { seededRandom } from '../support/seeded-random.js';
import type { ProcessAnswer, ServiceProcess } from '../support/service-process.js';
import type { KnownMemories, KnownMemory, MemoryState, NewMemory } from './known-memories.js';
import { KnownThread } from './known-thread.js';
import type { Promises } from './promises.js';
import { ask, type Request } from './request.js';

/** What the writers of a tenant share. */
export interface Shared {
  readonly tenant: string;
  readonly memories: KnownMemories;
  /** Of the threads that all of them append to. */
  readonly history: History;
  readonly threads: readonly string[];
  readonly promises: Promises;
  /** Everything that was ever sent to be kept. */
  readonly sent: Set<string>;
  /** The hashes of the receipts that compiles answered with, by their ids. */
  readonly receipts: Map<string, string>;
}

const AGENTS = ['agent-a', 'agent-b'];
const WORDS = [
  'harbour',
  'winter',
  'ticket',
  'window',
  'parcel',
  'neighbour',
  'coffee',
  'lisbon',
  'train',
  'invoice',
];
/** The texts that several writers say with `deduplicate`. */
const SAYINGS = WORDS.map((word) => `Everybody knows about the ${word}.`);
const BATCH = 50;
/** Of each append; a kill must leave all of them or none. */
const MESSAGES = 3;
/** Messages of a thread of its own after which a writer may clear it. */
const CLEARED_FROM = 6;
/** Longer than one chunk, for the one text of eight that is long. */
const LONG_WORDS = 200;

/** A client that does one thing after another, drawn from a seed, and knows what must have become of each. */
export class Writer {
  readonly thread: KnownThread;
  readonly #memories: KnownMemory[] = [];
  #random: () => number = seededRandom(0);
  #counter = 0;

  constructor(
    private readonly name: string,
    private readonly shared: Shared,
  ) {
    this.thread = new KnownThread(shared.tenant, `own-${name}`);
  }

  /** Draws from this seed from now on. */
  begin(seed: number): void {
    this.#random = seededRandom(seed);
  }

  /** Does one thing. @returns whether it was acknowledged */
  async turn(service: ServiceProcess): Promise<boolean> {
    const turns = [
      ...[this.#appendShared, this.#appendShared, this.#appendShared, this.#appendOwn, this.#appendOwn],
      ...[this.#clear, this.#store, this.#store, this.#store, this.#storeBatch, this.#say, this.#say],
      ...[this.#update, this.#update, this.#retract, this.#delete],
      ...[this.#search, this.#search, this.#compile, this.#compile],
    ];
    return this.#among(turns).call(this, service);
  }

  #appendShared(service: ServiceProcess): Promise<boolean> {
    const { history, tenant } = this.shared;
    const threadId = this.#among(this.shared.threads);
    const contents = this.#texts(MESSAGES);
    const noted = history.invoke(threadId, contents);
    return this.shared.promises.send(service, {
      ...{ tenant, request: appendTo(threadId, contents, this.#maybeKey()), status: 201 },
      acknowledge: ({ version, messages }: { version: number; messages: { seq: number }[] }) => {
        noted.acknowledge({ version, seqs: messages.map(({ seq }) => seq) });
      },
      doubt: () => undefined,
      isRemembered: () => true,
    });
  }

  /** Where it is known what the thread holds, only if it is at that version. */
  #appendOwn(service: ServiceProcess): Promise<boolean> {
    const { thread } = this;
    if (thread.isBusy) return this.#appendShared(service);
    const contents = this.#texts(MESSAGES);
    const [before, after] = [thread.state, thread.after(contents)];
    const ifMatch = this.#random() < 0.5 ? before.version : undefined;
    thread.isBusy = true;
    return this.shared.promises.send(service, {
      tenant: this.shared.tenant,
      request: { ...appendTo(thread.threadId, contents, this.#maybeKey()), ifMatch },
      status: 201,
      acknowledge: ({ version }: { version: number }) => {
        if (version !== after.version)
          this.shared.promises.wrong.push(
            `${thread.threadId}: version ${version} in place of ${after.version}`,
          );
        thread.become(after);
      },
      doubt: () => {
        thread.states = [before, after];
      },
    });
  }

  #clear(service: ServiceProcess): Promise<boolean> {
    const { thread } = this;
    if (thread.isBusy || thread.state.contents.length < CLEARED_FROM) return this.#appendOwn(service);
    thread.isBusy = true;
    return this.shared.promises.send(service, {
      tenant: this.shared.tenant,
      request: { method: 'DELETE', path: `/v1/sessions/${thread.threadId}`, key: this.#maybeKey() },
      status: 204,
      acknowledge: () => {
        thread.become();
      },
      doubt: () => {
        thread.states = [thread.state, { version: 0, contents: [] }];
      },
      isRemembered: () => true,
    });
  }

  #store(service: ServiceProcess): Promise<boolean> {
    return this.#storeAll(service, '/v1/memories', [this.#newMemory()]);
  }

  #storeBatch(service: ServiceProcess): Promise<boolean> {
    const memories = Array.from({ length: BATCH }, () => this.#newMemory());
    return this.#storeAll(service, '/v1/memories/batch', memories);
  }

  #storeAll(service: ServiceProcess, path: string, memories: readonly NewMemory[]): Promise<boolean> {
    const { tenant, memories: known, promises } = this.shared;
    const ids: string[] = [];
    const body = path.endsWith('batch') ? { memories } : memories[0];
    return promises.send(service, {
      ...{ tenant, request: { method: 'POST', path, body, key: this.#maybeKey() }, status: 201 },
      acknowledge: (answer: { memoryId: string } | { memories: { memoryId: string }[] }) => {
        const entries = 'memories' in answer ? answer.memories : [answer];
        entries.forEach(({ memoryId }, index) => {
          const memory = known.stored(memoryId, memories[index] as NewMemory);
          ids.push(memoryId);
          // Of a batch only some, so that batches are not all that is changed.
          if (index < 3) this.#memories.push(memory);
        });
      },
      doubt: () => {
        known.perhapsStored(memories);
      },
      isRemembered: () => ids.every((id) => known.isThere(id)),
    });
  }

  #say(service: ServiceProcess): Promise<boolean> {
    const { tenant, memories, promises, sent } = this.shared;
    const memory = { agentId: AGENTS[0] ?? '', content: this.#among(SAYINGS) };
    sent.add(memory.content);
    const saying = memories.saying(memory);
    const body = { ...memory, deduplicate: true };
    return promises.send(service, {
      ...{
        tenant,
        request: { method: 'POST', path: '/v1/memories', body, key: this.#maybeKey() },
        status: 201,
      },
      acknowledge: () => (saying.acknowledged += 1),
      doubt: () => (saying.unanswered += 1),
      isRemembered: () => true,
    });
  }

  #update(service: ServiceProcess): Promise<boolean> {
    const changesContent = this.#random() < 0.6;
    const change = changesContent ? { content: this.#text() } : { metadata: this.#metadata() };
    return this.#change(service, change, (state) => ({ ...state, ...change, revision: state.revision + 1 }));
  }

  #retract(service: ServiceProcess): Promise<boolean> {
    const retracted = this.#random() < 0.6;
    return this.#change(service, { retracted }, (state) => ({
      ...{ ...state, retracted, revision: state.revision + 1 },
    }));
  }

  #delete(service: ServiceProcess): Promise<boolean> {
    return this.#change(service, undefined, () => null);
  }

  #change(
    service: ServiceProcess,
    body: object | undefined,
    changed: (state: MemoryState) => MemoryState | null,
  ): Promise<boolean> {
    const { tenant, memories, promises } = this.shared;
    const free = this.#memories.filter(({ isBusy, state }) => !isBusy && state);
    const memory = free[Math.floor(this.#random() * free.length)];
    const before = memory?.state;
    if (!memory || !before) return this.#store(service);
    const after = changed(before);
    const path = `/v1/memories/${memory.memoryId}`;
    memory.isBusy = true;
    return promises.send(service, {
      tenant,
      request: { method: body ? 'PATCH' : 'DELETE', path, body, key: this.#maybeKey() },
      status: body ? 200 : 204,
      acknowledge: () => {
        memory.become(after);
      },
      doubt: () => {
        memory.states = [before, after];
      },
      isRemembered: () => after === null || memories.isThere(memory.memoryId),
    });
  }

  /** Whatever it finds was sent once. */
  #search(service: ServiceProcess): Promise<boolean> {
    const mode = this.#among(['hybrid', 'lexical', 'semantic']);
    const isBoth = this.#random() < 0.3;
    const query = `${this.#among(WORDS)} ${this.#among(WORDS)}`;
    const scope = isBoth ? { scope: 'both', threadId: this.#among(this.shared.threads) } : {};
    const body = { query, mode, limit: 20, ...scope };
    return this.#read(service, { method: 'POST', path: '/v1/memories/search', body }, (answer) => {
      const { results } = answer as {
        results: { memory?: { content: string }; message?: { content: string } }[];
      };
      const foreign = results
        .map(({ memory, message }) => (memory ?? message)?.content ?? '')
        .filter((content) => !this.shared.sent.has(content));
      return foreign.length > 0 ? `a search found ${JSON.stringify(foreign)}` : undefined;
    });
  }

  #compile(service: ServiceProcess): Promise<boolean> {
    const threadId = this.#random() < 0.5 ? this.thread.threadId : this.#among(this.shared.threads);
    const task = { description: `What about the ${this.#among(WORDS)}?` };
    const body = {
      threadId,
      systemPrompt: 'You help.',
      task,
      recallScope: this.#among(['memories', 'both']),
    };
    return this.#read(service, { method: 'POST', path: '/v1/context/compile', body }, (answer) => {
      const { id, hash } = (answer as { receipt: { id?: string; hash: string } }).receipt;
      if (id !== undefined) this.shared.receipts.set(id, hash);
      return undefined;
    });
  }

  async #read(
    service: ServiceProcess,
    request: Request,
    wrongWith: (body: unknown) => string | undefined,
  ): Promise<boolean> {
    const { tenant, promises } = this.shared;
    const answer: ProcessAnswer | undefined = await ask(service, tenant, request);
    if (!answer) return false;
    const wrong = answer.status === 200 ? wrongWith(answer.body) : `${request.path}: ${answer.status}`;
    if (wrong !== undefined) promises.wrong.push(`${tenant} ${wrong}`);
    return true;
  }

  #newMemory(): NewMemory {
    return { agentId: this.#among(AGENTS), content: this.#text(), metadata: this.#metadata() };
  }

  #metadata(): Record<string, unknown> {
    return { kind: this.#among(WORDS), rank: Math.floor(this.#random() * 100), by: [this.name, 'writer'] };
  }

  #texts(count: number): string[] {
    return Array.from({ length: count }, () => this.#text());
  }

  /** No text is ever said twice. */
  #text(): string {
    const count = this.#random() < 0.125 ? LONG_WORDS : 6;
    const words = Array.from({ length: count }, () => this.#among(WORDS));
    const text = `${this.name} ${(this.#counter += 1)}: ${words.join(' ')}.`;
    this.shared.sent.add(text);
    return text;
  }

  #maybeKey(): string | undefined {
    return this.#random() < 0.5 ? `${this.name}-key-${(this.#counter += 1)}` : undefined;
  }

  #among<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)] as T;
  }
}

function appendTo(threadId: string, contents: readonly string[], key: string | undefined): Request {
  const messages = contents.map((content) => ({ role: 'user', content }));
  return { method: 'POST', path: `/v1/sessions/${threadId}/messages`, body: { messages }, key };
}
