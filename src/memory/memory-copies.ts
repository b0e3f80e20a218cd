import type { Database } from '../database/database.js';
import { contentKey, normalized } from '../recall/recall-rows.js';
import type { MemoryEntry } from './memory-entry.entity.js';
import * as sql from './memory-store.sql.js';

/** Of a tenant, which all of its contents share. */
const LOCKS = 128n;

/** What is left to store, and what the caller gets for each memory that he gave. */
export interface FoldedMemories {
  /** In the order given: new memories, and for a copy the memory that said it first. */
  readonly entries: MemoryEntry[];
  /** Those of them that are to be stored. */
  readonly fresh: MemoryEntry[];
}

/**
 * Finds the memories that say what another one of the same agent says already, stored or earlier in the list, and counts
 * them there. Belongs into a unit of work: until it ends nobody else folds the same contents.
 */
export async function foldCopies(
  database: Database,
  created: readonly MemoryEntry[],
): Promise<FoldedMemories> {
  const [first] = created;
  if (!first) return { entries: [], fresh: [] };
  const { tenantId } = first;
  const keys = created.map(({ agentId, content }) => contentKey(tenantId, agentId, content));
  await database.query(sql.LOCK_CONTENTS, [[...new Set(keys.map((key) => lockOf(tenantId, key)))]]);
  const found = await database.query<MemoryEntry>(sql.FIND_COPIES, [tenantId, keys]);
  // One that was retracted while we waited for its row is out of recall, and so would be what is counted there.
  const stored = found.filter(({ retractedAt }) => retractedAt === null);
  const known = new Map(stored.toReversed().map((entry) => [identity(entry), entry]));
  const more = new Map<string, number>();
  const fresh: MemoryEntry[] = [];
  const entries = created.map((entry) => {
    const before = known.get(identity(entry));
    if (before) {
      before.copies += 1;
      more.set(before.memoryId, (more.get(before.memoryId) ?? 0) + 1);
      return before;
    }
    known.set(identity(entry), entry);
    fresh.push(entry);
    return entry;
  });
  const counted = stored.filter(({ memoryId }) => more.has(memoryId));
  if (counted.length > 0)
    await database.query(sql.COUNT_COPIES, [
      tenantId,
      counted.map(({ memoryId }) => memoryId),
      counted.map(({ memoryId }) => more.get(memoryId)),
    ]);
  return { entries, fresh };
}

/**
 * A lock for many contents. PostgreSQL has room for some 10,000 locks, of all its transactions together, and a batch
 * has up to 1,000 contents.
 */
function lockOf(tenantId: string, key: string): string {
  const ofTenant = BigInt(contentKey(tenantId, '', ''));
  return BigInt.asIntN(
    64,
    ofTenant - (ofTenant % LOCKS) + (BigInt.asUintN(64, BigInt(key)) % LOCKS),
  ).toString();
}

function identity({ agentId, content }: MemoryEntry): string {
  return JSON.stringify([agentId, normalized(content)]);
}
