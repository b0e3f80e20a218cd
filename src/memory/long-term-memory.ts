// Over 200 lines: one class, the whole public interface of the tier.
import { Inject, Injectable } from '@nestjs/common';
import { LessThan } from 'typeorm';
import { validate as isUuid } from 'uuid';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { decodeCursor, encodeCursor } from '../database/page-cursor.js';
import { requireInteger, requireText } from '../database/storable.js';
import { Embedder } from '../embeddings/embedder.js';
import { InvalidInputError, NotFoundError } from '../errors.js';
import { type RecallMode } from '../recall/rank.js';
import { Recall } from '../recall/recall.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { Idempotency } from '../tenancy/idempotency.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TenantRepository } from '../tenancy/tenant-repository.js';
import {
  MemoryEntry,
  type FoundMemories,
  type MemoryRevision,
  type ScoredMemory,
} from './memory-entry.entity.js';
import type { MemoryFilter } from './memory-filter.js';
import {
  MAX_AGENT_ID,
  MAX_BATCH,
  requireAsOf,
  requireMode,
  validateChange,
  validateContent,
  validateNewMemory,
  type MemoryChange,
  type NewMemory,
} from './memory-input.js';
import { MemoryHistory } from './memory-history.js';
import { MemorySearch } from './memory-search.js';
import { MemoryWriter, type StoreOptions } from './memory-writer.js';

export const MAX_RESULTS = 1_000;

export interface ListOptions {
  /** At most this many results; default 50. */
  limit?: number;
  /** Only memories of this agent. */
  agentId?: string;
  cursor?: string;
}

export interface SearchOptions {
  /** At most this many results; default 10. */
  limit?: number;
  /** Only memories of this agent. */
  agentId?: string;
  /** Only memories that match. */
  filter?: MemoryFilter;
  /** By words and vectors, or by one of them; default `hybrid`. */
  mode?: RecallMode;
}

/** Tier 2: what is known. Every memory belongs to the tenant in scope and to one of its agents. */
@Injectable()
export class LongTermMemory {
  readonly #entries: TenantRepository<MemoryEntry>;
  readonly #writer: MemoryWriter;
  readonly #history: MemoryHistory;
  readonly #search: MemorySearch;

  constructor(
    @Inject(Database) database: Database,
    @Inject(TRIPTYCH_OPTIONS) options: TriptychOptions,
    embedder: Embedder,
    private readonly tenants: TenantContext,
    audit: AuditLog,
    idempotency: Idempotency,
  ) {
    const { textSearch } = options.recall;
    this.#entries = new TenantRepository(database.dataSource, MemoryEntry, tenants);
    this.#writer = new MemoryWriter({ database, embedder, tenants, audit, idempotency, textSearch });
    this.#history = new MemoryHistory(database, tenants);
    this.#search = new MemorySearch(database, new Recall({ database, embedder, textSearch }), tenants);
  }

  /** Nothing to do: the database is migrated and checked before this class exists. */
  setup(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Embeds and stores one memory.
   * @returns the memory, or with `deduplicate` the one that said the same before
   * @throws InvalidInputError, EmbeddingsUnavailableError, InvalidEmbeddingError, TenantRequiredError
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
   * @throws InvalidInputError, EmbeddingsUnavailableError, InvalidEmbeddingError, TenantRequiredError
   */
  async search(query: string, options: SearchOptions = {}): Promise<ScoredMemory[]> {
    return (await this.find(query, options)).results;
  }

  /** What {@link search} finds, and whether it looked at everything. */
  async find(query: string, { limit = 10, ...options }: SearchOptions = {}): Promise<FoundMemories> {
    this.tenants.require();
    validateContent(query, 'query');
    requireInteger(limit, 'limit', 1, MAX_RESULTS);
    const { agentId, mode } = options;
    if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
    if (mode !== undefined) requireMode(mode);
    return this.#search.find(query, { ...options, limit });
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
    return at === undefined ? entry : this.#history.entryAsOf(entry, at);
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
   * @throws NotFoundError, InvalidInputError, EmbeddingsUnavailableError, InvalidEmbeddingError
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

  /** A page of memories, newest first, the retracted ones included. */
  async list({ limit = 50, agentId, cursor }: ListOptions = {}): Promise<{
    memories: MemoryEntry[];
    nextCursor: string | null;
  }> {
    this.tenants.require();
    requireInteger(limit, 'limit', 1, MAX_RESULTS);
    if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
    const end = cursor === undefined ? undefined : decodeCursor(cursor);
    if (end && !isUuid(end.id))
      throw new InvalidInputError([{ field: 'cursor', message: 'is not a cursor of this list' }]);
    const at = end && new Date(end.at);
    const ofAgent = agentId === undefined ? {} : { agentId };
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
    const last = rows.length > limit ? memories.at(-1) : undefined;
    return {
      memories,
      nextCursor: last ? encodeCursor({ at: last.createdAt.toISOString(), id: last.memoryId }) : null,
    };
  }
}
