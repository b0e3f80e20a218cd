// Over 200 lines: one class, the whole public interface of the tier.
import { Inject, Injectable, Optional } from '@nestjs/common';
import { IsNull, LessThan } from 'typeorm';
import { validate as isUuid } from 'uuid';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import type { Query } from '../database/preflight.js';
import { decodeCursor, encodeCursor } from '../database/page-cursor.js';
import { requireInteger, requireText } from '../database/storable.js';
import { InvalidInputError, NotFoundError } from '../errors.js';
import {
  LexicalIndex,
  type RewriteOptions,
  type RewrittenIndex,
  type TextSearch,
} from '../recall/lexical-index.js';
import { Recall } from '../recall/recall.js';
import { TenantSpaces } from '../recall/tenant-spaces.js';
import { Meter } from '../telemetry/meter.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { Idempotency } from '../tenancy/idempotency.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TenantRepository } from '../tenancy/tenant-repository.js';
import { TokenCounter } from '../tokens/token-counter.js';
import { EmbeddingBacklog } from './embedding-backlog.js';
import { READ_FAILURES } from './embedding-backlog.sql.js';
import {
  EMBEDDING_STATUSES,
  MemoryEntry,
  type EmbeddingFailure,
  type EmbeddingStatus,
  type FoundMemories,
  type MemoryRevision,
  type ScoredMemory,
} from './memory-entry.entity.js';
import {
  MAX_AGENT_ID,
  MAX_BATCH,
  requireAsOf,
  validateChange,
  validateNewMemory,
  type MemoryChange,
  type NewMemory,
} from './memory-input.js';
import { MemoryHistory } from './memory-history.js';
import { MAX_RESULTS, validateSearch, type SearchOptions } from './memory-query.js';
import { MemorySearch } from './memory-search.js';
import { MemoryWriter, type StoreOptions } from './memory-writer.js';

export interface ListOptions {
  /** At most this many results; default 50. */
  limit?: number;
  /** Only memories of this agent. */
  agentId?: string;
  /** Only those that are found by their vectors, wait for them, or were given up. */
  embeddingStatus?: EmbeddingStatus;
  cursor?: string;
}

