import { Idempotency } from '../tenancy/idempotency.js';
import type { PrunedRows } from './checkpoint-pruning.js';
import { problemOf, type OperatorRoom, type Problem } from './operator-room.js';
import { SessionStore } from './session-store.js';

const PAGE = 500;

export interface PruneRequest {
  /** None: every thread of the tenant. */
  readonly threadIds: readonly string[];
  /** Checkpoints that stay of each thread, the newest. */
  readonly keep: number;
}

export interface PruneAnswer extends PrunedRows {
  threads: number;
  failed: number;
  problems: Problem[];
}

/** Drops all but the newest checkpoints of threads; one that fails is told, and the others go on. */
export async function pruneThreads(
  room: OperatorRoom,
  { threadIds, keep }: PruneRequest,
): Promise<PruneAnswer> {
  const { database, tenants, counter, audit } = room;
  const store = new SessionStore(database, tenants, counter, audit, new Idempotency(database, tenants));
  const answer = { threads: 0, checkpoints: 0, writes: 0, blobs: 0, messages: 0, failed: 0 };
  const problems: Problem[] = [];
  for await (const threadId of threadIds.length > 0 ? threadIds : threadsOf(store)) {
    answer.threads += 1;
    try {
      const pruned = await store.prune(threadId, { keep });
      for (const kind of ['checkpoints', 'writes', 'blobs', 'messages'] as const)
        answer[kind] += pruned[kind];
    } catch (error) {
      answer.failed += 1;
      problems.push(problemOf(room, threadId, error));
    }
  }
  return { ...answer, problems };
}

async function* threadsOf(store: SessionStore): AsyncGenerator<string> {
  let cursor: string | null = null;
  do {
    const page: Awaited<ReturnType<SessionStore['listSessions']>> = await store.listSessions({
      limit: PAGE,
      ...(cursor !== null && { cursor }),
    });
    for (const { threadId } of page.sessions) yield threadId;
    cursor = page.nextCursor;
  } while (cursor !== null);
}
