import { threadKey } from '../tenancy/thread-key.js';
import { checkpointIdOf, namespaceOf } from './checkpoint-config.js';
import type { CheckpointRows } from './checkpoint-rows.js';
import { MESSAGES, type CheckpointWrite } from './checkpoint-write.js';
import { conversationAfter } from './conversation.js';
import type { HeldSession } from './held-session.js';
import type { MessageLog } from './message-log.js';
import type { DraftMessage } from './message-placing.js';
import { MessageReference, type Run } from './message-reference.js';
import type { MessageResolver } from './message-resolver.js';

/** The conversation of a checkpoint that leaves it out, from the one that it goes on from. */
export class PriorConversation {
  constructor(
    private readonly rows: CheckpointRows,
    private readonly log: MessageLog,
    private readonly resolver: MessageResolver,
  ) {}

  /** The messages of the checkpoint that a write goes on from, which did not change them. */
  async unchanged(session: HeldSession, { config, checkpoint }: CheckpointWrite): Promise<readonly Run[]> {
    const version = checkpoint.channel_versions[MESSAGES];
    if (version === undefined) return [];
    const key = threadKey(session.tenantId, session.threadId);
    const value = await this.rows.value(key, namespaceOf(config), MESSAGES, String(version));
    return value instanceof MessageReference ? value.runs : session.liveRuns;
  }

  /**
   * The conversation after a step of a delta channel (`MessagesDeltaValue`), of whose checkpoints LangGraph
   * stores what changed alone and has to read them all to know the rest. Here each refers to the whole.
   * Its messages are known, and counted, only while the session is held.
   * @param goesOn from the newest checkpoint
   */
  async afterDelta(session: HeldSession, write: CheckpointWrite, goesOn: boolean): Promise<DraftMessage[]> {
    const { tenantId, threadId, sessionId } = session;
    const before = goesOn ? session.liveRuns : await this.unchanged(session, write);
    const parent = {
      key: threadKey(tenantId, threadId),
      namespace: namespaceOf(write.config),
      checkpointId: checkpointIdOf(write.config) ?? '',
    };
    const written = await this.rows.writesTo(parent, MESSAGES);
    const writes = await Promise.all(written.map((value) => this.resolver.resolve(tenantId, value)));
    const messages = await this.log.resolve(tenantId, sessionId, before);
    return this.log.draft(conversationAfter(messages, writes));
  }
}
