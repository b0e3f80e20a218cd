// Over 200 lines: one class, every statement on the log.
import type { BaseMessage } from '@langchain/core/messages';
import { v7 as uuidv7 } from 'uuid';
import { unstorable } from '../database/storable.js';
import type { Database } from '../database/database.js';
import { InvalidInputError } from '../errors.js';
import { countMessageInTurns } from '../tokens/message-tokens.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import type { HeldSession } from './held-session.js';
import { fromLangChain, toLangChain, toOpenAI, type MessageBody } from './message-codec.js';
import { countAnew, type CountedRow } from './message-count.js';
import * as sql from './message-log.sql.js';
import type { Placement } from './message-matching.js';
import {
  MessagePlacing,
  unmovedRows,
  type DraftMessage,
  type FoundRow,
  type PreparedMessage,
} from './message-placing.js';
import {
  countRows,
  extendRuns,
  isSameRow,
  namesRow,
  rowsMissing,
  type RowKey,
  type Run,
} from './message-reference.js';
import type { StoredMessage } from './message.js';
import { findRecorded, noteRecorded, stateOf } from './recorded-messages.js';

/** A page of a thread as it is read: the newest messages first. */
export interface NewestMessages {
  readonly version: number;
  readonly messages: StoredMessage[];
}

/** A conversation that has found its rows. */
export interface PlacedConversation {
  /** In the order of the conversation. */
  readonly runs: readonly Run[];
  /** Writes what stands in no row yet, and shows these rows alone. */
  readonly write: () => Promise<void>;
}

/** A reference names rows that are there no longer: whoever holds it read it before the thread was cleared. */
export class MessagesGoneError extends Error {}

interface NewRow extends PreparedMessage {
  readonly seq: number;
  readonly revision: number;
}

/** The messages of all threads: each stands once, is counted once, and is never rewritten. */
export class MessageLog {
  readonly #placing: MessagePlacing;

  constructor(
    private readonly database: Database,
    private readonly counter: TokenCounter,
  ) {
    this.#placing = new MessagePlacing(database, bodyOf);
  }

  /**
   * Encodes and counts a message, before any connection is taken.
   * @throws InvalidInputError when it could not be given back as it came
   */
  async prepare(messageId: string, message: MessageBody): Promise<PreparedMessage> {
    const violations = [...unstorable(messageId, 'id'), ...unstorable(message.body, 'message')];
    if (violations.length > 0) throw new InvalidInputError(violations.slice(0, 20));
    // Both read the message at once: a graph may go on to change it.
    const json = JSON.stringify(message.body);
    const tokens = await countMessageInTurns(this.counter, toOpenAI(message));
    return { messageId, message, json, tokens };
  }

  /** One of the ids that stands in the thread already, if any does. */
  async takenId(tenantId: string, threadId: string, ids: readonly string[]): Promise<string | undefined> {
    const [row] = await this.database.query<{ id: string }>(sql.TAKEN_ID, [tenantId, threadId, ids]);
    return row?.id;
  }

  /**
   * Takes down messages as a graph hands them over, before any connection is taken. They are read at once, since it
   * may go on to change them, and counted in turns. A message without an id is given one, as LangGraph would.
   */
  async draft(messages: readonly BaseMessage[]): Promise<DraftMessage[]> {
    const counting: Promise<void>[] = [];
    const drafts = messages.map((message) => {
      const messageId = (message.id ??= uuidv7());
      const recorded = findRecorded(message);
      const state = recorded?.state ?? stateOf(message);
      const draft = { messageId, message, state, recorded, prepared: undefined as DraftMessage['prepared'] };
      // A graph hands over its whole conversation each time: only what is new costs a wait.
      if (!recorded)
        counting.push(
          this.prepare(messageId, fromLangChain(message)).then((prepared) => {
            draft.prepared = prepared;
          }),
        );
      return draft;
    });
    await Promise.all(counting);
    return drafts;
  }

