// Over 200 lines: one class, every write of a memory.
import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import { EmbeddingsUnavailableError, InvalidEmbeddingError, NotFoundError } from '../errors.js';
import { partsOf, vectorsOf, type DocumentVectors } from '../recall/document-vectors.js';
import { UNINDEX } from '../recall/recall-index.sql.js';
import { indexParametersOf, type RecallDocument } from '../recall/recall-rows.js';
import type { TenantSpaces } from '../recall/tenant-spaces.js';
import type { AuditEntry, AuditLog } from '../tenancy/audit-log.js';
import type { Idempotency } from '../tenancy/idempotency.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { LEAVE_PENDING } from './embedding-backlog.sql.js';
import type { EmbeddingBacklog } from './embedding-backlog.js';
import { foldCopies } from './memory-copies.js';
import type { MemoryEntry } from './memory-entry.entity.js';
import { factsOf } from './memory-facts.js';
import type { MemoryChange, NewMemory } from './memory-input.js';
import { memoryLine } from './memory-line.js';
import * as sql from './memory-store.sql.js';

export interface MemoryWriterParts {
  readonly database: Database;
  readonly spaces: TenantSpaces;
  readonly tenants: TenantContext;
  readonly audit: AuditLog;
  readonly idempotency: Idempotency;
  readonly counter: TokenCounter;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
  /** Finishes what is stored without vectors. */
  readonly backlog?: Pick<EmbeddingBacklog, 'wake' | 'providerAnswered'> | undefined;
}

/** Vectors of some memories, or none where they cannot be had now, but perhaps later. */
interface MadeVectors {
  /** In which they are, or would be. */
  readonly space: string;
  readonly vectors: DocumentVectors | undefined;
}

/** A memory as it is held. */
type HeldMemory = MemoryEntry & { readonly space: string | null; readonly nextSpace: string | null };

export interface StoreOptions {
  /** Whether a memory that says what another of its agent says already is counted there and not stored again. */
  readonly deduplicate?: boolean;
}

const CHANGEABLE = ['content', 'metadata', 'source', 'retracted'] as const;

/** Writes memories with all that finds them again, in one transaction: revisions, postings, vectors, audit. */
export class MemoryWriter {
  constructor(private readonly parts: MemoryWriterParts) {}

