import type { Database } from '../database/database.js';
import type { Candidate } from '../recall/candidate.js';
import type { RecallRequest } from '../recall/candidate-search.js';
import type { Recall, Recalled } from '../recall/recall.js';
import type { RecallCondition } from '../recall/recall-condition.js';
import { joined, type SqlPart } from '../recall/sql-part.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import type { FoundMemories, MemoryEntry, ScoredMemory } from './memory-entry.entity.js';
import type { MemoryFilter } from './memory-filter.js';
import type { MemoryQuery } from './memory-query.js';
import { compileFilter } from './memory-filter.sql.js';
import { compileLookup } from './memory-lookup.sql.js';
import { COUNTED_ENTRY, READ_MEMORIES, READ_MEMORIES_AS_OF, revisionsAt } from './memory-store.sql.js';

/** Finds memories, and reads those that are best. */
export class MemorySearch {
  constructor(
    private readonly database: Database,
    private readonly recall: Recall,
    private readonly tenants: TenantContext,
    /** In which the tokens of a memory are told. */
    private readonly encoding: string,
  ) {}

  async find(query: string, { limit, mode, ...among }: MemoryQuery): Promise<FoundMemories> {
    const tenantId = this.tenants.require();
    const request = { tenantId, query, limit, mode, ...placesOf(among), entry: COUNTED_ENTRY };
    const recalled = await this.recall.find(request);
    const { exhaustive, degraded } = recalled;
    return { results: await this.read(recalled, among.asOf), exhaustive, degraded: [...degraded] };
  }

  /** What was found, in its order, without what was deleted meanwhile. */
  async read(
    { ranked, candidates }: Pick<Recalled, 'ranked' | 'candidates'>,
    asOf?: Date,
  ): Promise<ScoredMemory[]> {
    const known = new Map<string, MemoryEntry>(
      asOf ? [] : candidates.filter(hasEntry).map((row) => [row.memoryId, row]),
    );
    const missing = ranked.map(({ memoryId }) => memoryId).filter((memoryId) => !known.has(memoryId));
    const entries =
      missing.length === 0
        ? []
        : await this.database.query<MemoryEntry>(asOf ? READ_MEMORIES_AS_OF : READ_MEMORIES, [
            this.tenants.require(),
            missing,
            ...(asOf ? [asOf] : []),
          ]);
    for (const entry of entries) known.set(entry.memoryId, entry);
    return ranked.flatMap(({ memoryId, score, lexical, semantic }) => {
      const row = known.get(memoryId);
      if (!row) return [];
      const tokens = row.tokenEncoding === this.encoding ? row.tokens : undefined;
      return [
        { memory: entryOf(row), score, scores: { lexical, semantic }, ...(tokens != null && { tokens }) },
      ];
    });
  }
}

/** Whether the memory was read along with its candidate. */
function hasEntry(row: Candidate & Partial<MemoryEntry>): row is Candidate & MemoryEntry {
  return typeof row.content === 'string';
}

/** The memory alone. */
function entryOf(row: MemoryEntry): MemoryEntry {
  const { tenantId, memoryId, agentId, content, metadata, source, createdAt, updatedAt } = row;
  const { revision, storedBy, copies, retractedAt, embeddingStatus } = row;
  return {
    ...{ tenantId, memoryId, agentId, content, metadata, source, createdAt, updatedAt },
    ...{ revision, storedBy, copies, retractedAt, embeddingStatus },
  };
}

/** Where recall looks for memories. */
export function placesOf({
  asOf,
  ...among
}: Pick<MemoryQuery, 'agentId' | 'filter' | 'asOf'>): Pick<RecallRequest, 'condition' | 'places'> {
  const condition = conditionOf(among);
  if (!asOf) return { condition };
  const unchanged: SqlPart = {
    text: (parameter) => `m.updated_at <= $${parameter}::timestamptz`,
    values: [asOf],
  };
  const scanned: SqlPart = {
    text: (parameter) => revisionsAt(`$${parameter}::timestamptz`, condition?.text(parameter + 1)),
    values: [asOf, ...(condition?.values ?? [])],
  };
  return {
    condition: {
      ...((condition && joined([unchanged, condition], ' AND ')) ?? unchanged),
      lookup: condition?.lookup,
    },
    places: { scanned },
  };
}

/** One condition of everything that a search is restricted to, on a row `m`. */
export function conditionOf({
  agentId,
  filter,
}: Pick<MemoryQuery, 'agentId' | 'filter'>): RecallCondition | undefined {
  const filters = [
    ...(agentId === undefined ? [] : [{ agentId }]),
    // By itself, since an error names its place in the filter as it was sent.
    ...(filter === undefined ? [] : [filter]),
  ];
  const condition = joined(filters.map(partOf), ' AND ');
  return (
    condition && {
      ...condition,
      lookup: compileLookup(filters),
      ...(filter === undefined && { agentId }),
    }
  );
}

function partOf(filter: MemoryFilter): SqlPart {
  const { values } = compileFilter(filter);
  return { text: (firstParameter) => compileFilter(filter, { firstParameter }).text, values };
}
