// Over 200 lines: one class, the whole public interface of the tier.
import { Inject, Injectable } from '@nestjs/common';
import { LessThan } from 'typeorm';
import { v7 as uuidv7, validate as isUuid } from 'uuid';
import { Database } from '../database/database.js';
import { decodeCursor, encodeCursor } from '../database/page-cursor.js';
import { requireInteger, requireText } from '../database/storable.js';
import { Embedder } from '../embeddings/embedder.js';
import { InvalidInputError, NotFoundError } from '../errors.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { Idempotency } from '../tenancy/idempotency.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { TenantRepository } from '../tenancy/tenant-repository.js';
import { MemoryEntry, type ScoredMemory } from './memory-entry.entity.js';
import {
  MAX_AGENT_ID,
  MAX_BATCH,
  validateChange,
  validateContent,
  validateNewMemory,
  type MemoryChange,
  type NewMemory,
} from './memory-input.js';
import { NEAREST, SAVE_EMBEDDINGS } from './memory-search.sql.js';

export const MAX_RESULTS = 1_000;
const CHANGEABLE = ['content', 'metadata', 'source'] as const;

export interface SearchOptions {
  /** At most this many results; default 10. */
  limit?: number;
  /** Only memories of this agent. */
  agentId?: string;
}

export interface ListOptions extends SearchOptions {
  cursor?: string;
}