  /**
   * Finds how to make `conversation`, which a graph hands over whole, what the thread holds: what is new or
   * changed gets rows of its own, and what is gone is no longer shown.
   */
  async place(session: HeldSession, conversation: readonly DraftMessage[]): Promise<PlacedConversation> {
    const unmoved = unmovedRows(session, conversation);
    const others = conversation.slice(unmoved.length);
    const places = await this.#placing.find(session, conversation, unmoved);
    const fresh: NewRow[] = [];
    for (const [index, draft] of others.entries()) {
      const { isNew, seq, revision } = places[index] as Placement;
      if (isNew) fresh.push({ ...(await this.#prepared(draft)), seq, revision });
    }
    const runs = extendRuns(extendRuns([], unmoved), places);
    return {
      runs,
      write: async () => {
        this.#remember(session, others, places);
        // An id stands once among the messages that are shown, so those that go come first.
        await this.showOnly(session, runs, fresh);
        if (fresh.length > 0) await this.#insert(session, '', fresh);
      },
    };
  }

  /**
   * Writes to a namespace what the log of the session does not hold yet, for a channel that is not the
   * conversation of the thread.
   * @returns the row of each message
   */
  async recordAside(
    session: HeldSession,
    namespace: string,
    messages: readonly DraftMessage[],
  ): Promise<RowKey[]> {
    const recorded = messages.flatMap((draft) =>
      draft.recorded?.sessionId === session.sessionId ? [draft.recorded.row] : [],
    );
    // What the thread does not show may have been pruned since this process wrote or read it.
    const hidden = recorded.filter((row) => !namesRow(session.liveRuns, row));
    const areThere = await this.hasAll(session.tenantId, session.sessionId, extendRuns([], hidden));
    const isKnown = (draft: DraftMessage): boolean =>
      draft.recorded?.sessionId === session.sessionId &&
      (areThere || namesRow(session.liveRuns, draft.recorded.row));
    const unknown = messages.filter((draft) => !isKnown(draft));
    let next = unknown.length > 0 ? await this.#lastSeq(session, namespace) : 0;
    const fresh: (NewRow & { readonly namespace: string })[] = [];
    for (const draft of unknown)
      fresh.push({ ...(await this.#prepared(draft)), seq: (next += 1), revision: 0, namespace });
    if (fresh.length > 0) await this.#insert(session, namespace, fresh);
    const rows = fresh.map(({ seq, revision }) => ({ seq, revision, namespace }));
    this.#remember(session, unknown, rows);
    const written = rows.values();
    return messages.map((draft) => (isKnown(draft) ? draft.recorded?.row : written.next().value) as RowKey);
  }

  /** Makes the rows of `runs` those that the thread shows, save for such as are yet to be written. */
  async showOnly(session: HeldSession, runs: readonly Run[], fresh: readonly RowKey[] = []): Promise<void> {
    const shown = session.liveRuns;
    const hidden = rowsMissing(shown, runs);
    const written = new Set(fresh.map(({ seq, revision }) => `${seq}.${revision}`));
    const back = rowsMissing(runs, shown).filter(({ seq, revision }) => !written.has(`${seq}.${revision}`));
    await this.#setLive(session, hidden, false);
    await this.#setLive(session, back, true);
  }

  /**
   * The messages that a reference names, as a graph sees them.
   * @throws MessagesGoneError when some of them are there no longer
   */
  async resolve(tenantId: string, sessionId: string, runs: readonly Run[]): Promise<BaseMessage[]> {
    if (runs.length === 0) return [];
    const rows = await this.database.query<FoundRow>(sql.READ_RUNS, [
      tenantId,
      sessionId,
      ...columnsOf(runs),
    ]);
    if (rows.length !== countRows(runs))
      throw new MessagesGoneError(
        `A checkpoint names ${countRows(runs)} messages and ${rows.length} are there.`,
      );
    return rows.map(({ messageId, format, body, ...row }) => {
      const message = toLangChain({ format, body }, messageId);
      noteRecorded(message, { sessionId, row });
      return message;
    });
  }

  /** Whether all messages that the runs name are there. */
  async hasAll(tenantId: string, sessionId: string, runs: readonly Run[]): Promise<boolean> {
    if (runs.length === 0) return true;
    const [row] = await this.database.query<{ count: number }>(sql.COUNT_RUNS, [
      tenantId,
      sessionId,
      ...columnsOf(runs),
    ]);
    return row?.count === countRows(runs);
  }

  /** The newest `limit` messages with a `seq` below `before`; undefined when there is no such thread. */
  async newest(
    tenantId: string,
    threadId: string,
    limit: number,
    before: number,
  ): Promise<NewestMessages | undefined> {
    type Row = FoundRow & CountedRow & { version: number; createdAt: Date };
    const rows = await this.database.query<Row>(sql.READ_NEWEST, [tenantId, threadId, before, limit]);
    const [first] = rows;
    if (!first) return undefined;
    // A thread without messages is one row of nothing but its version.
    const found = first.messageId === (null as unknown) ? [] : rows;
    await countAnew(this.counter, found);
    return {
      version: first.version,
      messages: found.map(({ messageId, format, body, seq, tokens, createdAt }) => ({
        ...toOpenAI({ format, body }),
        id: messageId,
        seq,
        tokens,
        createdAt: createdAt.toISOString(),
      })),
    };
  }

  async #lastSeq({ tenantId, sessionId }: HeldSession, namespace: string): Promise<number> {
    const [row] = await this.database.query<{ lastSeq: number }>(sql.LAST_SEQ, [
      tenantId,
      sessionId,
      namespace,
    ]);
    return row?.lastSeq ?? 0;
  }

  /** Of a message that was recorded in another session, nothing is prepared yet. */
  async #prepared(draft: DraftMessage): Promise<PreparedMessage> {
    return draft.prepared ?? this.prepare(draft.messageId, bodyOf(draft));
  }

  /** Not before it is certain: what is rolled back stands in no row. */
  #remember({ sessionId }: HeldSession, messages: readonly DraftMessage[], rows: readonly RowKey[]): void {
    this.database.afterCommit(() => {
      for (const [index, { message, state, recorded }] of messages.entries()) {
        const row = rows[index] as RowKey;
        // The same object can stand several times under one id; its note is of the first place.
        if (row.revision < 0) continue;
        const isNoted = recorded?.sessionId === sessionId && isSameRow(recorded.row, row);
        if (!isNoted) noteRecorded(message, { sessionId, row }, state);
      }
    });
  }

  async #insert(session: HeldSession, namespace: string, rows: readonly NewRow[]): Promise<void> {
    await this.database.query(sql.INSERT_MESSAGES, [
      session.tenantId,
      session.sessionId,
      namespace,
      rows.map(({ seq }) => seq),
      rows.map(({ revision }) => revision),
      rows.map(({ messageId }) => messageId),
      rows.map(({ message }) => message.format),
      rows.map(({ json }) => json),
      rows.map(({ tokens }) => tokens),
      this.counter.encoding,
    ]);
  }

  async #setLive(
    { tenantId, sessionId }: HeldSession,
    rows: readonly RowKey[],
    live: boolean,
  ): Promise<void> {
    if (rows.length === 0) return;
    await this.database.query(sql.SET_LIVE, [
      tenantId,
      sessionId,
      rows.map(({ seq }) => seq),
      rows.map(({ revision }) => revision),
      live,
    ]);
  }
}

/** What is written of a message. */
function bodyOf({ message, prepared }: DraftMessage): MessageBody {
  return prepared?.message ?? fromLangChain(message);
}

/** Runs as a statement takes them: an array for each of their four parts. */
function columnsOf(runs: readonly Run[]): (number | string)[][] {
  return [
    runs.map(([first]) => first),
    runs.map(([, last]) => last),
    runs.map(([, , revision]) => revision),
    runs.map(([, , , namespace = '']) => namespace),
  ];
}
