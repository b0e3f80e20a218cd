// Over 200 lines: one class, every step of taking over a thread.
import type { BaseMessage } from '@langchain/core/messages';
import {
  DeltaSnapshot,
  isDeltaSnapshot,
  WRITES_IDX_MAP,
  type ChannelVersions,
  type CheckpointPendingWrite,
  type CheckpointTuple,
  type PendingWrite,
} from '@langchain/langgraph-checkpoint';
import { createHash } from 'node:crypto';
import type { Database } from '../database/database.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { threadKey } from '../tenancy/thread-key.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { parentsFirst } from './checkpoint-order.js';
import * as sql from './checkpoint.sql.js';
import { isConversation } from './conversation.js';
import { SessionRows, type HeldSession } from './held-session.js';
import { MessageLog } from './message-log.js';
import { stateOf } from './recorded-messages.js';
import { SessionLeases } from './session-leases.js';
import type { CheckpointKey, StockThreads } from './stock-threads.js';
import { TenantCheckpointer } from './tenant-checkpointer.js';
import { requireThreadId } from './thread-id.js';

/** What became of one thread. */
export interface ThreadConversion {
  readonly outcome: 'converted' | 'present';
  readonly checkpoints: number;
  /** Those of the newest checkpoint. */
  readonly messages: number;
}

export interface ConverterParts {
  readonly database: Database;
  readonly tenants: TenantContext;
  readonly counter: TokenCounter;
  readonly audit: AuditLog;
  readonly source: StockThreads;
}

export interface ConvertOptions {
  /** Do all of it, and take it back. */
  readonly dryRun?: boolean;
  /** Told after each checkpoint. */
  readonly progress?: (done: number, of: number) => void;
}

/** The channel of `MessagesAnnotation`. */
const MESSAGES = 'messages';
const PRESENT: ThreadConversion = { outcome: 'present', checkpoints: 0, messages: 0 };

/** Takes threads over from LangGraph's own `PostgresSaver` for the tenant in scope. */
export class ThreadConverter {
  constructor(private readonly parts: ConverterParts) {}

  /**
   * Writes every checkpoint of every namespace, oldest first, as if graphs had written them here; all of the
   * thread or nothing. One checkpoint is in memory at a time, beside the messages of the thread, once each.
   * @returns `present`, and nothing is changed, when the tenant has the thread already
   * @throws InvalidInputError when something could not be given back as it came; SessionBusyError; whatever
   *   the source throws
   */
  async convert(
    threadId: string,
    { dryRun = false, progress }: ConvertOptions = {},
  ): Promise<ThreadConversion> {
    const { database, source } = this.parts;
    requireThreadId(threadId);
    let done = PRESENT;
    try {
      await source.snapshot(() =>
        database.unitOfWork(
          async () => {
            done = await this.#write(threadId, progress);
            if (dryRun || done === PRESENT) throw new TakenBack();
          },
          { isLong: true },
        ),
      );
    } catch (error) {
      if (!(error instanceof TakenBack)) throw error;
    }
    return done;
  }

  async #write(threadId: string, progress: ConvertOptions['progress']): Promise<ThreadConversion> {
    const { tenants, audit, source } = this.parts;
    const tenantId = tenants.require();
    const { sessions, checkpointer } = this.#writers();
    if (isUsed(await sessions.hold(tenantId, threadId))) return PRESENT;
    const keys = await source.checkpoints(threadId);
    if (keys.length === 0) throw new Error('There is no such thread in the source.');

    const messages = new SharedMessages();
    const versions = new WrittenVersions();
    const ordered = parentsFirst(keys);
    for (const [index, { key, hasParent }] of ordered.entries()) {
      const tuple = messages.shareIn(await source.read(threadId, key));
      await this.#restore(checkpointer, threadId, tuple, {
        hasParent,
        newVersions: versions.newIn(tuple),
      });
      progress?.(index + 1, ordered.length);
    }
    const head = keys.findLast(({ namespace }) => namespace === '');
    const last = ordered.findLast(({ key }) => key.namespace === '')?.key;
    // LangGraph's newest is the one of the highest id. Clocks that disagree can have put it before its parent.
    if (head && head !== last) await this.#rewrite(checkpointer, threadId, head, messages);
    const { version, messageCount } = await sessions.hold(tenantId, threadId);
    const details = { version, messageCount, checkpoints: keys.length };
    await audit.record({ action: 'session.convert', objectType: 'session', objectId: threadId, details });
    return { outcome: 'converted', checkpoints: keys.length, messages: messageCount };
  }

  /**
   * A checkpointer for one thread, which is gone when its unit of work is. It need not wait for the commit to
   * know where a message stands, so each is written, counted and compared once however many checkpoints hold
   * it; and the entries of single checkpoints are left out of the audit log.
   */
  #writers(): { sessions: SessionRows; checkpointer: TenantCheckpointer } {
    const { tenants, counter } = this.parts;
    const database = Object.create(this.parts.database, {
      afterCommit: {
        value: (callback: () => void) => {
          callback();
        },
      },
    }) as Database;
    const leases = new SessionLeases(database);
    const sessions = new SessionRows(database, leases);
    const log = new MessageLog(database, counter);
    const audit = { record: () => Promise.resolve() };
    return {
      sessions,
      checkpointer: new TenantCheckpointer({ database, log, sessions, leases, tenants, audit }),
    };
  }

  async #restore(
    checkpointer: TenantCheckpointer,
    threadId: string,
    tuple: CheckpointTuple,
    { hasParent, newVersions }: { hasParent: boolean; newVersions: ChannelVersions },
  ): Promise<void> {
    const { checkpoint, metadata, pendingWrites = [] } = tuple;
    const { checkpoint_ns, checkpoint_id } = tuple.config.configurable as Record<string, string>;
    const parentId = tuple.parentConfig?.configurable?.['checkpoint_id'] as string | undefined;
    const place = { thread_id: threadId, checkpoint_ns };
    const parent = { configurable: { ...place, ...(hasParent && { checkpoint_id: parentId }) } };
    await checkpointer.restore(parent, checkpoint, metadata ?? NO_METADATA, newVersions);
    if (parentId !== undefined && !hasParent)
      await this.parts.database.query(sql.NAME_PARENT, [
        threadKey(this.parts.tenants.require(), threadId),
        checkpoint_ns,
        checkpoint_id,
        parentId,
      ]);
    // Before its successor, which in a delta channel is made of them.
    for (const { taskId, writes } of byTask(pendingWrites))
      await checkpointer.putWrites({ configurable: { ...place, checkpoint_id } }, writes, taskId);
  }

  /** Makes a checkpoint that is there already the newest. */
  async #rewrite(
    checkpointer: TenantCheckpointer,
    threadId: string,
    key: CheckpointKey,
    messages: SharedMessages,
  ): Promise<void> {
    const tuple = messages.shareIn(await this.parts.source.read(threadId, key));
    const place = { configurable: { thread_id: threadId, checkpoint_ns: '', checkpoint_id: key.id } };
    await checkpointer.restore(place, tuple.checkpoint, tuple.metadata ?? NO_METADATA, {});
  }
}

