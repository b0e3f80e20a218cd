import { Inject, Injectable, Logger } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { ConnectionSlots } from '../database/connection-slots.js';
import { Database } from '../database/database.js';
import { TriptychError } from '../errors.js';
import { LongTermMemory } from '../memory/long-term-memory.js';
import { MAX_CONTENT } from '../memory/memory-input.js';
import type { MemoryFilter } from '../memory/memory-filter.js';
import { MAX_RESULTS } from '../memory/memory-query.js';
import { conditionOf } from '../memory/memory-search.js';
import { textOf } from '../session/message-text.js';
import type { Degradation } from '../recall/degradation.js';
import type { RelevantMemory } from '../working-context/working-context.js';
import { ContextSearch, type FoundItem, type ScoredMessage, type SearchScope } from './context-search.js';

export interface RecallRequest {
  /** What memories are searched by. */
  readonly query: string;
  /** The thread that a context is compiled for. */
  readonly threadId: string;
  /** 0 for none. */
  readonly limit: number;
  readonly scope: SearchScope;
  readonly agentId?: string | undefined;
  readonly filter?: MemoryFilter | undefined;
}

export interface RecalledMemories {
  readonly memories: RelevantMemory[];
  readonly degraded: Degradation[];
}

const NOTHING: RecalledMemories = { memories: [], degraded: [] };
/** Of a thread, so many times what is asked for: much of what is found there stands in the history already. */
const THREAD_FACTOR = 4;

/**
 * Recalls what a working context offers its model, and never fails with it: a context without memories is better than none.
 * Searches take half of the connections at most, also those that nobody waits for any more; while they wait for the
 * provider of embeddings they take none.
 */
@Injectable()
export class ContextRecall {
  readonly #logger = new Logger(ContextRecall.name);
  readonly #timeoutMs: number;
  readonly #slots: ConnectionSlots;

  constructor(
    private readonly memory: LongTermMemory,
    private readonly search: ContextSearch,
    @Inject(Database) private readonly database: Database,
    @Inject(TRIPTYCH_OPTIONS) { recall: { timeoutMs }, database: { poolSize } }: TriptychOptions,
  ) {
    this.#timeoutMs = timeoutMs;
    this.#slots = new ConnectionSlots(Math.max(1, Math.floor(poolSize / 2)));
  }

  /**
   * What was found until the deadline. Without embeddings, what was found by words alone.
   * @throws InvalidInputError, TenantRequiredError
   */
  async find(request: RecallRequest): Promise<RecalledMemories> {
    // A mistake is one whether the search would come in time or not.
    if (request.filter !== undefined) conditionOf({ filter: request.filter });
    if (request.limit === 0) return NOTHING;
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort();
    }, this.#timeoutMs);
    const deadline = new Promise<RecalledMemories>((resolve) => {
      late.signal.addEventListener('abort', () => {
        const detail = `Memories were not recalled within ${this.#timeoutMs} ms, so there are none in this context.`;
        resolve({ memories: [], degraded: [{ code: 'recall_timeout', detail }] });
      });
    });
    try {
      const found = this.database.through(this.#slots, late.signal, () => this.#recall(request, late.signal));
      return await Promise.race([found, deadline]);
    } finally {
      clearTimeout(timer);
    }
  }

  async #recall(request: RecallRequest, late: AbortSignal): Promise<RecalledMemories> {
    try {
      return await this.#search(request);
    } catch (error) {
      // What comes after the deadline, a failure too, is of no use to anybody.
      return late.aborted ? NOTHING : this.#without(error);
    }
  }

  #without(error: unknown): RecalledMemories {
    // A mistake of the caller's, or no tenant: not for lack of anything.
    if (error instanceof TriptychError && error.status < 500) throw error;
    const code = error instanceof TriptychError ? error.code : 'recall_failed';
    this.#logger.warn({
      event: 'recall_failed',
      code,
      reason: error instanceof Error ? error.name : typeof error,
    });
    return {
      memories: [],
      degraded: [{ code, detail: 'Memories could not be recalled, so there are none in this context.' }],
    };
  }

  async #search({
    query: whole,
    threadId,
    limit,
    scope,
    agentId,
    filter,
  }: RecallRequest): Promise<RecalledMemories> {
    // A description may be longer than a query; what it is about stands at its beginning.
    const query = whole.trimStart().slice(0, MAX_CONTENT).toWellFormed();
    const options = {
      ...(agentId !== undefined && { agentId }),
      ...(filter !== undefined && { filter }),
    };
    if (scope === 'memories') {
      const { results, degraded } = await this.memory.find(query, { ...options, limit });
      return { memories: results, degraded };
    }
    const found = await this.search.find(
      query,
      { ...options, scope, threadId, limit: Math.min(MAX_RESULTS, THREAD_FACTOR * limit) },
      // The rest of the time is for what the words say.
      { embedWithinMs: this.#timeoutMs / 2 },
    );
    return { memories: found.results.map(asMemory), degraded: found.degraded };
  }
}

function asMemory(found: FoundItem): RelevantMemory {
  return isMessage(found) ? messageAsMemory(found) : found;
}

function isMessage(found: FoundItem): found is ScoredMessage {
  return 'message' in found;
}

/** A message that fell out of the history is shown as a memory is, with its place in the thread. */
function messageAsMemory({ threadId, message, score }: ScoredMessage): RelevantMemory {
  const { id, seq, role, name, createdAt } = message;
  const at = new Date(createdAt);
  return {
    score,
    memory: {
      memoryId: id,
      tenantId: '',
      agentId: '',
      content: textOf(message),
      metadata: {},
      source: { threadId, seq, role, ...(typeof name === 'string' && { speaker: name }) },
      createdAt: at,
      updatedAt: at,
    },
  };
}
