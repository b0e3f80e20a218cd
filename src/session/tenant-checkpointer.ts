// Over 200 lines: one class, all of LangGraph's interface.
import type { RunnableConfig } from '@langchain/core/runnables';
import type {
  ChannelVersions,
  Checkpoint,
  CheckpointListOptions,
  CheckpointMetadata,
  CheckpointTuple,
  PendingWrite,
} from '@langchain/langgraph-checkpoint';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import type { Database } from '../database/database.js';
import { parseJson } from '../database/parse-json.js';
import { requireStorable } from '../database/storable.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { AppendedCheckpoints } from './appended-checkpoints.js';
import { ChannelMessages } from './channel-messages.js';
import { nextVersion } from './channel-versions.js';
import { threadIdOf } from './checkpoint-config.js';
import { CheckpointLineage } from './checkpoint-lineage.js';
import { CheckpointReader } from './checkpoint-reader.js';
import { CheckpointRows } from './checkpoint-rows.js';
import { CheckpointSerializer } from './checkpoint-serializer.js';
import { CheckpointWriter } from './checkpoint-writer.js';
import { ConversationWriter } from './conversation-writer.js';
import type { SessionRows } from './held-session.js';
import type { MessageLog } from './message-log.js';
import { MessageResolver } from './message-resolver.js';
import { PriorConversation } from './prior-conversation.js';
import type { SessionLeases } from './session-leases.js';
import { routed, type SaverStatements } from './routed-statements.js';
import { TaskWrites } from './task-writes.js';
import { TenantThreads } from './tenant-threads.js';
import { WorkUnderWay } from './work-under-way.js';

/** What the checkpointer is made of. */
export interface CheckpointerParts {
  readonly database: Database;
  readonly log: MessageLog;
  readonly sessions: SessionRows;
  readonly leases: SessionLeases;
  readonly tenants: TenantContext;
  readonly audit: Pick<AuditLog, 'record'>;
}

/**
 * LangGraph's `PostgresSaver`, bound to the tenant in scope, with the messages kept in the message log: a
 * channel of messages holds a reference to rows instead of the messages themselves. Hand it to
 * `graph.compile({ checkpointer })`. A run that lost a race, or whose thread was cleared, is refused with
 * `SessionConflictError` where LangGraph's saver would drop what the other one wrote.
 */
export class TenantCheckpointer extends PostgresSaver {
  readonly #parts: CheckpointerParts;
  readonly #threads: TenantThreads;
  readonly #lineage = new CheckpointLineage();
  readonly #reader: CheckpointReader;
  readonly #writer: CheckpointWriter;
  readonly #taskWrites: TaskWrites;

