import type { TriptychClient } from './client.js';
import { listMemories, listReceipts, listSessions, readMessages } from './generated/sdk.gen.js';
import type {
  ListMemoriesData,
  ListReceiptsData,
  ListSessionsData,
  MemoryEntry,
  ReceiptSummary,
  SessionSummary,
  StoredMessage,
} from './generated/types.gen.js';

interface Walk<Query> {
  readonly client: TriptychClient;
  /** As of the operation; `limit` is the size of a page. */
  readonly query?: Omit<Query, 'cursor' | 'before'>;
  readonly signal?: AbortSignal;
}

/** Every thread of the tenant, the last changed first, page by page as they are taken. */
export async function* eachSession({
  client,
  query,
  signal,
}: Walk<NonNullable<ListSessionsData['query']>>): AsyncGenerator<SessionSummary, void> {
  yield* pages(async (cursor) => {
    const { data } = await listSessions({ client, query: { ...query, ...cursor }, ...signalOf(signal) });
    return { items: data.sessions, nextCursor: data.nextCursor };
  });
}

/** Every memory that the query admits, newest first. */
export async function* eachMemory({
  client,
  query,
  signal,
}: Walk<NonNullable<ListMemoriesData['query']>>): AsyncGenerator<MemoryEntry, void> {
  yield* pages(async (cursor) => {
    const { data } = await listMemories({ client, query: { ...query, ...cursor }, ...signalOf(signal) });
    return { items: data.memories, nextCursor: data.nextCursor };
  });
}

/** The receipts of the compiles of a thread, newest first. */
export async function* eachReceipt({
  client,
  query,
  signal,
}: Required<Pick<Walk<ListReceiptsData['query']>, 'query'>> &
  Walk<ListReceiptsData['query']>): AsyncGenerator<ReceiptSummary, void> {
  yield* pages(async (cursor) => {
    const { data } = await listReceipts({ client, query: { ...query, ...cursor }, ...signalOf(signal) });
    return { items: data.receipts, nextCursor: data.nextCursor };
  });
}

/**
 * The messages of a thread from the newest to the first. Those that are appended meanwhile are left out.
 * @throws TriptychProblem `not_found` (404) where there is no such thread
 */
export async function* eachMessage({
  client,
  threadId,
  pageSize,
  signal,
}: {
  readonly client: TriptychClient;
  readonly threadId: string;
  readonly pageSize?: number;
  readonly signal?: AbortSignal;
}): AsyncGenerator<StoredMessage, void> {
  const limit = pageSize === undefined ? {} : { limit: pageSize };
  let before: number | null | undefined;
  do {
    const query = { ...limit, ...(typeof before === 'number' && { before }) };
    const { data } = await readMessages({ client, path: { threadId }, query, ...signalOf(signal) });
    yield* data.messages.reverse();
    before = data.nextBefore;
  } while (before !== null);
}

async function* pages<Item>(
  read: (cursor: { cursor?: string }) => Promise<{ items: Item[]; nextCursor: string | null }>,
): AsyncGenerator<Item, void> {
  let cursor: string | null = null;
  do {
    const page = await read(cursor === null ? {} : { cursor });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== null);
}

function signalOf(signal: AbortSignal | undefined): { signal?: AbortSignal } {
  return signal ? { signal } : {};
}