  /**
   * Stores memories, all or none: one round trip, unless an answer has to be remembered, copies to be counted, or they
   * are too long for one statement. Where the provider fails they are stored without vectors, which follow.
   * @param answerOf what the caller answers, for a repetition of the request
   */
  async store(
    memories: readonly NewMemory[],
    { deduplicate = false }: StoreOptions,
    answerOf: (entries: MemoryEntry[]) => unknown,
  ): Promise<MemoryEntry[]> {
    const { database, idempotency } = this.parts;
    const created = this.#created(memories);
    // Those that turn out to be copies are embedded in vain; the other way would hold a lock meanwhile.
    const [made, tokens] = await Promise.all([this.#vectorsOf(created), this.#tokensOf(created)]);
    if (!deduplicate && !idempotency.hasKey && partsOf(created).length === 1) {
      await this.#insert(created, made, tokens);
      return created;
    }
    return database.unitOfWork(async () => {
      const { entries, fresh } = deduplicate
        ? await foldCopies(database, created)
        : { entries: created, fresh: created };
      for (const part of partsOf(fresh)) await this.#insert(part, made, tokens);
      const isFresh = new Set(fresh.map(({ memoryId }) => memoryId));
      const counted = entries.filter(({ memoryId }) => !isFresh.has(memoryId));
      await this.parts.audit.record(...counted.map((entry) => auditOf('memory.store', entry)));
      // A memory that is said twice in one batch comes back twice.
      const objectIds = [...new Set(entries.map(({ memoryId }) => memoryId))];
      await idempotency.remember(answerOf(entries), { objectIds });
      return entries;
    });
  }

  /**
   * Makes a new revision, and keeps the one before. Embeds and counts before it takes a connection, so a change that
   * another one overtook meanwhile is made again.
   * @throws NotFoundError
   */
  async update(memoryId: string, change: MemoryChange, before: MemoryEntry): Promise<MemoryEntry> {
    const after = changed(before, change);
    const isShown = after.retractedAt === null;
    const isMoved =
      after.content !== before.content ||
      JSON.stringify(after.source) !== JSON.stringify(before.source) ||
      isShown !== (before.retractedAt === null);
    const [made, tokens] = await Promise.all([
      this.#vectorsOf(isMoved && isShown ? [after] : []),
      this.#tokensOf([after]),
    ]);
    const result = await this.parts.database.unitOfWork(async () => {
      const [held] = await this.#query<HeldMemory>(sql.HOLD_MEMORY, [memoryId]);
      if (!held) throw new NotFoundError('memory');
      const { space, nextSpace, ...overtaken } = held;
      if (held.revision !== before.revision) return { overtakenBy: overtaken };
      const spaces = new Set([space ?? made.space, ...(nextSpace === null ? [] : [nextSpace])]);
      if (made.vectors) spaces.delete(made.space);
      const isWaiting = isMoved && isShown && spaces.has(space ?? made.space);
      const now = new Date();
      await this.#query(sql.KEEP_REVISION, [memoryId, now]);
      const [entry] = await this.#query<MemoryEntry>(sql.CHANGE_MEMORY, [
        memoryId,
        after.content,
        JSON.stringify(after.metadata),
        after.source && JSON.stringify(after.source),
        after.retractedAt,
        now,
        this.parts.audit.row().actor,
        tokens.get(memoryId),
        this.parts.counter.encoding,
        isMoved,
        isWaiting ? 'pending' : null,
      ]);
      if (change.metadata !== undefined)
        await this.#query(sql.REPLACE_FACTS, [memoryId, factsOf(after.metadata)]);
      if (isMoved) await this.#query(UNINDEX, [[memoryId]]);
      if (isMoved && isShown) await this.#query(sql.INDEX_MEMORIES, this.#index([after], made));
      if (isMoved && isShown && spaces.size > 0) {
        await this.#query(LEAVE_PENDING, [memoryId, [...spaces]]);
        for (const each of spaces) this.#wake(each);
      }
      const fields = CHANGEABLE.filter((field) => change[field] !== undefined);
      await this.parts.audit.record({ ...auditOf('memory.update', after), details: { fields } });
      await this.parts.idempotency.remember(entry, { objectIds: [memoryId] });
      return { entry: entry as MemoryEntry };
    });
    return result.entry ?? this.update(memoryId, change, result.overtakenBy);
  }

  /**
   * Removes a memory with every trace: revisions, postings, vectors, answers that show it.
   * @throws NotFoundError
   */
  async delete(memoryId: string): Promise<void> {
    const { database, audit, idempotency } = this.parts;
    await database.unitOfWork(async () => {
      const [held] = await this.#query<MemoryEntry>(sql.HOLD_MEMORY, [memoryId]);
      if (!held) throw new NotFoundError('memory');
      await this.#query(UNINDEX, [[memoryId]]);
      await this.#query(sql.DELETE_MEMORY, [memoryId]);
      await audit.record(auditOf('memory.delete', held));
      await idempotency.forget([memoryId]);
      await idempotency.remember(undefined);
    });
  }