/** Tier 2: what is known. Every memory belongs to the tenant in scope and to one of its agents. */
@Injectable()
export class LongTermMemory {
  readonly #entries: TenantRepository<MemoryEntry>;
  readonly #writer: MemoryWriter;
  readonly #history: MemoryHistory;
  readonly #search: MemorySearch;
  readonly #index: LexicalIndex;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TRIPTYCH_OPTIONS) options: TriptychOptions,
    private readonly spaces: TenantSpaces,
    private readonly tenants: TenantContext,
    private readonly audit: AuditLog,
    idempotency: Idempotency,
    counter: TokenCounter,
    @Optional() backlog?: EmbeddingBacklog,
    @Optional() meter?: Meter,
  ) {
    const { textSearch } = options.recall;
    this.#entries = new TenantRepository(database.dataSource, MemoryEntry, tenants);
    this.#writer = new MemoryWriter({
      database,
      spaces,
      tenants,
      audit,
      idempotency,
      counter,
      textSearch,
      backlog,
    });
    this.#history = new MemoryHistory(database, tenants);
    this.#index = new LexicalIndex(textSearch);
    const recall = new Recall({ database, spaces, textSearch, meter });
    this.#search = new MemorySearch(database, recall, tenants, counter.encoding);
  }

  /** Nothing to do: the database is migrated and checked before this class exists. */
  setup(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Embeds and stores one memory. While the provider fails it is stored all the same, with the `embeddingStatus` pending:
   * it is found by its words at once, and by its vectors once the background worker has them.
   * @returns the memory, or with `deduplicate` the one that said the same before
   * @throws InvalidInputError, TenantRequiredError
   */
  async store(memory: NewMemory, options: StoreOptions = {}): Promise<MemoryEntry> {
    this.tenants.require();
    validateNewMemory(memory);
    const [entry] = await this.#writer.store([memory], options, ([first]) => first);
    return entry as MemoryEntry;
  }

  /** Stores up to 1,000 memories, all or none; they come back in the order given. */
  async storeMany(memories: readonly NewMemory[], options: StoreOptions = {}): Promise<MemoryEntry[]> {
    this.tenants.require();
    if (!Array.isArray(memories) || memories.length === 0 || memories.length > MAX_BATCH)
      throw new InvalidInputError([
        { field: 'memories', message: `must be a list of 1 to ${MAX_BATCH} memories` },
      ]);
    memories.forEach((memory: NewMemory, index) => {
      validateNewMemory(memory, `memories.${index}.`);
    });
    return this.#writer.store(memories, options, (entries) => entries);
  }

  /**
   * The memories that say most about `query`, best first: found by their words, by the nearness of their vectors, or by
   * both, and then weighed by the conversation in which they stand.
   * While the question cannot be embedded, by their words alone; {@link find} says so.
   * @throws InvalidInputError, TenantRequiredError
   */
  async search(query: string, options: SearchOptions = {}): Promise<ScoredMemory[]> {
    return (await this.find(query, options)).results;
  }

  /** What {@link search} finds, whether it looked at everything, and what it had to do without. */
  async find(query: string, options: SearchOptions = {}): Promise<FoundMemories> {
    this.tenants.require();
    return this.#search.find(query, validateSearch(query, options));
  }

  /**
   * @param asOf what it was at this moment, ISO 8601
   * @throws NotFoundError when there is none, or was none then, or it is another tenant's
   */
  async get(memoryId: string, { asOf }: { asOf?: string } = {}): Promise<MemoryEntry> {
    this.tenants.require();
    const at = asOf === undefined ? undefined : requireAsOf(asOf);
    const entry = isUuid(memoryId) ? await this.#entries.findOne({ memoryId }) : null;
    if (!entry) throw new NotFoundError('memory');
    if (at !== undefined) return this.#history.entryAsOf(entry, at);
    await this.#addFailures([entry]);
    return entry;
  }

  /**
   * Every revision of a memory, newest first.
   * @throws NotFoundError when there is none, or it is another tenant's
   */
  async history(memoryId: string): Promise<MemoryRevision[]> {
    this.tenants.require();
    const revisions = isUuid(memoryId) ? await this.#history.of(memoryId) : [];
    if (revisions.length === 0) throw new NotFoundError('memory');
    return revisions;
  }

  /**
   * Changes parts of a memory; what stood before is kept as a revision. `retracted` takes it out of recall, or back.
   * A new content that cannot be embedded now is kept as `store` does.
   * @throws NotFoundError, InvalidInputError
   */
  async update(memoryId: string, change: MemoryChange): Promise<MemoryEntry> {
    validateChange(change);
    return this.#writer.update(memoryId, change, await this.get(memoryId));
  }

  /**
   * Removes a memory and every trace of it: its revisions, its words, its vectors.
   * @throws NotFoundError when there is none, or it is another tenant's
   */
  async delete(memoryId: string): Promise<void> {
    this.tenants.require();
    if (!isUuid(memoryId)) throw new NotFoundError('memory');
    await this.#writer.delete(memoryId);
  }

  /** The text search configuration by which the tenant's memories are found, and those that the server has. */
  textSearch(): Promise<TextSearch> {
    const tenantId = this.tenants.require();
    return this.database.unitOfWork(() => this.#index.read(this.#query, tenantId));
  }

  /**
   * Writes the index of the tenant's words anew, in one transaction, for a configuration of its own or for the default.
   * Searches go on in the old one meanwhile, and who stores for the tenant waits; on the embedded engine, which has one
   * connection, everybody does.
   * @throws InvalidInputError when the server has no such configuration
   */
  reindex(options: RewriteOptions = {}): Promise<RewrittenIndex> {
    const tenantId = this.tenants.require();
    const work = async (): Promise<RewrittenIndex> => {
      const index = await this.#index.rewrite(this.#query, tenantId, options);
      const details = { fields: ['textSearch'], memories: index.memories };
      await this.audit.record({ action: 'tenant.update', objectType: 'tenant', objectId: tenantId, details });
      return index;
    };
    return this.database.unitOfWork(work, { isLong: true });
  }

  /** A page of memories, newest first, the retracted ones included. */
  async list({ limit = 50, agentId, embeddingStatus, cursor }: ListOptions = {}): Promise<{
    memories: MemoryEntry[];
    nextCursor: string | null;
  }> {
    this.tenants.require();
    requireInteger(limit, 'limit', 1, MAX_RESULTS);
    if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
    if (embeddingStatus !== undefined && !EMBEDDING_STATUSES.includes(embeddingStatus))
      throw new InvalidInputError([
        { field: 'embeddingStatus', message: `must be one of: ${EMBEDDING_STATUSES.join(', ')}` },
      ]);
    const end = cursor === undefined ? undefined : decodeCursor(cursor);
    if (end && !isUuid(end.id))
      throw new InvalidInputError([{ field: 'cursor', message: 'is not a cursor of this list' }]);
    const at = end && new Date(end.at);
    const ofAgent = {
      ...(agentId !== undefined && { agentId }),
      ...(embeddingStatus !== undefined && {
        embeddingStatus: embeddingStatus === 'ready' ? IsNull() : embeddingStatus,
      }),
    };
    const rows = await this.#entries.find({
      where:
        end && at
          ? [
              { ...ofAgent, createdAt: LessThan(at) },
              { ...ofAgent, createdAt: at, memoryId: LessThan(end.id) },
            ]
          : ofAgent,
      order: { createdAt: 'DESC', memoryId: 'DESC' },
      take: limit + 1,
    });
    const memories = rows.slice(0, limit);
    await this.#addFailures(memories);
    const last = rows.length > limit ? memories.at(-1) : undefined;
    return {
      memories,
      nextCursor: last ? encodeCursor({ at: last.createdAt.toISOString(), id: last.memoryId }) : null,
    };
  }

  /** Says of those that are not embedded why. Costs nothing where there are none. */
  async #addFailures(entries: readonly MemoryEntry[]): Promise<void> {
    const waiting = new Map(
      entries.filter(({ embeddingStatus }) => embeddingStatus !== 'ready').map((e) => [e.memoryId, e]),
    );
    if (waiting.size === 0) return;
    const failures = await this.database.query<EmbeddingFailure & { memoryId: string }>(READ_FAILURES, [
      this.tenants.require(),
      [...waiting.keys()],
      this.spaces.embedders.defaultSpace,
    ]);
    for (const { memoryId, ...failure } of failures) {
      const entry = waiting.get(memoryId);
      if (entry) entry.embeddingFailure = failure;
    }
  }

  readonly #query: Query = (sql, parameters) => this.database.query(sql, parameters);
}
