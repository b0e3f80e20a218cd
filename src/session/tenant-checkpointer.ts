// Over 200 lines: one class, all of LangGraph's interface.
import type { RunnableConfig } from '@langchain/core/runnables';
import { BaseMessage } from '@langchain/core/messages';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import {
  copyCheckpoint,
  emptyCheckpoint,
  maxChannelVersion,
  uuid6,
  type ChannelVersions,
  type Checkpoint,
  type CheckpointListOptions,
  type CheckpointMetadata,
  type CheckpointTuple,
  type PendingWrite,
} from '@langchain/langgraph-checkpoint';
import type { Database } from '../database/database.js';
import { requireStorable } from '../database/storable.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import { threadKey, threadOf } from '../tenancy/thread-key.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { CheckpointSerializer } from './checkpoint-serializer.js';
import type { HeldSession, MessageLog } from './message-log.js';
import { MessageReference, type RowKey } from './message-reference.js';
import { requireThreadId } from './thread-id.js';

/** The channel of `MessagesAnnotation` and of every prebuilt agent. */
const MESSAGES = 'messages';

/**
 * LangGraph's `PostgresSaver`, bound to the tenant in scope, with the conversation kept in the message
 * log: the `messages` channel of a thread's checkpoints holds a reference to rows instead of the messages
 * themselves. Hand it to `graph.compile({ checkpointer })`.
 */
export class TenantCheckpointer extends PostgresSaver {
  readonly #database: Database;
  readonly #log: MessageLog;
  readonly #tenants: TenantContext;
  readonly #audit: AuditLog;

  constructor(database: Database, log: MessageLog, tenants: TenantContext, audit: AuditLog) {
    super(database.pool, undefined, { schema: 'checkpoints' });
    this.serde = new CheckpointSerializer(this.serde);
    this.#database = database;
    this.#log = log;
    this.#tenants = tenants;
    this.#audit = audit;
  }

  /** The tables are made by our migrations; the role that serves requests may not create any. */
  override setup(): Promise<void> {
    return Promise.resolve();
  }

