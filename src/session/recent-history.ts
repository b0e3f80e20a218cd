import type { Database } from '../database/database.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { toOpenAI, type MessageBody } from './message-codec.js';
import { countAnew, type CountedRow } from './message-count.js';
import type { StoredMessage } from './message.js';
import { READ_RECENT } from './recent-history.sql.js';

/** What a working context may need of a thread. */
export interface RecentHistory {
  /** The thread's life that this is of; undefined when it has none. */
  readonly sessionId: string | undefined;
  /** Oldest first: the instructions at the head, the newest message of the user, and the newest messages. */
  readonly messages: StoredMessage[];
  /** Messages of the thread that are not among them. */
  readonly unread: number;
  /** What was said before, in short, where somebody wrote that. */
  readonly summary: { readonly text: string; readonly throughSeq: number } | undefined;
}

/** Tokens of the shortest message, by `countMessage`: its overhead, and its role. */
const SMALLEST_MESSAGE = 4;
/** Rows to look at in any case, for the newest message of the user. */
const FEWEST_ROWS = 1_000;

type Row = MessageBody &
  CountedRow & {
    readonly sessionId: string;
    readonly messageCount: number;
    readonly summary: string | null;
    readonly throughSeq: number;
    readonly seq: number;
    readonly messageId: string | null;
    readonly createdAt: Date;
  };

/**
 * The newest messages of a thread until they have more than `enough` tokens, and what else a context must not miss, in one
 * statement, whatever the length of the thread. A thread without a session has none.
 */
export async function readRecentHistory(
  { database, counter }: { database: Database; counter: TokenCounter },
  { tenantId, threadId, enough }: { tenantId: string; threadId: string; enough: number },
): Promise<RecentHistory> {
  const rows = await database.query<Row>(READ_RECENT, [
    tenantId,
    threadId,
    enough,
    FEWEST_ROWS + Math.ceil(enough / SMALLEST_MESSAGE),
  ]);
  const [first] = rows;
  if (!first) return { sessionId: undefined, messages: [], unread: 0, summary: undefined };
  const found = first.messageId === null ? [] : rows;
  await countAnew(counter, found);
  const messages = found.map(({ messageId, format, body, seq, tokens, createdAt }) => ({
    ...toOpenAI({ format, body } as MessageBody),
    id: messageId as string,
    seq,
    tokens,
    createdAt: createdAt.toISOString(),
  }));
  return {
    sessionId: first.sessionId,
    messages: messages.sort((a, b) => a.seq - b.seq),
    unread: Math.max(0, first.messageCount - messages.length),
    summary: first.summary === null ? undefined : { text: first.summary, throughSeq: first.throughSeq },
  };
}
