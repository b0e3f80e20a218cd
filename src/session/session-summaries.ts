import { Inject, Injectable } from '@nestjs/common';
import { Database } from '../database/database.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { toOpenAI, type MessageBody } from './message-codec.js';
import type { StoredMessage } from './message.js';
import * as sql from './session-summaries.sql.js';
import { requireThreadId } from './thread-id.js';

/** What was said in a thread up to a message, in short. */
export interface ThreadSummary {
  readonly text: string;
  /** The last message that it tells of. */
  readonly throughSeq: number;
  /** Of the text, in `encoding`. */
  readonly tokens: number;
  readonly encoding: string;
  /** The model that wrote it. */
  readonly model: string;
  /** ISO 8601, UTC. */
  readonly updatedAt: string;
}

/** What a summary does not tell of yet, as one moment saw it. */
export interface Unsummarized {
  /** The life of the thread that all of it belongs to. */
  readonly sessionId: string;
  readonly summary: ThreadSummary | undefined;
  /** Oldest first. */
  readonly messages: StoredMessage[];
}

export interface NewSummary extends Omit<ThreadSummary, 'updatedAt'> {
  /** The session that was read; another life of the thread gets no summary of this one. */
  readonly sessionId: string;
  /** How far the summary reached that was read; 0 when there was none. */
  readonly expectedThroughSeq: number;
}

type SummaryRow = { [Field in keyof ThreadSummary]: ThreadSummary[Field] | null } & {
  updatedAt: Date | null;
};
type UnsummarizedRow = SummaryRow &
  MessageBody & {
    readonly sessionId: string;
    /** null, like every field of a message, where there is none. */
    readonly seq: number | null;
    readonly messageId: string;
    readonly messageTokens: number;
    readonly createdAt: Date;
  };

/** The rolling summary of each thread. It goes with its session, and no message goes with it. */
@Injectable()
export class SessionSummaries {
  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly tenants: TenantContext,
  ) {}

  /** The summary of a thread, if there is one. */
  async read(threadId: string): Promise<ThreadSummary | undefined> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    const [row] = await this.database.query<SummaryRow>(sql.READ_SUMMARY, [tenantId, threadId]);
    return row && summaryOf(row);
  }

  /**
   * The messages after the summary, up to the place `throughSeq`, and the summary itself, of one moment.
   * @param limit of messages; the oldest come first
   * @returns undefined when the thread has no session
   */
  async unsummarized(threadId: string, throughSeq: number, limit: number): Promise<Unsummarized | undefined> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    const rows = await this.database.query<UnsummarizedRow>(sql.READ_UNSUMMARIZED, [
      tenantId,
      threadId,
      throughSeq,
      limit,
    ]);
    const [first] = rows;
    if (!first) return undefined;
    return { sessionId: first.sessionId, summary: summaryOf(first), messages: rows.flatMap(messageOf) };
  }

  /**
   * Puts a summary in the place of the one that was read.
   * @returns whether it was written: not when another process has got further meanwhile, nor when the session that was
   *   read is over
   */
  async write(threadId: string, summary: NewSummary): Promise<boolean> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    const rows = await this.database.query(sql.WRITE_SUMMARY, [
      tenantId,
      threadId,
      summary.sessionId,
      summary.expectedThroughSeq,
      summary.throughSeq,
      summary.text,
      summary.tokens,
      summary.encoding,
      summary.model,
    ]);
    return rows.length === 1;
  }
}

function summaryOf({
  text,
  throughSeq,
  tokens,
  encoding,
  model,
  updatedAt,
}: SummaryRow): ThreadSummary | undefined {
  if (updatedAt === null) return undefined;
  const summary = { text, throughSeq, tokens, encoding, model, updatedAt: updatedAt.toISOString() };
  return summary as ThreadSummary;
}

function messageOf({
  seq,
  messageId,
  messageTokens,
  createdAt,
  format,
  body,
}: UnsummarizedRow): StoredMessage[] {
  if (seq === null) return [];
  const message = toOpenAI({ format, body } as MessageBody);
  return [{ ...message, id: messageId, seq, tokens: messageTokens, createdAt: createdAt.toISOString() }];
}