  /** The pool belongs to the application. */
  override end(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * The next whole number and a random fraction. LangGraph's own versions are whole numbers, so two
   * branches of a fork give the same version to different values, and the saver keeps only the first.
   */
  override getNextVersion(current: number | undefined): number {
    return Math.floor(current ?? 0) + 1 + Math.random();
  }

  /** No thread named: no checkpoint, as LangGraph's conformance suite has it. */
  override async getTuple(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    if (threadIdOf(config) === undefined) return undefined;
    const tuple = await super.getTuple(this.#stored(config));
    return tuple && this.#seen(tuple);
  }

  /** Newest first. No thread named: all threads of the tenant, where LangGraph's saver lists everybody's. */
  override async *list(
    config: RunnableConfig,
    options?: CheckpointListOptions,
  ): AsyncGenerator<CheckpointTuple> {
    // NUL and half a character are errors of PostgreSQL's own otherwise.
    if (options?.filter) requireStorable(options.filter, 'filter');
    const stored = threadIdOf(config) === undefined ? config : this.#stored(config);
    for await (const tuple of super.list(stored, options)) yield await this.#seen(tuple);
  }

  /** Every list is one of the tenant's, whatever else it asks for. */
  protected override _searchWhere(
    ...[config, filter, before]: Parameters<PostgresSaver['_searchWhere']>
  ): [string, unknown[]] {
    const [where, values] = super._searchWhere(config, filter, before);
    const ofTenant = `starts_with(thread_id, $${values.length + 1})`;
    return [
      where ? `${where} AND ${ofTenant}` : `WHERE ${ofTenant}`,
      [...values, threadKey(this.#tenants.require(), '')],
    ];
  }

  override async put(
    config: RunnableConfig,
    checkpoint: Checkpoint,
    metadata: CheckpointMetadata,
    newVersions: ChannelVersions,
  ): Promise<RunnableConfig> {
    const stored = this.#stored(config);
    const conversation = conversationOf(config, checkpoint, newVersions);
    return this.#database.unitOfWork(async () => {
      let kept = checkpoint;
      if (isRoot(config)) {
        const threadId = threadIdOf(config) ?? '';
        const session = await this.#log.hold(this.#tenants.require(), threadId);
        if (conversation) kept = withMessages(checkpoint, await this.#log.record(session, conversation));
      }
      return this.#named(await super.put(stored, kept, metadata, newVersions));
    });
  }

  override putWrites(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    return super.putWrites(this.#stored(config), writes, taskId);
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
    const key = this.#key(threadId);
    return this.#database.unitOfWork(async () => {
      const wasThere = await this.#log.delete(this.#tenants.require(), threadId);
      await super.deleteThread(key);
      if (wasThere)
        await this.#audit.record({ action: 'session.clear', objectType: 'session', objectId: threadId });
      return wasThere;
    });
  }

  /**
   * Writes the checkpoint of messages that were appended from outside a graph; the next run of a graph
   * on the thread begins with them. Call it inside the unit of work that holds the session.
   */
  async putAppended(session: HeldSession, rows: readonly RowKey[]): Promise<void> {
    const config = this.#stored({ configurable: { thread_id: session.threadId, checkpoint_ns: '' } });
    const head = await super.getTuple(config);
    const base = head ? copyCheckpoint(head.checkpoint) : emptyCheckpoint();
    const step = (head?.metadata?.step ?? -2) + 1;
    const version = this.getNextVersion(newest(base.channel_versions));
    const before = await this.#reference(session, base.channel_values[MESSAGES]);
    const checkpoint = withMessages(
      { ...base, id: uuid6(step), ts: new Date().toISOString() },
      before.extend(rows),
    );
    checkpoint.channel_versions = { ...base.channel_versions, [MESSAGES]: version };
    await super.put(
      head?.config ?? config,
      checkpoint,
      { source: 'update', step, parents: {} },
      {
        [MESSAGES]: version,
      },
    );
  }

  /** A thread that LangGraph's own saver wrote holds its messages themselves; they go to the log first. */
  async #reference(session: HeldSession, value: unknown): Promise<MessageReference> {
    if (value instanceof MessageReference) return value;
    if (isConversation(value)) return this.#log.record(session, value);
    return new MessageReference(session.sessionId, []);
  }

  /** A stored tuple as the tenant sees it: its own thread id, its messages themselves. */
  async #seen(tuple: CheckpointTuple): Promise<CheckpointTuple> {
    const value = tuple.checkpoint.channel_values[MESSAGES];
    const checkpoint =
      value instanceof MessageReference
        ? withMessages(tuple.checkpoint, await this.#log.resolve(this.#tenants.require(), value))
        : tuple.checkpoint;
    return {
      ...tuple,
      checkpoint,
      config: this.#named(tuple.config),
      ...(tuple.parentConfig && { parentConfig: this.#named(tuple.parentConfig) }),
    };
  }

  #stored(config: RunnableConfig): RunnableConfig {
    return { ...config, configurable: { ...config.configurable, thread_id: this.#key(threadIdOf(config)) } };
  }

  #named(config: RunnableConfig): RunnableConfig {
    const key = config.configurable?.['thread_id'] as string;
    const thread_id = threadOf(this.#tenants.require(), key);
    if (thread_id === undefined) throw new Error('A checkpoint of another tenant was read.');
    return { ...config, configurable: { ...config.configurable, thread_id } };
  }

  #key(threadId: string | undefined): string {
    const tenantId = this.#tenants.require();
    requireThreadId(threadId, 'thread_id');
    return threadKey(tenantId, threadId);
  }
}

function threadIdOf({ configurable }: RunnableConfig): string | undefined {
  return configurable?.['thread_id'] as string | undefined;
}

/** A subgraph's checkpoints carry a namespace; the conversation of the thread is the root's. */
function isRoot({ configurable }: RunnableConfig): boolean {
  return ((configurable?.['checkpoint_ns'] as string | undefined) ?? '') === '';
}

function conversationOf(
  config: RunnableConfig,
  { channel_values }: Checkpoint,
  newVersions: ChannelVersions,
): BaseMessage[] | undefined {
  const value = channel_values[MESSAGES];
  return isRoot(config) && MESSAGES in newVersions && isConversation(value) ? value : undefined;
}

function isConversation(value: unknown): value is BaseMessage[] {
  return Array.isArray(value) && value.every((item) => BaseMessage.isInstance(item));
}

function withMessages(checkpoint: Checkpoint, messages: unknown): Checkpoint {
  return { ...checkpoint, channel_values: { ...checkpoint.channel_values, [MESSAGES]: messages } };
}

function newest(versions: ChannelVersions): number | undefined {
  const all = Object.values(versions);
  return all.length > 0 ? (maxChannelVersion(...all) as number) : undefined;
}