  #created(memories: readonly NewMemory[]): MemoryEntry[] {
    const now = new Date();
    const { actor } = this.parts.audit.row();
    return memories.map(({ agentId, content, metadata = {}, source = null }) => ({
      tenantId: this.parts.tenants.require(),
      memoryId: uuidv7(),
      agentId,
      content,
      metadata,
      source,
      createdAt: now,
      updatedAt: now,
      revision: 1,
      storedBy: actor,
      copies: 1,
      retractedAt: null,
      embeddingStatus: 'ready',
    }));
  }

  /** In the tenant's space. */
  async #vectorsOf(entries: readonly MemoryEntry[]): Promise<MadeVectors> {
    const { spaces, tenants, backlog } = this.parts;
    const space = await spaces.of(tenants.require());
    try {
      const vectors = await vectorsOf(spaces.embedders.of(space), entries);
      if (entries.length > 0) backlog?.providerAnswered(space);
      return { space, vectors };
    } catch (error) {
      if (error instanceof EmbeddingsUnavailableError || error instanceof InvalidEmbeddingError)
        return { space, vectors: undefined };
      throw error;
    }
  }

  /** Has what is left pending in a space looked at, once it is committed. */
  #wake(space: string): void {
    const { backlog, database, tenants } = this.parts;
    const tenantId = tenants.require();
    if (!backlog) return;
    if (database.isInUnitOfWork)
      database.afterCommit(() => {
        backlog.wake(tenantId, space);
      });
    else backlog.wake(tenantId, space);
  }

  /** What the line of each memory takes in a prompt, by id. */
  async #tokensOf(entries: readonly MemoryEntry[]): Promise<Map<string, number>> {
    const tokens = new Map<string, number>();
    for (const entry of entries)
      tokens.set(entry.memoryId, await this.parts.counter.countInTurns([memoryLine(entry)]));
    return tokens;
  }

  async #insert(
    entries: readonly MemoryEntry[],
    made: MadeVectors,
    tokens: ReadonlyMap<string, number>,
  ): Promise<void> {
    const { audit, counter, spaces, tenants } = this.parts;
    const { actor, outcome } = audit.row();
    const action = 'memory.store';
    const facts = entries.flatMap(({ memoryId, metadata }) =>
      factsOf(metadata).map((fact) => [fact, memoryId] as const),
    );
    const [held] = await this.#query<{ space: string }>(sql.STORE_MEMORIES, [
      entries.map(({ memoryId }) => memoryId),
      entries.map(({ agentId }) => agentId),
      entries.map(({ content }) => content),
      entries.map(({ metadata }) => JSON.stringify(metadata)),
      entries.map(({ source }) => source && JSON.stringify(source)),
      entries.map(({ copies }) => copies),
      entries[0]?.createdAt,
      actor,
      outcome,
      action,
      entries.map(() => uuidv7()),
      facts.map(([fact]) => fact),
      facts.map(([, memoryId]) => memoryId),
      entries.map(({ memoryId }) => tokens.get(memoryId)),
      counter.encoding,
      made.vectors !== undefined,
      ...this.#index(entries, made),
    ]);
    const space = held?.space ?? made.space;
    spaces.note(tenants.require(), space);
    const isReady = made.vectors !== undefined && space === made.space;
    for (const entry of entries) entry.embeddingStatus = isReady ? 'ready' : 'pending';
    audit.announce(...entries.map((entry) => auditOf(action, entry)));
    if (!isReady) this.#wake(space);
  }

  #index(documents: readonly RecallDocument[], { space, vectors }: MadeVectors): unknown[] {
    const { tenants, textSearch } = this.parts;
    const ofDocuments = documents.flatMap(({ memoryId }) => vectors?.get(memoryId) ?? []);
    return indexParametersOf(documents, ofDocuments, {
      tenantId: tenants.require(),
      space,
      textSearch,
    });
  }

  #query<T extends object>(text: string, parameters: readonly unknown[]): Promise<T[]> {
    return this.parts.database.query<T>(text, [this.parts.tenants.require(), ...parameters]);
  }
}

function changed(before: MemoryEntry, { content, metadata, source, retracted }: MemoryChange): MemoryEntry {
  return Object.assign({}, before, {
    ...(content !== undefined && { content }),
    ...(metadata !== undefined && { metadata }),
    ...(source !== undefined && { source }),
    ...(retracted !== undefined && { retractedAt: retracted ? (before.retractedAt ?? new Date()) : null }),
  });
}

function auditOf(action: string, { memoryId }: Pick<MemoryEntry, 'memoryId'>): AuditEntry {
  return { action, objectType: 'memory', objectId: memoryId };
}
