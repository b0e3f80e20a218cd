// Over 200 lines: one class, every statement on the log.
import type { BaseMessage } from '@langchain/core/messages';
import { v7 as uuidv7 } from 'uuid';
import { unstorable } from '../database/storable.js';
import type { Database } from '../database/database.js';
import { InvalidInputError } from '../errors.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import { countMessage } from '../tokens/message-tokens.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { digestOf, fromLangChain, toLangChain, toOpenAI, type MessageBody } from './message-codec.js';
import * as sql from './message-log.sql.js';
import { placeMessages, type LoggedMessage, type Placement } from './message-matching.js';
import { MessageReference } from './message-reference.js';
import type { StoredMessage } from './message.js';

/** A session whose row this transaction holds. */
export interface HeldSession {
  readonly tenantId: string;
  readonly threadId: string;
  readonly sessionId: string;
  readonly version: number;
  readonly messageCount: number;
  readonly lastSeq: number;
}

/** A message ready to be written: everything that needs no database is done. */
export interface PreparedMessage {
  readonly messageId: string;
  readonly message: MessageBody;
  readonly digest: Buffer;
  readonly tokens: number;
}

interface WrittenRow {
  seq: number;
  revision: number;
  createdAt: Date;
}

interface ReadRow extends WrittenRow {
  messageId: string;
  format: MessageBody['format'];
  body: never;
  tokens: number;
}

/** The messages of all threads: each stands once, is counted once, and is never rewritten. */
export class MessageLog {
  constructor(
    private readonly database: Database,
    private readonly counter: TokenCounter,
    private readonly audit: AuditLog,
  ) {}

  /** Encodes and counts a message, before any connection is taken. */
  prepare(messageId: string, message: MessageBody): PreparedMessage {
    return {
      messageId,
      message,
      digest: digestOf(toLangChain(message, messageId)),
      tokens: countMessage(this.counter, toOpenAI(message)),
    };
  }

  /** Begins the thread's session if there is none, and holds it until the unit of work ends. */
  async hold(tenantId: string, threadId: string): Promise<HeldSession> {
    const [row] = await this.database.query<Omit<HeldSession, 'tenantId' | 'threadId'>>(sql.OPEN_SESSION, [
      tenantId,
      threadId,
      uuidv7(),
    ]);
    if (!row) throw new Error('The session could not be opened.');
    return { tenantId, threadId, ...row };
  }

  /** Deletes the thread's session with all of its messages; false when there is none. */
  async delete(tenantId: string, threadId: string): Promise<boolean> {
    const gone = await this.database.query(sql.DELETE_SESSION, [tenantId, threadId]);
    return gone.length > 0;
  }

