import type { AuditLog } from '../tenancy/audit-log.js';
import { SessionConflictError } from '../errors.js';
import type { AppendedCheckpoints } from './appended-checkpoints.js';
import { checkpointIdOf, isRun } from './checkpoint-config.js';
import type { CheckpointRows } from './checkpoint-rows.js';
import type { ChannelDraft, CheckpointWrite } from './checkpoint-write.js';
import type { HeldSession, SessionRows } from './held-session.js';
import type { MessageLog, PlacedConversation } from './message-log.js';
import { countRows, MessageReference, rowsMissing, type Run } from './message-reference.js';
import type { PriorConversation } from './prior-conversation.js';

export interface ConversationWriterParts {
  readonly sessions: SessionRows;
  readonly log: MessageLog;
  readonly rows: CheckpointRows;
  readonly appended: AppendedCheckpoints;
  readonly prior: PriorConversation;
  readonly audit: Pick<AuditLog, 'record'>;
}

/** What a checkpoint keeps in the place of the conversation, and what has to be written with it. */
export interface KeptConversation {
  /** Undefined when the checkpoint did not change the conversation. */
  readonly reference: MessageReference | undefined;
  readonly writes: readonly (() => Promise<unknown> | undefined)[];
}

const OVERTAKEN = 'Somebody else wrote to the thread meanwhile.';

/** Makes the conversation of a checkpoint that of the thread, unless it would drop what somebody else wrote. */
export class ConversationWriter {
  constructor(private readonly parts: ConversationWriterParts) {}

  /**
   * @param held is held by this unit of work
   * @param draft the conversation; undefined when the checkpoint does not change it
   * @throws SessionConflictError when the write lost a race, or goes on from a checkpoint that is gone
   */
  async keep(
    held: HeldSession,
    write: CheckpointWrite,
    draft: ChannelDraft | undefined,
  ): Promise<KeptConversation> {
    const { sessions, log, prior, audit } = this.parts;
    const { session, goesOn } = await this.#position(held, write);
    const { sessionId, liveRuns, threadId } = session;
    const conversation =
      draft?.shape === 'delta' ? await prior.afterDelta(session, write, goesOn) : draft?.messages;
    let placed: PlacedConversation | undefined;
    if (conversation) placed = await log.place(session, conversation);
    else if (!goesOn) {
      const runs = await prior.unchanged(session, write);
      placed = { runs, write: () => log.showOnly(session, runs) };
    }
    const runs = placed?.runs ?? liveRuns;
    if (!goesOn && !write.isFork && rowsMissing(liveRuns, runs).length > 0)
      throw new SessionConflictError(OVERTAKEN);
    if (conversation) requireLaidOver(session, runs);
    const shape = draft?.shape === 'list' ? 'list' : 'snapshot';
    const reference = draft && new MessageReference(sessionId, runs, shape);
    const { id } = write.checkpoint;
    if (JSON.stringify(runs) === JSON.stringify(liveRuns)) {
      const saveHead = (): Promise<void> => sessions.saveHead(session, id, conversation !== undefined);
      return { reference, writes: [() => placed?.write(), saveHead] };
    }
    const entry = { action: 'session.write', objectType: 'session', objectId: threadId } as const;
    const details = { version: session.version + 1, messageCount: countRows(runs) };
    return {
      reference,
      writes: [
        () => placed?.write(),
        () => sessions.saveConversation(session, id, runs),
        () => audit.record({ ...entry, details }),
      ],
    };
  }

  /**
   * Finds whether a write goes on from the newest checkpoint, as it must unless it means to go on from an
   * older one. Called by hand, the saver takes writes that name no parent; these must only drop no message.
   */
  async #position(
    session: HeldSession,
    { config, isFork }: CheckpointWrite,
  ): Promise<{ session: HeldSession; goesOn: boolean }> {
    const parent = checkpointIdOf(config);
    const isAhead = session.lastSeq > session.checkpointedSeq;
    if (parent === (session.headId ?? undefined) && !isAhead) return { session, goesOn: true };
    await this.parts.rows.requireParent(session, config);
    if (isFork) {
      // What no checkpoint holds yet would be out of reach otherwise.
      const isLoose = isAhead || session.laidOverAfter !== null;
      return { session: isLoose ? await this.parts.appended.put(session) : session, goesOn: false };
    }
    if (isAhead || isRun(config)) throw new SessionConflictError(OVERTAKEN);
    return { session, goesOn: false };
  }
}

/**
 * A run that began before messages were laid over its checkpoint does not know of them.
 * @throws SessionConflictError when it would drop one
 */
function requireLaidOver({ laidOverAfter, liveRuns }: HeldSession, runs: readonly Run[]): void {
  if (laidOverAfter === null) return;
  if (rowsMissing(liveRuns, runs).some(({ seq }) => seq > laidOverAfter))
    throw new SessionConflictError(OVERTAKEN);
}
