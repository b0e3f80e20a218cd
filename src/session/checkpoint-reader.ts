import type { RunnableConfig } from '@langchain/core/runnables';
import type { CheckpointTuple } from '@langchain/langgraph-checkpoint';
import { SessionConflictError } from '../errors.js';
import { laidOver, type AppendedCheckpoints } from './appended-checkpoints.js';
import { at, checkpointIdOf, isRoot, threadIdOf } from './checkpoint-config.js';
import type { CheckpointLineage } from './checkpoint-lineage.js';
import type { CheckpointRows } from './checkpoint-rows.js';
import type { SessionRows } from './held-session.js';
import { MessagesGoneError } from './message-log.js';
import type { MessageResolver } from './message-resolver.js';
import type { TenantThreads } from './tenant-threads.js';
import { requireThreadId } from './thread-id.js';

export interface CheckpointReaderParts {
  readonly sessions: SessionRows;
  readonly threads: TenantThreads;
  readonly rows: CheckpointRows;
  readonly resolver: MessageResolver;
  readonly appended: AppendedCheckpoints;
  readonly lineage: CheckpointLineage;
}

/** Reads checkpoints as the tenant sees them: under its own thread ids, with the messages themselves. */
export class CheckpointReader {
  constructor(private readonly parts: CheckpointReaderParts) {}

  /**
   * The checkpoint that is named, or the newest, of which messages that were appended from outside a graph
   * become part first.
   * @throws InvalidInputError when no thread is named
   */
  async read(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    this.parts.lineage.requested(config);
    try {
      return await this.#read(config);
    } catch (error) {
      // The thread was cleared or pruned between a checkpoint and its messages.
      if (!(error instanceof MessagesGoneError || error instanceof SessionConflictError)) throw error;
      return this.#read(config);
    }
  }

  /** Makes what was appended to a thread, or to any thread of the tenant, part of a checkpoint. */
  async includeAppended(threadId: string | undefined): Promise<void> {
    const { threads, appended } = this.parts;
    const threadIds = threadId === undefined ? await appended.threadsAhead(threads.tenantId) : [threadId];
    for (const id of threadIds)
      if ((await this.#peek(id))?.isAhead) await appended.include(threads.tenantId, id);
  }

  /**
   * @param tuple of a list, as it is stored
   * @returns undefined when it was cleared or pruned since it was listed
   */
  async seenIfThere(tuple: CheckpointTuple): Promise<CheckpointTuple | undefined> {
    try {
      return await this.#seen(tuple);
    } catch (error) {
      if (!(error instanceof MessagesGoneError) || (await this.parts.rows.find(tuple.config))) throw error;
      return undefined;
    }
  }

  async #read(config: RunnableConfig): Promise<CheckpointTuple | undefined> {
    const { threads, rows, appended, lineage } = this.parts;
    const threadId = threadIdOf(config) as string;
    const stored = threads.stored(config);
    const newest = isRoot(config) && checkpointIdOf(config) === undefined;
    let [tuple, session] = await Promise.all([rows.find(stored), this.#peek(threadId)]);
    if (newest && session?.isAhead) {
      await appended.include(threads.tenantId, threadId);
      session = await this.#peek(threadId);
    }
    // The one that was written last, whatever the clocks of the writers said.
    if (newest && session?.headId && session.headId !== tuple?.checkpoint.id)
      tuple = await rows.find(at(stored, session.headId));
    if (tuple && newest && session?.laidOver) tuple = laidOver(tuple, session.sessionId, session.laidOver);
    const run = lineage.runOf(config);
    if (run) run.sessionId ??= session?.sessionId;
    if (!tuple) return undefined;
    if (session) lineage.belongs(tuple.checkpoint.id, session.sessionId);
    return this.#seen(tuple);
  }

  async #seen(tuple: CheckpointTuple): Promise<CheckpointTuple> {
    const { threads, resolver } = this.parts;
    const resolved = await resolver.resolveAll(threads.tenantId, tuple);
    return {
      ...resolved,
      config: threads.named(tuple.config),
      ...(tuple.parentConfig && { parentConfig: threads.named(tuple.parentConfig) }),
    };
  }

  #peek(threadId: string): ReturnType<SessionRows['peek']> {
    requireThreadId(threadId, 'thread_id');
    return this.parts.sessions.peek(this.parts.threads.tenantId, threadId);
  }
}
