import type { Database } from '../database/database.js';
import { NotFoundError } from '../errors.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import type { MemoryEntry, MemoryRevision } from './memory-entry.entity.js';
import { READ_HISTORY } from './memory-store.sql.js';

/** What memories were before they changed. */
export class MemoryHistory {
  constructor(
    private readonly database: Database,
    private readonly tenants: TenantContext,
  ) {}

  /** Every revision of a memory, newest first; none when there is no such memory. */
  of(memoryId: string): Promise<MemoryRevision[]> {
    return this.database.query<MemoryRevision>(READ_HISTORY, [this.tenants.require(), memoryId]);
  }

  /**
   * A memory as it was at a moment, in UTC.
   * @throws NotFoundError when it was not stored yet
   */
  async entryAsOf(entry: MemoryEntry, asOf: Date): Promise<MemoryEntry> {
    const revisions = await this.of(entry.memoryId);
    const then = revisions.find(
      ({ validFrom, validTo }) => validFrom <= asOf && (!validTo || asOf < validTo),
    );
    if (!then) throw new NotFoundError('memory');
    return asEntry(entry, then, revisions);
  }
}

/** A revision in the shape of the memory that it was. */
function asEntry(
  entry: MemoryEntry,
  then: MemoryRevision,
  revisions: readonly MemoryRevision[],
): MemoryEntry {
  const { revision, content, metadata, source, storedBy, retracted, validFrom } = then;
  // Revisions of one state follow each other: it began with the first of them.
  const before = revisions.filter((each) => each.revision <= revision);
  const end = before.findIndex((each) => !each.retracted);
  const began = before[end < 0 ? before.length - 1 : end - 1];
  return Object.assign({}, entry, {
    revision,
    content,
    metadata,
    source,
    storedBy,
    updatedAt: validFrom,
    retractedAt: retracted ? (began ?? then).validFrom : null,
  });
}
