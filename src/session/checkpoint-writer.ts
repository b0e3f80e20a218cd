import type { RunnableConfig } from '@langchain/core/runnables';
import type { Database } from '../database/database.js';
import { SessionConflictError } from '../errors.js';
import type { ChannelMessages } from './channel-messages.js';
import { at, checkpointIdOf, isRoot, namespaceOf, threadIdOf } from './checkpoint-config.js';
import { isRunRefusal, looseWrites, type CheckpointLineage } from './checkpoint-lineage.js';
import type { CheckpointRows, EncodedCheckpoint } from './checkpoint-rows.js';
import { MESSAGES, type ChannelDrafts, type CheckpointWrite } from './checkpoint-write.js';
import type { ConversationWriter, KeptConversation } from './conversation-writer.js';
import { CLEARED, type HeldSession, type SessionRows } from './held-session.js';
import type { TenantThreads } from './tenant-threads.js';
import type { WorkUnderWay } from './work-under-way.js';

export interface CheckpointWriterParts {
  readonly database: Database;
  readonly sessions: SessionRows;
  readonly threads: TenantThreads;
  readonly rows: CheckpointRows;
  readonly channels: ChannelMessages;
  readonly conversation: ConversationWriter;
  readonly lineage: CheckpointLineage;
  /** Checkpoints of this process that are being written, and what is being written for them, by id. */
  readonly underWay: WorkUnderWay;
}

/** A checkpoint, encoded but for its messages. */
interface PreparedCheckpoint extends EncodedCheckpoint {
  readonly drafts: ChannelDrafts;
}

/** Writes checkpoints, with references to the message log in the place of messages. */
export class CheckpointWriter {
  constructor(private readonly parts: CheckpointWriterParts) {}

  /**
   * @returns the configuration that names the checkpoint
   * @throws SessionConflictError when it would drop what somebody else wrote, or bring back what was cleared;
   *   SessionBusyError while somebody else has the thread for himself; InvalidInputError
   */
  async put(write: CheckpointWrite): Promise<RunnableConfig> {
    const { threads, underWay } = this.parts;
    const key = threads.keyOf(threadIdOf(write.config));
    // A run that writes at its end alone sends its last two checkpoints at once, and a checkpoint of a delta
    // channel is made of what was written for the one before.
    const before = underWay.of(checkpointIdOf(write.config));
    const put = Promise.all([this.#prepare(key, write), before]).then(([prepared]) =>
      this.#write(key, prepared),
    );
    return underWay.track(write.checkpoint.id, put);
  }

  /** Serialises a checkpoint as it is now, before any connection is taken: the graph goes on meanwhile. */
  async #prepare(key: string, write: CheckpointWrite): Promise<PreparedCheckpoint> {
    const drafts = this.parts.channels.draft(write);
    const otherVersions = Object.fromEntries(
      Object.entries(write.newVersions).filter(([channel]) => !drafts.has(channel)),
    );
    const [encoded, ...drafted] = await Promise.all([
      this.parts.rows.encode(key, write, otherVersions),
      ...drafts.values(),
    ]);
    const channels = [...drafts.keys()];
    return {
      ...encoded,
      drafts: new Map(drafted.map((draft, index) => [channels[index] as string, draft])),
    };
  }

  async #write(key: string, prepared: PreparedCheckpoint): Promise<RunnableConfig> {
    const { database, sessions, threads, rows, channels, lineage } = this.parts;
    const { write, drafts } = prepared;
    const { config, checkpoint } = write;
    const threadId = threadIdOf(config);
    const run = lineage.runOf(config);
    const keep = async (): Promise<void> => {
      const session = await sessions.hold(threads.tenantId, threadId as string);
      if (run?.refusal) throw run.refusal;
      if ((run?.sessionId ?? session.sessionId) !== session.sessionId)
        throw new SessionConflictError(CLEARED);
      const { reference, writes } = await this.#keepConversation(session, write, drafts);
      const references = new Map(await channels.recordAside(session, write, drafts));
      if (reference) references.set(MESSAGES, reference);
      // None depends on another, so all of them travel at once.
      await Promise.all([...writes.map((start) => start()), rows.save(key, prepared, references)]);
      database.afterCommit(() => {
        lineage.belongs(checkpoint.id, session.sessionId);
        run?.put.add(checkpoint.id);
        if (run) run.sessionId = session.sessionId;
      });
    };
    try {
      // Those who wait for the session must know before they get it.
      await database.unitOfWork(() =>
        keep().catch((error: unknown) => {
          if (run && isRunRefusal(error)) run.refusal ??= error;
          throw error;
        }),
      );
      return at(config, checkpoint.id);
    } catch (error) {
      if (run?.refusal) await rows.deleteWrites(key, namespaceOf(config), looseWrites(run));
      throw error;
    }
  }

  async #keepConversation(
    session: HeldSession,
    write: CheckpointWrite,
    drafts: ChannelDrafts,
  ): Promise<KeptConversation> {
    const { conversation, rows } = this.parts;
    if (isRoot(write.config)) return conversation.keep(session, write, drafts.get(MESSAGES));
    this.#requireSameSession(session, write);
    await rows.requireParent(session, write.config);
    return { reference: undefined, writes: [] };
  }

  /** A subgraph's checkpoint: of the session in which its graph began, and nothing but that is asked. */
  #requireSameSession({ sessionId }: HeldSession, { metadata }: CheckpointWrite): void {
    const above = Object.values(metadata.parents).map((id) => this.parts.lineage.sessionOf(id));
    if (above.some((other) => other !== undefined && other !== sessionId))
      throw new SessionConflictError(CLEARED);
  }
}
