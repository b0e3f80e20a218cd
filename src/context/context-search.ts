import { Inject, Injectable, Optional } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { InvalidInputError } from '../errors.js';
import { validateSearch, type SearchOptions } from '../memory/memory-query.js';
import type { ScoredMemory } from '../memory/memory-entry.entity.js';
import { conditionOf, MemorySearch, placesOf } from '../memory/memory-search.js';
import type { Degradation } from '../recall/degradation.js';
import type { RankedMemory } from '../recall/rank.js';
import { Recall } from '../recall/recall.js';
import { joined } from '../recall/sql-part.js';
import { TenantSpaces } from '../recall/tenant-spaces.js';
import { MessageRecall } from '../session/message-recall.js';
import type { StoredMessage } from '../session/message.js';
import { requireThreadId } from '../session/thread-id.js';
import { Meter } from '../telemetry/meter.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TokenCounter } from '../tokens/token-counter.js';

/** Long-term memory, the messages of one thread, or both, ranked together. */
export const SEARCH_SCOPES = ['memories', 'thread', 'both'] as const;
export type SearchScope = (typeof SEARCH_SCOPES)[number];

export interface ContextSearchOptions extends SearchOptions {
  /** Default `memories`. */
  scope?: SearchScope;
  /** Whose messages are looked at; with the scopes `thread` and `both`, and only with them. */
  threadId?: string;
}

/** A message of a thread found by a search. */
export interface ScoredMessage extends Omit<ScoredMemory, 'memory' | 'tokens'> {
  threadId: string;
  message: StoredMessage;
}

export type FoundItem = ScoredMemory | ScoredMessage;

/** What a search found. */
export interface FoundItems {
  /** Best first. */
  results: FoundItem[];
  /** False when not all that may be as near could be compared, or not all messages of a long thread are findable yet. */
  exhaustive: boolean;
  /** Why it was found by words alone although more was asked for, such as a provider that is away; else empty. */
  degraded: Degradation[];
}

/** Searches memories and what was said in a thread, as one. */
@Injectable()
export class ContextSearch {
  readonly #recall: Recall;
  readonly #memories: MemorySearch;
  readonly #messages: MessageRecall;

  constructor(
    @Inject(Database) database: Database,
    @Inject(TRIPTYCH_OPTIONS) { recall: { textSearch } }: TriptychOptions,
    spaces: TenantSpaces,
    private readonly tenants: TenantContext,
    counter: TokenCounter,
    @Optional() meter?: Meter,
  ) {
    this.#recall = new Recall({ database, spaces, textSearch, meter });
    this.#memories = new MemorySearch(database, this.#recall, tenants, counter.encoding);
    this.#messages = new MessageRecall({ database, spaces, tenants, counter, textSearch });
  }

  /**
   * What says most about `query`, best first. `agentId` restricts the memories, `filter` all: a message is of no agent, has no
   * metadata, and was said when it was appended. `asOf` leaves out messages that came later. While nothing can be
   * embedded, words alone find it, and `degraded` says so.
   * @param embedWithinMs how long the vectors of messages are waited for that nobody searched yet
   * @throws InvalidInputError, TenantRequiredError
   */
  async find(
    query: string,
    options: ContextSearchOptions = {},
    { embedWithinMs }: { embedWithinMs?: number } = {},
  ): Promise<FoundItems> {
    const tenantId = this.tenants.require();
    const threadId = requireScope(options);
    const { limit, mode, ...among } = validateSearch(query, options);
    const { filter, asOf } = among;
    if (threadId === undefined) return this.#memories.find(query, { limit, mode, ...among });
    const memories = placesOf(among);
    const { isWhole, ...made } = await this.#messages.index(threadId, mode, embedWithinMs);
    // Of messages without vectors none would be found by meaning, and the others would go before them.
    const channel = made.degraded.length > 0 ? 'lexical' : mode;
    const request = { tenantId, query, limit, mode: channel, condition: memories.condition };
    const condition = filter && conditionOf({ filter });
    const messages = this.#messages.documents(threadId, { asOf, condition });
    const indexed = options.scope === 'both';
    const revisions = indexed ? memories.places?.scanned : undefined;
    const scanned = joined(revisions ? [revisions, messages] : [messages], ' UNION ALL ');
    const recalled = await this.#recall.find({ ...request, places: { indexed, scanned } });
    return {
      results: await this.#read(recalled.ranked, threadId, asOf),
      exhaustive: recalled.exhaustive && isWhole,
      degraded: [...made.degraded, ...recalled.degraded],
    };
  }

  /** In the order in which they were ranked; what is gone meanwhile is left out. */
  async #read(ranked: readonly RankedMemory[], threadId: string, asOf?: Date): Promise<FoundItem[]> {
    const [memories, messages] = await Promise.all([
      this.#memories.read(
        { ranked: ranked.filter(({ memoryId }) => !isMessage(memoryId)), candidates: [] },
        asOf,
      ),
      this.#messages.read(threadId, ranked.map(({ memoryId }) => memoryId).filter(isMessage)),
    ]);
    const found = new Map(memories.map((each) => [each.memory.memoryId, each]));
    return ranked.flatMap(({ memoryId, score, lexical, semantic }): FoundItem[] => {
      const memory = found.get(memoryId);
      if (memory) return [memory];
      const message = messages.get(memoryId);
      return message ? [{ threadId, message, score, scores: { lexical, semantic } }] : [];
    });
  }
}

/** Recall names a message by its place and revision, and a memory by its UUID. */
function isMessage(id: string): boolean {
  return id.includes('.');
}

/** @returns the thread to look at, if one */
function requireScope({ scope = 'memories', threadId }: ContextSearchOptions): string | undefined {
  if (!SEARCH_SCOPES.includes(scope)) refuse('scope', `must be one of ${SEARCH_SCOPES.join(', ')}`);
  if (scope !== 'memories') requireThreadId(threadId);
  else if (threadId !== undefined)
    refuse('threadId', 'needs the scope thread or both; for memories of a thread use a filter');
  return threadId;
}

function refuse(field: string, message: string): never {
  throw new InvalidInputError([{ field, message }]);
}
