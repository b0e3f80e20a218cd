// Over 200 lines: one class, all of the tier's public interface.
import { Inject, Injectable } from '@nestjs/common';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { DatabaseError } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { Database } from '../database/database.js';
import { decodeCursor, encodeCursor } from '../database/page-cursor.js';
import { requireInteger } from '../database/storable.js';
import {
  InvalidInputError,
  MessageIdTakenError,
  NotFoundError,
  SessionBusyError,
  VersionConflictError,
} from '../errors.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { Idempotency } from '../tenancy/idempotency.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TokenCounter } from '../tokens/token-counter.js';
import { CheckpointPruning, type PrunedRows } from './checkpoint-pruning.js';
import { SessionRows } from './held-session.js';
import { MessageLog, type NewestMessages } from './message-log.js';
import type { PreparedMessage } from './message-placing.js';
import { validateMessages } from './message-validation.js';
import type { Message, StoredMessage } from './message.js';
import { readRecentHistory, type RecentHistory } from './recent-history.js';
import { SessionLeases } from './session-leases.js';
import * as sql from './session.sql.js';
import { TenantCheckpointer } from './tenant-checkpointer.js';
import { requireThreadId } from './thread-id.js';

export const MAX_PAGE = 1_000;
const DEFAULT_PAGE = 50;
/** How long an append waits for somebody who has the thread for himself. */
const APPEND_WAITS_MS = 10_000;
const EXCLUSIVE_WAITS_MS = 60_000;
const MAX_WAIT_MS = 86_400_000;
const MAX_VERSION = 2_147_483_647;
const MAX_KEPT = 1_000_000;
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

export type AppendedMessages = Omit<ThreadPage, 'nextBefore'>;