/** Tier 2: what is known. Every memory belongs to the tenant in scope and to one of its agents. */
@Injectable()
export class LongTermMemory {
  readonly #entries: TenantRepository<MemoryEntry>;

  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly embedder: Embedder,
    private readonly tenants: TenantContext,
    private readonly audit: AuditLog,
    private readonly idempotency: Idempotency = new Idempotency(database, tenants),
  ) {
    this.#entries = new TenantRepository(database.dataSource, MemoryEntry, tenants);
  }

  /** Nothing to do: the database is migrated and checked before this class exists. */
  setup(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Embeds and stores one memory.
   * @throws InvalidInputError, EmbeddingsUnavailableError, InvalidEmbeddingError, TenantRequiredError
   */
  async store(memory: NewMemory): Promise<MemoryEntry> {
    this.tenants.require();
    validateNewMemory(memory);
    const [entry] = await this.#store([memory], ([first]) => first);
    return entry as MemoryEntry;
  }

  /** Stores up to 1,000 memories, all or none; they come back in the order given. */
  async storeMany(memories: readonly NewMemory[]): Promise<MemoryEntry[]> {
    this.tenants.require();
    if (!Array.isArray(memories) || memories.length === 0 || memories.length > MAX_BATCH)
      throw new InvalidInputError([
        { field: 'memories', message: `must be a list of 1 to ${MAX_BATCH} memories` },
      ]);
    memories.forEach((memory: NewMemory, index) => {
      validateNewMemory(memory, `memories.${index}.`);
    });
    return this.#store(memories, (entries) => entries);
  }

  /**
   * The memories nearest in meaning to `query`, nearest first.
   * @throws InvalidInputError, EmbeddingsUnavailableError, InvalidEmbeddingError, TenantRequiredError
   */
  async search(query: string, { limit = 10, agentId }: SearchOptions = {}): Promise<ScoredMemory[]> {
    const tenantId = this.tenants.require();
    validateContent(query, 'query');
    requireInteger(limit, 'limit', 1, MAX_RESULTS);
    if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
    const [vector] = await betweenTurns(() => this.embedder.embed([query], 'query'));
    const rows = await this.database.query<MemoryEntry & { score: number }>(NEAREST, [
      tenantId,
      JSON.stringify(vector),
      agentId ?? null,
      limit,
      this.embedder.model,
    ]);
    return rows.map(({ score, ...memory }) => ({ memory, score }));
  }

  /** @throws NotFoundError when there is none, or it is another tenant's */
  async get(memoryId: string): Promise<MemoryEntry> {
    this.tenants.require();
    const entry = isUuid(memoryId) ? await this.#entries.findOne({ memoryId }) : null;
    if (!entry) throw new NotFoundError('memory');
    return entry;
  }

  /**
   * Changes parts of a memory; a new content is embedded again.
   * @throws NotFoundError, InvalidInputError, EmbeddingsUnavailableError, InvalidEmbeddingError
   */
  async update(memoryId: string, change: MemoryChange): Promise<MemoryEntry> {
    const tenantId = this.tenants.require();
    validateChange(change);
    const before = await this.get(memoryId);
    const { content, metadata, source } = change;
    const rewritten = content !== undefined && content !== before.content ? content : undefined;
    const [vector] =
      rewritten === undefined ? [] : await betweenTurns(() => this.embedder.embed([rewritten], 'document'));
    return this.database.unitOfWork(async () => {
      const changed = await this.#entries.update(
        { memoryId },
        {
          ...(content !== undefined && { content }),
          ...(metadata !== undefined && { metadata }),
          ...(source !== undefined && { source }),
          updatedAt: new Date(),
        },
      );
      if (changed === 0) throw new NotFoundError('memory');
      await Promise.all([
        vector && this.#saveEmbeddings(tenantId, [before], [vector]),
        this.audit.record({
          action: 'memory.update',
          objectType: 'memory',
          objectId: memoryId,
          details: { fields: CHANGEABLE.filter((field) => change[field] !== undefined) },
        }),
      ]);
      const entry = await this.get(memoryId);
      await this.idempotency.remember(entry, { objectIds: [memoryId] });
      return entry;
    });
  }

  /** @throws NotFoundError when there is none, or it is another tenant's */
  async delete(memoryId: string): Promise<void> {
    this.tenants.require();
    if (!isUuid(memoryId)) throw new NotFoundError('memory');
    await this.database.unitOfWork(async () => {
      if ((await this.#entries.delete({ memoryId })) === 0) throw new NotFoundError('memory');
      await Promise.all([
        this.audit.record({ action: 'memory.delete', objectType: 'memory', objectId: memoryId }),
        this.idempotency.forget([memoryId]),
        this.idempotency.remember(undefined),
      ]);
    });
  }

  /** A page of memories, newest first. */
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

  /** @param answerOf what the caller answers, for a repetition of the request */
  async #store(
    memories: readonly NewMemory[],
    answerOf: (entries: MemoryEntry[]) => unknown,
  ): Promise<MemoryEntry[]> {
    const tenantId = this.tenants.require();
    const texts = memories.map(({ content }) => content);
    const vectors = await betweenTurns(() => this.embedder.embed(texts, 'document'));
    const now = new Date();
    const entries = memories.map(({ agentId, content, metadata = {}, source = null }) => ({
      tenantId,
      memoryId: uuidv7(),
      agentId,
      content,
      metadata,
      source,
      createdAt: now,
      updatedAt: now,
    }));
    await this.database.unitOfWork(async () => {
      await this.#entries.insert(entries);
      await Promise.all([
        this.#saveEmbeddings(tenantId, entries, vectors),
        this.audit.record(
          ...entries.map(
            ({ memoryId }) => ({ action: 'memory.store', objectType: 'memory', objectId: memoryId }) as const,
          ),
        ),
        this.idempotency.remember(answerOf(entries), { objectIds: entries.map(({ memoryId }) => memoryId) }),
      ]);
    });
    return entries;
  }

  async #saveEmbeddings(
    tenantId: string,
    entries: readonly Pick<MemoryEntry, 'memoryId' | 'agentId'>[],
    vectors: readonly number[][],
  ): Promise<void> {
    await this.database.query(SAVE_EMBEDDINGS, [
      tenantId,
      this.embedder.model,
      entries.map(({ memoryId }) => memoryId),
      entries.map(({ agentId }) => agentId),
      vectors.map((vector) => JSON.stringify(vector)),
    ]);
  }
}
