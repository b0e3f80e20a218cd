import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import type { Embedder } from '../embeddings/embedder.js';
import { NotFoundError } from '../errors.js';
import { UNINDEX } from '../recall/recall-index.sql.js';
import { parametersOf, textsOf, type RecallDocument } from '../recall/recall-rows.js';
import { vectorSpaceOf } from '../recall/vector-space.js';
import type { AuditEntry, AuditLog } from '../tenancy/audit-log.js';
import type { Idempotency } from '../tenancy/idempotency.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { foldCopies } from './memory-copies.js';
import type { MemoryEntry } from './memory-entry.entity.js';
import type { MemoryChange, NewMemory } from './memory-input.js';
import * as sql from './memory-store.sql.js';

export interface MemoryWriterParts {
  readonly database: Database;
  readonly embedder: Embedder;
  readonly tenants: TenantContext;
  readonly audit: AuditLog;
  readonly idempotency: Idempotency;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
}

export interface StoreOptions {
  /** Whether a memory that says what another of its agent says already is counted there and not stored again. */
  readonly deduplicate?: boolean;
}

type Vectors = readonly (readonly number[])[];

const CHANGEABLE = ['content', 'metadata', 'source', 'retracted'] as const;

/** Writes memories with all that finds them again, in one transaction: revisions, postings, vectors, audit. */
export class MemoryWriter {
  constructor(private readonly parts: MemoryWriterParts) {}

  /**
   * Stores memories, all or none: one round trip, unless an answer has to be remembered or copies to be counted.
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
    const vectors = await this.#embed(created);
    if (!deduplicate && !idempotency.hasKey) {
      await this.#insert(created, vectors);
      return created;
    }
    return database.unitOfWork(async () => {
      const { entries, fresh } = deduplicate
        ? await foldCopies(database, created)
        : { entries: created, fresh: created };
      const isFresh = new Set(fresh.map(({ memoryId }) => memoryId));
      const ofFresh = this.#vectorsOf(created, vectors).filter(([memoryId]) => isFresh.has(memoryId));
      if (fresh.length > 0)
        await this.#insert(
          fresh,
          ofFresh.flatMap(([, some]) => some),
        );
      const counted = entries.filter(({ memoryId }) => !isFresh.has(memoryId));
      await this.parts.audit.record(...counted.map((entry) => auditOf('memory.store', entry)));
      const objectIds = entries.map(({ memoryId }) => memoryId);
      await idempotency.remember(answerOf(entries), { objectIds });
      return entries;
    });
  }

  /**
   * Makes a new revision, and keeps the one before. Embeds before it takes a connection, so a change that another one
   * overtook meanwhile is made again.
   * @throws NotFoundError
   */
  async update(memoryId: string, change: MemoryChange, before: MemoryEntry): Promise<MemoryEntry> {
    const after = changed(before, change);
    const isShown = after.retractedAt === null;
    const isMoved =
      after.content !== before.content ||
      JSON.stringify(after.source) !== JSON.stringify(before.source) ||
      isShown !== (before.retractedAt === null);
    const vectors = isMoved && isShown ? await this.#embed([after]) : [];
    const result = await this.parts.database.unitOfWork(async () => {
      const [held] = await this.#query<MemoryEntry>(sql.HOLD_MEMORY, [memoryId]);
      if (!held) throw new NotFoundError('memory');
      if (held.revision !== before.revision) return { overtakenBy: held };
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
      ]);
      if (isMoved) await this.#query(UNINDEX, [[memoryId]]);
      if (isMoved && isShown) await this.#query(sql.INDEX_MEMORIES, this.#index([after], vectors));
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
    }));
  }

  async #embed(documents: readonly RecallDocument[]): Promise<Vectors> {
    return betweenTurns(() => this.parts.embedder.embed(textsOf(documents), 'document'));
  }

  /** The vectors of each document's chunks. */
  #vectorsOf(documents: readonly RecallDocument[], vectors: Vectors): [memoryId: string, vectors: Vectors][] {
    let next = 0;
    return documents.map((document) => {
      const { length } = textsOf([document]);
      return [document.memoryId, vectors.slice(next, (next += length))];
    });
  }

  async #insert(entries: readonly MemoryEntry[], vectors: Vectors): Promise<void> {
    const { audit } = this.parts;
    const { actor, outcome } = audit.row();
    const action = 'memory.store';
    await this.#query(sql.STORE_MEMORIES, [
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
      ...this.#index(entries, vectors),
    ]);
    audit.announce(...entries.map((entry) => auditOf(action, entry)));
  }

  #index(documents: readonly RecallDocument[], vectors: Vectors): unknown[] {
    const { embedder, tenants, textSearch } = this.parts;
    return parametersOf(documents, vectors, {
      tenantId: tenants.require(),
      model: vectorSpaceOf(embedder),
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
