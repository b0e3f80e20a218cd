import type { Database } from '../database/database.js';
import type { RecallMode } from '../recall/rank.js';
import type { Recall, RecallCondition } from '../recall/recall.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import type { FoundMemories, MemoryEntry } from './memory-entry.entity.js';
import type { MemoryFilter } from './memory-filter.js';
import { compileFilter, type CompiledFilter } from './memory-filter.sql.js';
import { READ_MEMORIES } from './memory-store.sql.js';

export interface MemoryQuery {
  readonly limit: number;
  readonly agentId?: string;
  readonly filter?: MemoryFilter;
  readonly mode?: RecallMode;
}

/** Finds memories, and reads those that are best. */
export class MemorySearch {
  constructor(
    private readonly database: Database,
    private readonly recall: Recall,
    private readonly tenants: TenantContext,
  ) {}

  async find(
    query: string,
    { limit, mode = 'hybrid', ...restrictions }: MemoryQuery,
  ): Promise<FoundMemories> {
    const tenantId = this.tenants.require();
    const condition = conditionOf(restrictions);
    const { ranked, exhaustive } = await this.recall.find({ tenantId, query, limit, mode, condition });
    const entries =
      ranked.length === 0
        ? []
        : await this.database.query<MemoryEntry>(READ_MEMORIES, [
            tenantId,
            ranked.map(({ memoryId }) => memoryId),
          ]);
    const known = new Map(entries.map((entry) => [entry.memoryId, entry]));
    const results = ranked.flatMap(({ memoryId, score, lexical, semantic }) => {
      // It may have been deleted since it was found.
      const memory = known.get(memoryId);
      return memory ? [{ memory, score, scores: { lexical, semantic } }] : [];
    });
    return { results, exhaustive };
  }
}

/** One condition of everything that a search is restricted to. */
function conditionOf({
  agentId,
  filter,
}: Pick<MemoryQuery, 'agentId' | 'filter'>): RecallCondition | undefined {
  const filters = [
    ...(agentId === undefined ? [] : [{ agentId }]),
    ...(filter === undefined ? [] : [filter]),
  ];
  if (filters.length === 0) return undefined;
  // Each by itself: an error names its place in the filter as it was sent.
  const compile = (firstParameter: number): readonly CompiledFilter[] => {
    let next = firstParameter;
    return filters.map((each) => {
      const compiled = compileFilter(each, { firstParameter: next });
      next += compiled.values.length;
      return compiled;
    });
  };
  return {
    text: (firstParameter) =>
      compile(firstParameter)
        .map(({ text }) => text)
        .join(' AND '),
    values: compile(1).flatMap(({ values }) => values),
  };
}
