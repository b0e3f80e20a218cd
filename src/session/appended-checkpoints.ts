import type { RunnableConfig } from '@langchain/core/runnables';
import {
  copyCheckpoint,
  emptyCheckpoint,
  uuid6,
  type Checkpoint,
  type CheckpointMetadata,
  type CheckpointTuple,
} from '@langchain/langgraph-checkpoint';
import type { Database } from '../database/database.js';
import { threadKey } from '../tenancy/thread-key.js';
import { newestVersion, nextVersion } from './channel-versions.js';
import { at } from './checkpoint-config.js';
import type { CheckpointRows } from './checkpoint-rows.js';
import { MESSAGES } from './checkpoint-write.js';
import * as sql from './checkpoint.sql.js';
import type { HeldSession, SessionRows } from './held-session.js';
import { MessageReference, type Run } from './message-reference.js';

/** Makes what was appended from outside a graph part of what its next run begins with. */
export class AppendedCheckpoints {
  constructor(
    private readonly database: Database,
    private readonly sessions: SessionRows,
    private readonly rows: CheckpointRows,
  ) {}

  /** The tenant's threads with messages that no checkpoint holds yet. */
  async threadsAhead(tenantId: string): Promise<string[]> {
    const rows = await this.database.query<{ threadId: string }>(sql.THREADS_AHEAD, [tenantId]);
    return rows.map(({ threadId }) => threadId);
  }

  /**
   * Puts what was appended into a checkpoint of its own or, where tasks of the newest one wait for an answer or
   * for another attempt, has it shown with that. Another checkpoint would make them begin anew, since LangGraph
   * derives their ids from it.
   */
  async include(tenantId: string, threadId: string): Promise<void> {
    await this.database.unitOfWork(async () => {
      // Whoever has the thread for himself finds the messages either way.
      const session = await this.sessions.hold(tenantId, threadId, { evenIfTaken: true });
      if (session.lastSeq === session.checkpointedSeq) return;
      const head = await this.#head(session);
      if (head?.pendingWrites?.length) await this.sessions.layOver(session);
      else await this.#put(session, head);
    });
  }

  /**
   * Puts what was appended into a checkpoint of its own, whatever waits.
   * @returns the session as it is then
   */
  async put(session: HeldSession): Promise<HeldSession> {
    return this.#put(session, await this.#head(session));
  }

  async #put(session: HeldSession, head: CheckpointTuple | undefined): Promise<HeldSession> {
    const base = head ? copyCheckpoint(head.checkpoint) : emptyCheckpoint();
    const step = (head?.metadata?.step ?? -2) + 1;
    const version = nextVersion(newestVersion(base.channel_versions));
    const checkpoint: Checkpoint = {
      ...base,
      id: uuid6(step),
      ts: new Date().toISOString(),
      channel_versions: { ...base.channel_versions, [MESSAGES]: version },
    };
    const newVersions = { [MESSAGES]: version };
    const metadata: CheckpointMetadata = { source: 'update', step, parents: {} };
    const config = head?.config ?? rootOf(session);
    const write = { config, checkpoint, metadata, newVersions, isFork: false };
    const key = threadKey(session.tenantId, session.threadId);
    const encoded = await this.rows.encode(key, write, {});
    const reference = new MessageReference(session.sessionId, session.liveRuns, head && shapeIn(head));
    await Promise.all([
      this.rows.save(key, encoded, new Map([[MESSAGES, reference]])),
      this.sessions.saveCheckpointed(session, checkpoint.id),
    ]);
    return {
      ...session,
      headId: checkpoint.id,
      runs: session.liveRuns,
      checkpointedSeq: session.lastSeq,
      laidOverAfter: null,
    };
  }

  async #head(session: HeldSession): Promise<CheckpointTuple | undefined> {
    return session.headId === null ? undefined : this.rows.find(at(rootOf(session), session.headId));
  }
}

/** The newest checkpoint, with the messages that came since and stand in none. */
export function laidOver(tuple: CheckpointTuple, sessionId: string, runs: readonly Run[]): CheckpointTuple {
  const { checkpoint } = tuple;
  const reference = new MessageReference(sessionId, runs, shapeIn(tuple));
  const values = { ...checkpoint.channel_values, [MESSAGES]: reference };
  return { ...tuple, checkpoint: { ...checkpoint, channel_values: values } };
}

/** The shape in which a checkpoint keeps the conversation; undefined when it keeps none. */
function shapeIn({ checkpoint }: CheckpointTuple): MessageReference['shape'] | undefined {
  const value = checkpoint.channel_values[MESSAGES];
  return value instanceof MessageReference ? value.shape : undefined;
}

function rootOf({ tenantId, threadId }: HeldSession): RunnableConfig {
  return { configurable: { thread_id: threadKey(tenantId, threadId), checkpoint_ns: '' } };
}