  constructor(parts: CheckpointerParts) {
    super(parts.database.pool, undefined, { schema: 'checkpoints' });
    this.#parts = parts;
    this.#threads = new TenantThreads(parts.tenants);
    this.serde = new CheckpointSerializer(this.serde);
    const saver = this as unknown as { SQL_STATEMENTS: SaverStatements };
    saver.SQL_STATEMENTS = routed(saver.SQL_STATEMENTS);
    const rows = new CheckpointRows(parts.database, {
      getTuple: (config) => super.getTuple(config),
      dumpCheckpoint: (checkpoint) => this._dumpCheckpoint(checkpoint),
      dumpMetadata: (metadata) => this._dumpMetadata(metadata),
      dumpBlobs: (...blobs) => this._dumpBlobs(...blobs),
      dumpWrites: (...writes) => this._dumpWrites(...writes),
      load: (type, data) => this.serde.loadsTyped(type, data),
    });
    const { database, log, sessions } = parts;
    const resolver = new MessageResolver(log);
    const appended = new AppendedCheckpoints(database, sessions, rows);
    const prior = new PriorConversation(rows, log, resolver);
    // What one of them notes, another asks for.
    const shared = {
      ...parts,
      rows,
      threads: this.#threads,
      lineage: this.#lineage,
      underWay: new WorkUnderWay(),
    };
    this.#reader = new CheckpointReader({ ...shared, resolver, appended });
    this.#writer = new CheckpointWriter({
      ...shared,
      channels: new ChannelMessages(log),
      conversation: new ConversationWriter({ ...parts, rows, appended, prior }),
    });
    this.#taskWrites = new TaskWrites(shared);
  }

  /** The tables are made by our migrations; the role that serves requests may not create any. */
  override setup(): Promise<void> {
    return Promise.resolve();
  }

  /** The pool belongs to the application. */
  override end(): Promise<void> {
    return Promise.resolve();
  }

  /** A version that no other branch of a fork gives: see {@link nextVersion}. */
  override getNextVersion(current: number | undefined): number {
    return nextVersion(current);
  }

  /**
   * The checkpoint that is named, or the newest: the one that was written last, whatever the clocks of the
   * writers said. Messages that were appended from outside a graph become part of one first.
   * No thread named: no checkpoint, as LangGraph's conformance suite has it.
   */
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    return threadIdOf(config) === undefined ? undefined : this.#reader.read(config);
  }

  /** Newest first. No thread named: all threads of the tenant, where LangGraph's saver lists everybody's. */
  override async *list(
    config: RunnableConfig,
    options?: CheckpointListOptions,
  ): AsyncGenerator<CheckpointTuple> {
    // NUL and half a character are errors of PostgreSQL's own otherwise.
    if (options?.filter) requireStorable(options.filter, 'filter');
    const threadId = threadIdOf(config);
    await this.#reader.includeAppended(threadId);
    const stored = threadId === undefined ? config : this.#threads.stored(config);
    for await (const tuple of super.list(stored, options)) {
      const seen = await this.#reader.seenIfThere(tuple);
      if (seen) yield seen;
    }
  }

  /** Every list is one of the tenant's, whatever else it asks for. */
  protected override _searchWhere(
    ...[config, filter, before]: Parameters<PostgresSaver['_searchWhere']>
  ): [string, unknown[]] {
    const [where, values] = super._searchWhere(config, filter, before);
    // First, since that is where the statement reads the tenant.
    const shifted = where.replaceAll(/\$(\d+)/g, (_, place: string) => `$${Number(place) + 1}`);
    const ofTenant = 'starts_with(thread_id, $1)';
    return [shifted ? `${shifted} AND ${ofTenant}` : `WHERE ${ofTenant}`, [this.#threads.prefix, ...values]];
  }

  /** @throws SessionConflictError when it would drop what somebody else wrote, or bring back what was cleared */
  override put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const isFork = metadata.source === 'fork' || this.#lineage.isFork(config);
    return this.#writer.put({ config, checkpoint, metadata, newVersions, isFork });
  }

  /**
   * Writes a checkpoint of a thread that is being taken over from another saver: each goes on from the one
   * that it names, whichever was written last.
   */
  restore(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    return this.#writer.put({ config, checkpoint, metadata, newVersions, isFork: true });
  }

  /** @throws SessionConflictError when the thread was cleared since its checkpoint was read or written */
  override putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    return this.#taskWrites.put(config, writes, taskId);
  }

  /** Ends the session, as `SessionStore.clearSession` does; no error when there is none. */
  override async deleteThread(threadId: string): Promise<void> {
    await this.clear(threadId);
  }

  /**
   * Ends a session: its messages and all checkpoints of the thread are gone.
   * @returns whether there was one
   */
  async clear(threadId: string): Promise<boolean> {
    const { database, sessions, leases, audit } = this.#parts;
    const { tenantId } = this.#threads;
    const key = this.#threads.keyOf(threadId);
    return database.unitOfWork(async () => {
      const wasThere = await sessions.end(tenantId, threadId);
      await super.deleteThread(key);
      if (wasThere)
        await audit.record({ action: 'session.clear', objectType: 'session', objectId: threadId });
      const lease = leases.current(tenantId, threadId);
      if (lease) await leases.resume(tenantId, threadId, lease);
      return wasThere;
    });
  }

  /**
   * Metadata is JSON in a column of its own, and is searched as such: it goes through no serializer.
   * @throws InvalidInputError when it is not JSON
   */
  protected override _dumpMetadata(metadata: CheckpointMetadata): Promise<unknown> {
    requireStorable(metadata, 'metadata');
    return Promise.resolve(parseJson(JSON.stringify(metadata)));
  }

  protected override _loadMetadata(metadata: Record<string, unknown>): Promise<unknown> {
    return Promise.resolve(metadata);
  }
}