  /** Writes messages after the last one of the thread. */
  async append(session: HeldSession, messages: readonly PreparedMessage[]): Promise<WrittenRow[]> {
    const rows = messages.map((prepared, index) => ({
      ...prepared,
      seq: session.lastSeq + 1 + index,
      revision: 0,
    }));
    const written = await this.#insert(session, rows);
    await this.#save(session, 'session.append', {
      messageCount: session.messageCount + rows.length,
      lastSeq: session.lastSeq + rows.length,
    });
    return written;
  }

  /** Which of the ids are in the thread already. */
  async takenIds(session: HeldSession, ids: readonly string[]): Promise<string[]> {
    const { tenantId, sessionId } = session;
    const rows = await this.database.query<{ id: string }>(sql.TAKEN_IDS, [tenantId, sessionId, ids]);
    return rows.map(({ id }) => id);
  }

  /**
   * Makes `conversation`, which a graph hands over whole, what the thread holds: writes what is new or
   * changed, and takes out what is gone. A message without an id is given one, as LangGraph would.
   */
  async record(session: HeldSession, conversation: readonly BaseMessage[]): Promise<MessageReference> {
    const { tenantId, sessionId } = session;
    const handed = conversation.map((message) => {
      message.id ??= uuidv7();
      return { messageId: message.id, digest: digestOf(message), message };
    });
    const log = await this.database.query<LoggedMessage>(sql.INDEX_OF_SESSION, [tenantId, sessionId]);
    const places = placeMessages(handed, log, session.lastSeq);
    const fresh = places.flatMap((place, index) => {
      const given = handed[index];
      if (!place.isNew || !given) return [];
      const { messageId, digest } = given;
      const message = fromLangChain(given.message);
      refuseUnstorable(messageId, message);
      return [
        { ...place, messageId, digest, message, tokens: countMessage(this.counter, toOpenAI(message)) },
      ];
    });
    const changed = await this.#setLive(session, log, places);
    if (fresh.length > 0) await this.#insert(session, fresh);
    if (fresh.length > 0 || changed) {
      const lastSeq = places.reduce((last, { seq }) => Math.max(last, seq), session.lastSeq);
      await this.#save(session, 'session.write', { messageCount: places.length, lastSeq });
    }
    return MessageReference.of(sessionId, places);
  }

  /** The messages that a checkpoint refers to, as a graph sees them. */
  async resolve(tenantId: string, reference: MessageReference): Promise<BaseMessage[]> {
    const { sessionId, runs } = reference;
    const rows = await this.database.query<ReadRow>(sql.READ_RUNS, [
      tenantId,
      sessionId,
      runs.map(([first]) => first),
      runs.map(([, last]) => last),
      runs.map(([, , revision]) => revision),
    ]);
    if (rows.length !== reference.messageCount)
      throw new Error(`A checkpoint names ${reference.messageCount} messages and ${rows.length} are there.`);
    return rows.map(({ messageId, ...message }) => toLangChain(message, messageId));
  }

  /** The newest `limit` messages with a `seq` below `before`, oldest first. */
  async newest(tenantId: string, threadId: string, limit: number, before: number): Promise<StoredMessage[]> {
    const rows = await this.database.query<ReadRow>(sql.READ_NEWEST, [tenantId, threadId, before, limit]);
    return rows.reverse().map(({ messageId, seq, tokens, createdAt, ...message }) => ({
      ...toOpenAI(message),
      id: messageId,
      seq,
      tokens,
      createdAt: createdAt.toISOString(),
    }));
  }

  async #insert(
    session: HeldSession,
    rows: readonly (PreparedMessage & WrittenKey)[],
  ): Promise<WrittenRow[]> {
    return this.database.query<WrittenRow>(sql.INSERT_MESSAGES, [
      session.tenantId,
      session.sessionId,
      rows.map(({ seq }) => seq),
      rows.map(({ revision }) => revision),
      rows.map(({ messageId }) => messageId),
      rows.map(({ message }) => message.format),
      rows.map(({ message }) => JSON.stringify(message.body)),
      rows.map(({ digest }) => digest),
      rows.map(({ tokens }) => tokens),
    ]);
  }

  async #setLive(session: HeldSession, log: LoggedMessage[], places: Placement[]): Promise<boolean> {
    const key = ({ seq, revision }: WrittenKey): string => `${seq}.${revision}`;
    const kept = new Set(places.map(key));
    const changed = log.filter((row) => row.live !== kept.has(key(row)));
    if (changed.length === 0) return false;
    await this.database.query(sql.SET_LIVE, [
      session.tenantId,
      session.sessionId,
      changed.map(({ seq }) => seq),
      changed.map(({ revision }) => revision),
      changed.map(({ live }) => !live),
    ]);
    return true;
  }

  /** Every change of a thread's messages ends here, and none goes by: so it is recorded here. */
  async #save(
    { tenantId, threadId, version: before }: HeldSession,
    action: 'session.append' | 'session.write',
    { messageCount, lastSeq }: Pick<HeldSession, 'messageCount' | 'lastSeq'>,
  ): Promise<void> {
    const version = before + 1;
    await Promise.all([
      this.database.query(sql.SAVE_SESSION, [tenantId, threadId, version, messageCount, lastSeq]),
      this.audit.record({
        action,
        objectType: 'session',
        objectId: threadId,
        details: { version, messageCount },
      }),
    ]);
  }
}

type WrittenKey = Pick<WrittenRow, 'seq' | 'revision'>;

/** Reports every place of a message that could not be given back as it came. */
function refuseUnstorable(messageId: string, { body }: MessageBody): void {
  const violations = [...unstorable(messageId, 'id'), ...unstorable(body, 'message')];
  if (violations.length > 0) throw new InvalidInputError(violations.slice(0, 20));
}
