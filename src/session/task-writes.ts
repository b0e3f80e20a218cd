import type { RunnableConfig } from '@langchain/core/runnables';
import { WRITES_IDX_MAP, type PendingWrite } from '@langchain/langgraph-checkpoint';
import type { Database } from '../database/database.js';
import { InvalidInputError, SessionConflictError } from '../errors.js';
import { checkpointIdOf, isRun, namespaceOf, threadIdOf } from './checkpoint-config.js';
import { looseWrites, type CheckpointLineage } from './checkpoint-lineage.js';
import type { CheckpointAddress, CheckpointRows } from './checkpoint-rows.js';
import { isConversation } from './conversation.js';
import { CLEARED, type SessionRows } from './held-session.js';
import type { MessageLog } from './message-log.js';
import { MessageReference } from './message-reference.js';
import { findRecorded } from './recorded-messages.js';
import type { SessionLeases } from './session-leases.js';
import type { TenantThreads } from './tenant-threads.js';
import type { WorkUnderWay } from './work-under-way.js';

export interface TaskWritesParts {
  readonly database: Database;
  readonly log: MessageLog;
  readonly sessions: SessionRows;
  readonly leases: SessionLeases;
  readonly threads: TenantThreads;
  readonly rows: CheckpointRows;
  readonly lineage: CheckpointLineage;
  /** Checkpoints of this process that are being written, and what is being written for them, by id. */
  readonly underWay: WorkUnderWay;
}

/** What the tasks of a graph wrote, until a checkpoint holds the outcome. */
export class TaskWrites {
  constructor(private readonly parts: TaskWritesParts) {}

  /**
   * @param config names the checkpoint of the writes, which may be yet to come
   * @throws SessionConflictError when the thread was cleared since its checkpoint was read or written, or its
   *   run was refused; InvalidInputError when no checkpoint is named
   */
  async put(config: RunnableConfig, writes: PendingWrite[], taskId: string): Promise<void> {
    const checkpointId = checkpointIdOf(config);
    if (!checkpointId)
      throw new InvalidInputError([
        { field: 'checkpoint_id', message: 'names the checkpoint of the writes' },
      ]);
    await this.parts.underWay.track(checkpointId, this.#put(config, checkpointId, writes, taskId));
  }

  async #put(
    config: RunnableConfig,
    checkpointId: string,
    writes: PendingWrite[],
    taskId: string,
  ): Promise<void> {
    const { database, log, sessions, leases, threads, rows, lineage } = this.parts;
    const threadId = threadIdOf(config) as string;
    const key = threads.keyOf(threadId);
    const address: CheckpointAddress = { key, namespace: namespaceOf(config), checkpointId };
    const run = lineage.runOf(config);
    // As they are now: the graph goes on with the same objects, and gives ids to messages that have none.
    const drafts = writes.map(([channel, value]): PendingWrite => [channel, shortened(value)]);
    const [short, whole] = await Promise.all([
      rows.encodeWrites(address, taskId, drafts),
      rows.encodeWrites(address, taskId, writes),
    ]);
    await database.unitOfWork(async () => {
      const { tenantId } = threads;
      let kept = await sessions.keep(tenantId, threadId);
      const lease = leases.current(tenantId, threadId);
      const known = lease?.sessionId ?? run?.sessionId ?? lineage.sessionOf(checkpointId);
      // The run's first checkpoint began it after it was looked for, and is committed by now.
      if (known !== undefined) kept ??= await sessions.keep(tenantId, threadId);
      if (run?.refusal) throw run.refusal;
      if (known !== undefined && known !== kept) throw new SessionConflictError(CLEARED);
      if (!run || kept === undefined) await this.#requireNamed(config, key);
      const sessionId = kept ?? (await sessions.beginAndKeep(tenantId, threadId));
      const isOwn = drafts.every(([, value]) => !isForeign(value, sessionId));
      const named = drafts.flatMap(([, value]) => (value instanceof MessageReference ? value.runs : []));
      const areThere = isOwn && (await log.hasAll(tenantId, sessionId, named));
      const isSpecial = writes.every(([channel]) => channel in WRITES_IDX_MAP);
      await rows.saveWrites(address, taskId, areThere ? short : whole, { replace: isSpecial });
      run?.written.push({ checkpointId, taskId });
    });
    // Refused while this was under way, its run has deleted what it saw, and could not see this.
    if (!run?.refusal) return;
    await rows.deleteWrites(key, address.namespace, looseWrites(run));
    throw run.refusal;
  }

  /**
   * A run writes for checkpoints that it is yet to put; but what it was told to go on from has to be there, and
   * so has the checkpoint of writes that come by hand.
   * @throws SessionConflictError when it is not
   */
  async #requireNamed(config: RunnableConfig, key: string): Promise<void> {
    const checkpointId = isRun(config)
      ? (config.metadata?.['checkpoint_id'] as string | undefined)
      : checkpointIdOf(config);
    if (checkpointId === undefined) return;
    await this.parts.rows.requireThere({ key, namespace: namespaceOf(config), checkpointId });
  }
}

/** What a task wrote, with references in the place of the messages that a log holds already. */
function shortened(value: unknown): unknown {
  if (!isConversation(value)) return value;
  const places = value.map((message) => findRecorded(message));
  const sessionId = places.find((place) => place)?.sessionId;
  if (sessionId === undefined) return value;
  const rows = value.map((message, index) => {
    const place = places[index];
    return place?.sessionId === sessionId ? place.row : message;
  });
  return MessageReference.of(sessionId, rows);
}

/** Whether a value refers to messages of another session. */
function isForeign(value: unknown, sessionId: string): boolean {
  return value instanceof MessageReference && value.sessionId !== sessionId;
}
