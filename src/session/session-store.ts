import { Inject, Injectable } from '@nestjs/common';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { LessThan } from 'typeorm';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database.js';
import { decodeCursor, encodeCursor } from '../database/page-cursor.js';
import { requireInteger } from '../database/storable.js';
import { InvalidInputError, MessageIdTakenError, NotFoundError, VersionConflictError } from '../errors.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TenantRepository } from '../tenancy/tenant-repository.js';
import { TokenCounter } from '../tokens/token-counter.js';
import { MessageLog } from './message-log.js';
import { validateMessages } from './message-validation.js';
import type { Message, StoredMessage } from './message.js';
import { Session } from './session.entity.js';
import { TenantCheckpointer } from './tenant-checkpointer.js';
import { requireThreadId } from './thread-id.js';

export const MAX_PAGE = 1_000;
/** Beyond every `seq`: an integer column ends there. */
const NO_BEFORE = 2_147_483_647;

export interface ThreadPage {
  threadId: string;
  version: number;
  /** Oldest first. */
  messages: StoredMessage[];
  /** Pass as `before` for the page of older messages; null when there is none. */
  nextBefore: number | null;
}

export interface SessionSummary {
  threadId: string;
  version: number;
  messageCount: number;
  createdAt: string;
  updatedAt: string;
}

/**
 * Tier 1: what was said. A thread is one conversation of a tenant; a session is its life from the first
 * message to an explicit clear, and nothing else ever ends it. REST and LangGraph see the same messages.
 */
@Injectable()
export class SessionStore {
  /** A LangGraph checkpointer bound to the tenant in scope, for `graph.compile({ checkpointer })`. */
  readonly checkpointer: BaseCheckpointSaver;
  readonly #checkpointer: TenantCheckpointer;
  readonly #log: MessageLog;
  readonly #sessions: TenantRepository<Session>;

  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly tenants: TenantContext,
    counter: TokenCounter,
    audit: AuditLog,
  ) {
    this.#log = new MessageLog(database, counter, audit);
    this.#checkpointer = new TenantCheckpointer(database, this.#log, tenants, audit);
    this.checkpointer = this.#checkpointer;
    this.#sessions = new TenantRepository(database.dataSource, Session, tenants);
  }

  /** Nothing to do: the database is migrated and checked before this class exists. */
  setup(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Appends messages to a thread, all or none, and begins the thread when there is none.
   * @param expectedVersion refuse unless the thread is at this version; 0 means that it must not exist yet
   * @returns the new version, and the messages as they are kept
   * @throws InvalidInputError, MessageIdTakenError, VersionConflictError, TenantRequiredError
   */
  async appendMessages(
    threadId: string,
    messages: readonly Message[],
    { expectedVersion }: { expectedVersion?: number } = {},
  ): Promise<Omit<ThreadPage, 'nextBefore'>> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    validateMessages(messages);
    const prepared = messages.map((message) => {
      const { id = uuidv7(), ...body } = message;
      return this.#log.prepare(id as string, { format: 'openai', body: body });
    });
    refuseRepeats(prepared.map(({ messageId }) => messageId));
    return this.database.unitOfWork(async () => {
      const session = await this.#log.hold(tenantId, threadId);
      if (expectedVersion !== undefined && expectedVersion !== session.version)
        throw new VersionConflictError(session.version);
      const given = messages.flatMap(({ id }) => (id === undefined ? [] : [id as string]));
      const taken = given.length > 0 ? await this.#log.takenIds(session, given) : [];
      if (taken[0] !== undefined) throw new MessageIdTakenError(taken[0]);
      const rows = await this.#log.append(session, prepared);
      await this.#checkpointer.putAppended(session, rows);
      const stored = prepared.map(({ messageId, message, tokens }, index) => ({
        ...(message.body as Message),
        id: messageId,
        seq: session.lastSeq + 1 + index,
        tokens,
        createdAt: (rows[index]?.createdAt ?? new Date()).toISOString(),
      }));
      return { threadId, version: session.version + 1, messages: stored };
    });
  }

  /**
   * The newest `limit` messages of a thread, oldest first; a thread that nobody wrote to has none.
   * @param before only messages with a smaller `seq`
   */
  async getSessionMessages(
    threadId: string,
    { limit = 50, before }: { limit?: number; before?: number } = {},
  ): Promise<StoredMessage[]> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    requireInteger(limit, 'limit', 1, MAX_PAGE);
    if (before !== undefined) requireInteger(before, 'before', 1, NO_BEFORE);
    return this.#log.newest(tenantId, threadId, limit, before ?? NO_BEFORE);
  }

  /**
   * The same page with the thread's version and the way to the page before it.
   * @throws NotFoundError when the thread has no session
   */
  async getThread(threadId: string, options: { limit?: number; before?: number } = {}): Promise<ThreadPage> {
    const [session, messages] = await Promise.all([
      this.#sessions.findOne({ threadId }),
      this.getSessionMessages(threadId, options),
    ]);
    if (!session) throw new NotFoundError('thread');
    const first = messages[0]?.seq ?? 1;
    const older =
      first > 1 && (await this.getSessionMessages(threadId, { limit: 1, before: first })).length > 0;
    return { threadId, version: session.version, messages, nextBefore: older ? first : null };
  }

  /** The tenant's threads, the one that changed last first. */
  async listSessions({ limit = 50, cursor }: { limit?: number; cursor?: string } = {}): Promise<{
    sessions: SessionSummary[];
    nextCursor: string | null;
  }> {
    requireInteger(limit, 'limit', 1, MAX_PAGE);
    const end = cursor === undefined ? undefined : decodeCursor(cursor);
    const at = end && new Date(end.at);
    const rows = await this.#sessions.find({
      ...(end &&
        at && { where: [{ updatedAt: LessThan(at) }, { updatedAt: at, threadId: LessThan(end.id) }] }),
      order: { updatedAt: 'DESC', threadId: 'DESC' },
      take: limit + 1,
    });
    const sessions = rows.slice(0, limit).map((row) => ({
      threadId: row.threadId,
      version: row.version,
      messageCount: row.messageCount,
      createdAt: row.createdAt.toISOString(),
      updatedAt: row.updatedAt.toISOString(),
    }));
    const last = rows.length > limit ? sessions.at(-1) : undefined;
    return { sessions, nextCursor: last ? encodeCursor({ at: last.updatedAt, id: last.threadId }) : null };
  }

  /**
   * Ends a session: its messages and every checkpoint of the thread are gone. Nothing else ends one.
   * @throws NotFoundError when the thread has no session
   */
  async clearSession(threadId: string): Promise<void> {
    requireThreadId(threadId);
    if (!(await this.#checkpointer.clear(threadId))) throw new NotFoundError('thread');
  }
}

function refuseRepeats(ids: readonly string[]): void {
  const repeated = ids.findIndex((id, index) => ids.indexOf(id) !== index);
  if (repeated >= 0)
    throw new InvalidInputError([
      { field: `messages.${repeated}.id`, message: 'stands twice in this request' },
    ]);
}