const NO_METADATA = { source: 'update', step: -1, parents: {} } as const;

/** Rolls a unit of work back without being an error. */
class TakenBack extends Error {}

function isUsed({ version, headId }: HeldSession): boolean {
  return version > 0 || headId !== null;
}

/** Which versions of which channels are written. */
class WrittenVersions {
  readonly #written = new Set<string>();
  /** That of the conversation in each checkpoint of the thread's own graph. */
  readonly #conversations = new Map<string, number | string>();

  /**
   * The versions to write with a checkpoint: those whose value is not written yet, and that of the
   * conversation where it is another one than before. LangGraph's saver gives two branches of a fork the same
   * version, and keeps one value for both.
   * @throws Error where that value would have to be two
   */
  newIn({ config, parentConfig, checkpoint }: CheckpointTuple): ChannelVersions {
    const { checkpoint_ns: namespace, checkpoint_id } = config.configurable as Record<string, string>;
    const parentId = parentConfig?.configurable?.['checkpoint_id'] as string | undefined;
    const before = parentId === undefined ? undefined : this.#conversations.get(parentId);
    const versions = Object.entries(checkpoint.channel_versions).filter(([channel, version]) => {
      const name = JSON.stringify([namespace, channel, String(version)]);
      const isNew = !this.#written.has(name);
      this.#written.add(name);
      if (namespace !== '' || channel !== MESSAGES) return isNew;
      this.#conversations.set(checkpoint_id as string, version);
      if (version === before) return isNew;
      if (!isNew && !(MESSAGES in checkpoint.channel_values))
        throw new Error('It has a fork of a delta channel, in which two conversations have one version.');
      return true;
    });
    return Object.fromEntries(versions);
  }
}

/** The writes of each task; those that LangGraph numbers by themselves, such as interrupts, apart. */
function byTask(
  writes: readonly CheckpointPendingWrite[],
): Iterable<{ taskId: string; writes: PendingWrite[] }> {
  const tasks = new Map<string, { taskId: string; writes: PendingWrite[] }>();
  for (const [taskId, channel, value] of writes) {
    const name = JSON.stringify([taskId, channel in WRITES_IDX_MAP]);
    const task = tasks.get(name) ?? { taskId, writes: [] };
    tasks.set(name, task);
    task.writes.push([channel, value]);
  }
  return tasks.values();
}

/** One object for each message of a thread: the source reads a new one out of each checkpoint. */
class SharedMessages {
  readonly #known = new Map<string, BaseMessage>();

  /** The tuple with the known objects in the channels that are lists of messages. */
  shareIn(tuple: CheckpointTuple): CheckpointTuple {
    const { checkpoint } = tuple;
    const channels = Object.entries(checkpoint.channel_values);
    const values = Object.fromEntries(channels.map(([channel, value]) => [channel, this.#share(value)]));
    return { ...tuple, checkpoint: { ...checkpoint, channel_values: values } };
  }

  #share(value: unknown): unknown {
    if (isDeltaSnapshot(value)) return new DeltaSnapshot(this.#share(value.value));
    if (!isConversation(value)) return value;
    const seen = new Map<string, number>();
    return value.map((message) => {
      const name = fingerprintOf(message);
      // Two that have no id and say the same are two messages.
      const times = (seen.get(name) ?? 0) + 1;
      seen.set(name, times);
      const known = this.#known.get(`${times} ${name}`) ?? message;
      this.#known.set(`${times} ${name}`, known);
      return known;
    });
  }
}

/** The same for messages that say the same: they were just read from JSON, and hold nothing that it cannot say. */
function fingerprintOf(message: BaseMessage): string {
  const text = JSON.stringify([message.constructor.name, stateOf(message)]);
  return createHash('sha256').update(text).digest('base64');
}
