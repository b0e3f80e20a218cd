import { isDeepStrictEqual } from 'node:util';
import type { ServiceProcess } from '../support/service-process.js';
import { mustAsk } from './request.js';

export interface NewMemory {
  readonly agentId: string;
  readonly content: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
}

/** What a client knows of a memory: all that it can change of it. */
export interface MemoryState extends Required<NewMemory> {
  readonly retracted: boolean;
  readonly revision: number;
}

interface StoredMemory extends Required<NewMemory> {
  readonly memoryId: string;
  readonly retractedAt: string | null;
  readonly revision: number;
  readonly copies: number;
  readonly embeddingStatus: string;
}

/** A memory of one writer, who changes it by one request at a time. */
export class KnownMemory {
  /** A request is under way, or was not answered: nobody else may change it. */
  isBusy = false;

  /** @param states what it may be; `null`: deleted. One, unless a request about it was not answered */
  constructor(
    readonly memoryId: string,
    public states: readonly (MemoryState | null)[],
  ) {}

  get state(): MemoryState | undefined {
    return this.states[0] ?? undefined;
  }

  /** It is so from now on. */
  become(state: MemoryState | null): void {
    this.states = [state];
    this.isBusy = false;
  }
}

/** How often a text was said with `deduplicate`. */
interface Saying {
  readonly agentId: string;
  acknowledged: number;
  unanswered: number;
}

/** What the memories of a tenant must be, as its clients know it. */
export class KnownMemories {
  readonly #memories = new Map<string, KnownMemory>();
  readonly #sayings = new Map<string, Saying>();
  /** Stores without an answer and without a key. */
  #unanswered: (readonly NewMemory[])[] = [];

  constructor(private readonly tenant: string) {}

  stored(memoryId: string, { agentId, content, metadata = {} }: NewMemory): KnownMemory {
    const state = { agentId, content, metadata, retracted: false, revision: 1 };
    const known = new KnownMemory(memoryId, [state]);
    this.#memories.set(memoryId, known);
    return known;
  }

  /** Either all of them are there or none. */
  perhapsStored(memories: readonly NewMemory[]): void {
    this.#unanswered.push(memories);
  }

  saying({ agentId, content }: NewMemory): Saying {
    const known = this.#sayings.get(content) ?? { agentId, acknowledged: 0, unanswered: 0 };
    this.#sayings.set(content, known);
    return known;
  }

  isThere(memoryId: string): boolean {
    const state = this.#memories.get(memoryId)?.states;
    return state?.length === 1 && state[0] !== null;
  }

  /**
   * Compares what the service lists with what is known, and takes over what was in doubt.
   * @returns what is wrong
   */
  async settle(service: ServiceProcess): Promise<string[]> {
    const listed = await this.list(service);
    const wrong: string[] = [];
    const unknown = new Map<string, StoredMemory[]>();
    const seen = new Set<string>();
    for (const memory of listed) {
      const known = this.#memories.get(memory.memoryId);
      seen.add(memory.memoryId);
      if (known) wrong.push(...settleOne(known, memory));
      else unknown.set(memory.content, [...(unknown.get(memory.content) ?? []), memory]);
    }
    for (const [memoryId, known] of this.#memories)
      if (!seen.has(memoryId)) {
        if (!known.states.includes(null)) wrong.push(`lost: ${memoryId} ${JSON.stringify(known.states)}`);
        known.become(null);
      }
    for (const [content, saying] of this.#sayings)
      wrong.push(...settleSaying(content, saying, take(unknown, content)));
    for (const memories of this.#unanswered) {
      const found = memories.map(({ content }) => take(unknown, content));
      const there = found.filter((one) => one.length > 0).length;
      if (there > 0 && there < memories.length)
        wrong.push(`torn: ${there} of a batch of ${memories.length} are there`);
      memories.forEach((memory, index) => {
        const [first, ...more] = found[index] ?? [];
        if (more.length > 0) wrong.push(`doubled: ${memory.content}`);
        if (first) wrong.push(...settleOne(this.stored(first.memoryId, memory), first));
      });
    }
    this.#unanswered = [];
    for (const [content, [first]] of unknown) {
      wrong.push(`${this.#isSaidBy(content) ? 'doubled' : 'invented'}: ${content}`);
      if (first) settleOne(this.stored(first.memoryId, first), first);
    }
    return wrong.map((each) => `${this.tenant} ${each}`);
  }

  #isSaidBy(content: string): boolean {
    return [...this.#memories.values()].some(({ state }) => state?.content === content);
  }

  /** All of the tenant, as they are listed. */
  async list(service: ServiceProcess, query = ''): Promise<StoredMemory[]> {
    const all: StoredMemory[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const path: string = `/v1/memories?limit=1000${query}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
      const { status, body } = await mustAsk(service, this.tenant, { method: 'GET', path });
      if (status !== 200) throw new Error(`${path} was answered with ${status}.`);
      const page = body as { memories: StoredMemory[]; nextCursor: string | null };
      all.push(...page.memories);
      cursor = page.nextCursor;
    }
    return all;
  }
}

function settleOne(known: KnownMemory, stored: StoredMemory): string[] {
  const { agentId, content, metadata, revision, retractedAt, copies } = stored;
  const state = { agentId, content, metadata, retracted: retractedAt !== null, revision };
  const isExpected = known.states.some((one) => isDeepStrictEqual(one, state)) && copies === 1;
  const expected = JSON.stringify(known.states);
  known.become(state);
  return isExpected ? [] : [`changed: ${JSON.stringify({ ...state, copies })} in place of ${expected}`];
}

function settleSaying(content: string, saying: Saying, found: readonly StoredMemory[]): string[] {
  const { agentId, acknowledged, unanswered } = saying;
  const copies = found[0]?.copies ?? 0;
  saying.acknowledged = copies;
  saying.unanswered = 0;
  const isRight =
    found.length === Math.min(1, copies) &&
    found.every((one) => one.agentId === agentId) &&
    copies >= acknowledged &&
    copies <= acknowledged + unanswered;
  const said = `said ${acknowledged} times and perhaps ${unanswered} times more`;
  return isRight ? [] : [`copies: "${content}" was ${said}, and is there ${found.length} times as ${copies}`];
}

function take(unknown: Map<string, StoredMemory[]>, content: string): StoredMemory[] {
  const found = unknown.get(content) ?? [];
  unknown.delete(content);
  return found;
}