export interface PageOptions {
  /** 1 to 1,000; 50 when left out. */
  readonly limit?: number;
  /** Only messages with a smaller `seq`. */
  readonly before?: number;
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
  readonly #leases: SessionLeases;
  readonly #sessions: SessionRows;
  readonly #log: MessageLog;

  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly tenants: TenantContext,
    private readonly counter: TokenCounter,
    private readonly audit: AuditLog,
    private readonly idempotency: Idempotency,
  ) {
    this.#log = new MessageLog(database, counter);
    this.#leases = new SessionLeases(database);
    this.#sessions = new SessionRows(database, this.#leases);
    this.#checkpointer = new TenantCheckpointer({
      database,
      log: this.#log,
      sessions: this.#sessions,
      leases: this.#leases,
      tenants,
      audit,
    });
    this.checkpointer = this.#checkpointer;
  }

  /** Nothing to do: the database is migrated and checked before this class exists. */
  setup(): Promise<void> {
    return Promise.resolve();
  }

  /**
   * Appends messages to a thread, all or none, and begins the thread when there is none. Appends of many
   * processes at once are written one after the other. While somebody has the thread for himself they wait,
   * 10 s at most.
   * @param expectedVersion refuse unless the thread is at this version; 0 means that it must not exist yet
   * @returns the new version, and the messages as they are kept
   * @throws InvalidInputError, MessageIdTakenError, VersionConflictError, SessionBusyError, SessionConflictError,
   *   TenantRequiredError
   */
  async appendMessages(
    threadId: string,
    messages: readonly Message[],
    { expectedVersion }: { expectedVersion?: number } = {},
  ): Promise<AppendedMessages> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    if (expectedVersion !== undefined) requireInteger(expectedVersion, 'expectedVersion', 0, MAX_VERSION);
    validateMessages(messages);
    const prepared = await Promise.all(
      messages.map(({ id = uuidv7(), ...body }) =>
        this.#log.prepare(id as string, { format: 'openai', body }),
      ),
    );
    refuseRepeats(prepared.map(({ messageId }) => messageId));
    // A statement that fails would end a unit of work of the caller's.
    const isPlain =
      expectedVersion === undefined &&
      !this.idempotency.hasKey &&
      !this.database.isInUnitOfWork &&
      !this.#leases.current(tenantId, threadId);
    return this.#leases.whenFree(tenantId, threadId, APPEND_WAITS_MS, () =>
      isPlain
        ? this.#appendUnlessTaken(tenantId, threadId, prepared)
        : this.#appendHeld(tenantId, threadId, prepared, expectedVersion),
    );
  }

  /**
   * The newest `limit` messages of a thread, oldest first; a thread that nobody wrote to has none.
   * @param before only messages with a smaller `seq`
   */
  async getSessionMessages(threadId: string, options: PageOptions = {}): Promise<StoredMessage[]> {
    const page = await this.#newest(threadId, options);
    return page?.messages.reverse() ?? [];
  }

  /**
   * The same page with the thread's version and the way to the page before it.
   * @throws NotFoundError when the thread has no session
   */
  async getThread(threadId: string, options: PageOptions = {}): Promise<ThreadPage> {
    const { limit = DEFAULT_PAGE } = options;
    // One more than asked for tells whether there is a page before this one.
    const page = await this.#newest(threadId, options, 1);
    if (!page) throw new NotFoundError('thread');
    const messages = page.messages.slice(0, limit).reverse();
    const nextBefore = page.messages.length > limit ? (messages[0]?.seq ?? null) : null;
    return { threadId, version: page.version, messages, nextBefore };
  }

  /**
   * What a working context may need of a thread, in one statement whatever its length: the newest messages until they have
   * more than `tokens` tokens, the newest of the user, and the instructions at its head.
   */
  recentHistory(threadId: string, { tokens }: { tokens: number }): Promise<RecentHistory> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    requireInteger(tokens, 'tokens', 0, MAX_VERSION);
    const { database, counter } = this;
    return readRecentHistory({ database, counter }, { tenantId, threadId, enough: tokens });
  }

  /** The tenant's threads, the one that changed last first. */
  async listSessions({ limit = DEFAULT_PAGE, cursor }: { limit?: number; cursor?: string } = {}): Promise<{
    sessions: SessionSummary[];
    nextCursor: string | null;
  }> {
    const tenantId = this.tenants.require();
    requireInteger(limit, 'limit', 1, MAX_PAGE);
    const end = cursor === undefined ? undefined : decodeCursor(cursor);
    type Row = Omit<SessionSummary, 'createdAt' | 'updatedAt'> & { createdAt: Date; updatedAt: Date };
    const rows = await this.database.query<Row>(sql.LIST_SESSIONS, [
      tenantId,
      limit + 1,
      end?.at ?? null,
      end?.id ?? null,
    ]);
    const sessions = rows.slice(0, limit).map((row) => ({
      ...row,
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
    await this.database.unitOfWork(async () => {
      if (!(await this.#checkpointer.clear(threadId))) throw new NotFoundError('thread');
      await this.idempotency.remember(undefined);
    });
  }

  /**
   * Runs `work` while nobody else writes to the thread, in whatever process: the way to run a graph, or to
   * read and then append, without losing a race. Others wait, readers excepted. May be nested.
   * @param waitMs how long to wait for others; one minute unless said otherwise
   * @throws SessionBusyError when they took longer; whatever `work` throws
   */
  async exclusive<T>(
    threadId: string,
    work: () => Promise<T>,
    { waitMs = EXCLUSIVE_WAITS_MS }: { waitMs?: number } = {},
  ): Promise<T> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    requireInteger(waitMs, 'waitMs', 0, MAX_WAIT_MS);
    return this.#leases.exclusive(tenantId, threadId, work, waitMs);
  }

  /**
   * Drops all but the newest `keep` checkpoints of a thread, with what nothing else needs then. The messages,
   * the newest state, an interrupt that waits for its answer, and time travel to what is kept stay as they are.
   * @param keep 1 to 1,000,000; 1 when left out
   * @returns how many rows of each kind are gone
   * @throws NotFoundError when the thread has no session; SessionBusyError, InvalidInputError
   */
  async prune(threadId: string, { keep = 1 }: { keep?: number } = {}): Promise<PrunedRows> {
    const { database, tenants, audit } = this;
    requireThreadId(threadId);
    requireInteger(keep, 'keep', 1, MAX_KEPT);
    const pruning = new CheckpointPruning({ database, sessions: this.#sessions, tenants, audit });
    return this.#leases.whenFree(tenants.require(), threadId, APPEND_WAITS_MS, () =>
      pruning.prune(threadId, keep),
    );
  }

  /** One statement, one round trip. */
  async #append(
    tenantId: string,
    threadId: string,
    prepared: readonly PreparedMessage[],
  ): Promise<AppendedMessages> {
    const { auditId, actor, outcome } = this.audit.row();
    const [row] = await this.database.query<AppendedRow>(sql.APPEND, [
      tenantId,
      threadId,
      uuidv7(),
      prepared.length,
      prepared.map(({ messageId }) => messageId),
      prepared.map(({ json }) => json),
      prepared.map(({ tokens }) => tokens),
      this.#leases.current(tenantId, threadId)?.holder ?? null,
      auditId,
      actor,
      outcome,
      this.counter.encoding,
    ]);
    if (!row) throw new SessionBusyError();
    this.audit.announce({ action: 'session.append', objectType: 'session', objectId: threadId });
    return { threadId, version: row.version, messages: storedMessages(prepared, row) };
  }

  /** An append that depends on the session as it is: that is held until the commit. */
  async #appendHeld(
    tenantId: string,
    threadId: string,
    prepared: readonly PreparedMessage[],
    expectedVersion: number | undefined,
  ): Promise<AppendedMessages> {
    return this.database.unitOfWork(async () => {
      const { version, sessionId } = await this.#sessions.hold(tenantId, threadId);
      if (expectedVersion !== undefined && expectedVersion !== version)
        throw new VersionConflictError(version);
      await this.#refuseTaken(tenantId, threadId, prepared);
      const appended = await this.#append(tenantId, threadId, prepared);
      await this.idempotency.remember(appended, { sessionId });
      return appended;
    });
  }

  /** Names the message whose id the thread has already. Only the database can tell, when two come at once. */
  async #appendUnlessTaken(
    tenantId: string,
    threadId: string,
    prepared: readonly PreparedMessage[],
  ): Promise<AppendedMessages> {
    try {
      return await this.#append(tenantId, threadId, prepared);
    } catch (error) {
      if (!(error instanceof DatabaseError) || error.constraint !== 'session_messages_message_id')
        throw error;
      await this.#refuseTaken(tenantId, threadId, prepared);
      // It was removed meanwhile.
      return this.#append(tenantId, threadId, prepared);
    }
  }

  async #refuseTaken(
    tenantId: string,
    threadId: string,
    prepared: readonly PreparedMessage[],
  ): Promise<void> {
    const ids = prepared.map(({ messageId }) => messageId);
    const taken = await this.#log.takenId(tenantId, threadId, ids);
    if (taken !== undefined) throw new MessageIdTakenError(taken);
  }

  #newest(
    threadId: string,
    { limit = DEFAULT_PAGE, before }: PageOptions,
    more = 0,
  ): Promise<NewestMessages | undefined> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    requireInteger(limit, 'limit', 1, MAX_PAGE);
    if (before !== undefined) requireInteger(before, 'before', 1, NO_BEFORE);
    return this.#log.newest(tenantId, threadId, limit + more, before ?? NO_BEFORE);
  }
}

interface AppendedRow {
  sessionId: string;
  version: number;
  lastSeq: number;
  createdAt: Date;
}

function storedMessages(
  prepared: readonly PreparedMessage[],
  { lastSeq, createdAt }: AppendedRow,
): StoredMessage[] {
  return prepared.map(({ messageId, message, tokens }, index) => ({
    ...(message.body as Message),
    id: messageId,
    seq: lastSeq - prepared.length + 1 + index,
    tokens,
    createdAt: createdAt.toISOString(),
  }));
}

function refuseRepeats(ids: readonly string[]): void {
  const repeated = ids.findIndex((id, index) => ids.indexOf(id) !== index);
  if (repeated >= 0)
    throw new InvalidInputError([
      { field: `messages.${repeated}.id`, message: 'stands twice in this request' },
    ]);
}
