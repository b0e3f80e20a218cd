import type { BaseMessage } from '@langchain/core/messages';
import type { Database } from '../database/database.js';
import type { HeldSession } from './held-session.js';
import { digestOf, toLangChain, type MessageBody } from './message-codec.js';
import { FIND_BY_IDS } from './message-log.sql.js';
import { placeMessages, type HandedMessage, type LoggedMessage, type Placement } from './message-matching.js';
import { namesRow, type RowKey } from './message-reference.js';
import type { MessageState, RecordedAt } from './recorded-messages.js';

/** A message ready to be written: everything that needs no database is done. */
export interface PreparedMessage {
  readonly messageId: string;
  readonly message: MessageBody;
  /** The body as JSON. */
  readonly json: string;
  readonly tokens: number;
}

/** A message that a graph handed over, as it was then. */
export interface DraftMessage {
  readonly messageId: string;
  readonly message: BaseMessage;
  readonly state: MessageState;
  /** Where it stands already. */
  readonly recorded: RecordedAt | undefined;
  /** What is to be written if it stands nowhere. */
  readonly prepared: PreparedMessage | undefined;
}

export interface FoundRow extends RowKey {
  readonly messageId: string;
  readonly format: MessageBody['format'];
  readonly body: never;
}

/** Finds which rows of the log the messages of a conversation are, or are to be. */
export class MessagePlacing {
  /** @param bodyOf what would be written of a message */
  constructor(
    private readonly database: Database,
    private readonly bodyOf: (draft: DraftMessage) => MessageBody,
  ) {}

  /**
   * Finds rows for what follows the part of a conversation that stays where it is.
   * @param unmoved of `unmovedRows`
   * @returns for each message after these, in order
   */
  async find(
    session: HeldSession,
    conversation: readonly DraftMessage[],
    unmoved: readonly RowKey[],
  ): Promise<Placement[]> {
    const others = conversation.slice(unmoved.length);
    if (others.length === 0) return [];
    const { handed, log } = await this.#identify(session, others, repeatedIds(conversation));
    const shown = unmoved.map(({ seq, revision }, index) => ({
      seq,
      revision,
      messageId: (conversation[index] as DraftMessage).messageId,
    }));
    return placeMessages(handed, log, session.lastSeq, shown);
  }

  /**
   * What identifies each message, and what of the log may be the same or may be replaced by it.
   * @param repeated ids under which several messages stand: where one of them is recorded says nothing of
   *   the others, which may be the same object
   */
  async #identify(
    session: HeldSession,
    conversation: readonly DraftMessage[],
    repeated: ReadonlySet<string>,
  ): Promise<{ handed: HandedMessage[]; log: LoggedMessage[] }> {
    const { tenantId, sessionId } = session;
    const isKnown = (draft: DraftMessage): boolean =>
      !repeated.has(draft.messageId) && shownRow(session, draft) !== undefined;
    const unknown = conversation.filter((draft) => !isKnown(draft));
    const found =
      unknown.length === 0
        ? []
        : await this.database.query<FoundRow & { live: boolean }>(FIND_BY_IDS, [
            tenantId,
            sessionId,
            unknown.map(({ messageId }) => messageId),
          ]);
    const mayBeThere = new Set(found.map(({ messageId }) => messageId));
    const log: LoggedMessage[] = found.map(({ messageId, format, body, ...row }) => ({
      ...row,
      messageId,
      digest: digestOf(toLangChain({ format, body }, messageId)).toString('base64'),
    }));
    const handed = conversation.map((draft) => {
      const { messageId, recorded } = draft;
      if (recorded && isKnown(draft)) {
        const digest = `${recorded.row.seq}.${recorded.row.revision}`;
        log.push({ ...recorded.row, messageId, digest, live: true });
        return { messageId, digest };
      }
      if (!mayBeThere.has(messageId)) return { messageId, digest: '' };
      return {
        messageId,
        digest: digestOf(toLangChain(this.bodyOf(draft), messageId)).toString('base64'),
      };
    });
    return { handed, log };
  }
}

/**
 * Where a message stands that the thread shows, unchanged. What it does not show may have been pruned since
 * this process wrote or read it.
 */
function shownRow({ sessionId, liveRuns }: HeldSession, { recorded }: DraftMessage): RowKey | undefined {
  if (recorded?.sessionId !== sessionId || !namesRow(liveRuns, recorded.row)) return undefined;
  return recorded.row;
}

/** The rows of the messages with which a conversation begins, as far as they are what it began with before. */
export function unmovedRows(session: HeldSession, conversation: readonly DraftMessage[]): RowKey[] {
  const rows: RowKey[] = [];
  for (const draft of conversation) {
    const row = shownRow(session, draft);
    if (!row || row.seq <= (rows.at(-1)?.seq ?? 0)) break;
    rows.push(row);
  }
  return rows;
}

/** A reducer of the application's own may let an id stand twice, which LangGraph's would not. */
function repeatedIds(conversation: readonly DraftMessage[]): Set<string> {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  for (const { messageId } of conversation) (seen.has(messageId) ? repeated : seen).add(messageId);
  return repeated;
}
