import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import type { MemoryFilter } from '../src/memory/memory-filter.js';
import { conditionOf } from '../src/memory/memory-search.js';
import { lexicalCandidates } from '../src/recall/candidates.sql.js';
import { parametersOf, restrictionFrom } from '../src/recall/recall-condition.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { filterableMemory, insertFilterable } from './support/filterable-memories.js';
import { asSuperuser } from './support/superuser.js';

const ROWS = 9_000;
const TENANTS = ['acme', 'globex'];

/** Each with the index that tells of the memories, and how many it does. */
const FILTERS: readonly (readonly [index: string, told: number, filter: MemoryFilter])[] = [
  ['memory_facts_pkey', 10, { 'metadata.rare': 7 }],
  ['memory_facts_pkey', 60, { 'metadata.trip.city': { in: ['city-3', 'nowhere'] } }],
  ['memory_facts_pkey', 90, { 'metadata.tags': 'tag-3' }],
  ['memory_facts_pkey', 51, { 'metadata.n': { gte: 4_000, lte: 4_050 } }],
  ['memory_facts_pkey', 120, { 'metadata.trip.city': { gte: 'city-140', lt: 'city-141!' } }],
  ['memory_facts_pkey', 20, { 'metadata.marked': { exists: true } }],
  ['memory_facts_pkey', 10, { 'metadata.n': { gte: 0 }, 'metadata.rare': 7 }],
  ['agent_memories_newest_of_agent', 0, { agentId: 'nobody' }],
  ['recall_documents_agent', 0, { agentId: { gt: 'agent-3' } }],
  ['recall_documents_place', 50, { threadId: 'thread-7' }],
  ['recall_documents_place', 10, { threadId: 'thread-7', seq: { gte: 10, lt: 20 } }],
  ['recall_documents_place', 50, { threadId: { gte: 'thread-99' } }],
  ['recall_documents_speaker', 90, { speaker: 'speaker-5' }],
  ['recall_documents_speaker', 90, { speaker: { gt: 'speaker-98' } }],
  ['recall_documents_role', 23, { role: 'tool' }],
  ['recall_documents_seq', 180, { seq: 7 }],
  ['recall_documents_occurred', 60, { occurredAt: { gte: '2026-01-02', lt: '2026-01-02T01:00' } }],
  ['agent_memories_newest', 60, { createdAt: { gte: '2026-01-02', lt: '2026-01-02T01:00' } }],
  ['agent_memories_changed', 60, { updatedAt: { gte: '2026-01-02', lt: '2026-01-02T01:00' } }],
];

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Subplan Name'?: string;
  'Actual Loops': number;
  'Actual Rows': number;
  Plans?: PlanNode[];
}

describeOnEachEngine('the plan of a search with a filter', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  const tenants = new TenantContext();

  beforeAll(async () => {
    home = await createDatabase();
    const options = checkOptions({ database: home.settings });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
    for (const tenant of TENANTS)
      for (let first = 0; first < ROWS; first += 1_000) {
        const memories = Array.from({ length: 1_000 }, (_, i) => filterableMemory(uuidv7(), first + i));
        await tenants.run(tenant, () => insertFilterable(database, tenant, memories));
      }
    await asSuperuser(home, database, 'VACUUM ANALYZE');
  });
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  /** What ran of a search for a word, as the role of requests. */
  async function planOf(filter: MemoryFilter): Promise<PlanNode[]> {
    const condition = conditionOf({ filter });
    const sql = lexicalCandidates(restrictionFrom(8, condition));
    const [row] = await tenants.run('acme', () =>
      database.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(`EXPLAIN (ANALYZE, FORMAT JSON) ${sql}`, [
        'acme',
        ['word'],
        [1],
        20,
        200,
        'test/1536',
        null,
        ...parametersOf(condition),
      ]),
    );
    return row ? [...nodesOf(row['QUERY PLAN'][0].Plan)].filter((node) => node['Actual Loops'] > 0) : [];
  }

  it.each(FILTERS)('reads %s, %i rows of it, for %j', async (index, told, filter) => {
    const nodes = await planOf(filter);
    expect(nodes.find((node) => node['Subplan Name'] === 'CTE told')?.['Actual Rows']).toBe(told);
    expect(nodes.map((node) => node['Index Name'])).toContain(index);
    // Nothing is read from end to end: what an index does not find is looked up by its key, with up to four neighbours.
    const scanned = nodes.filter(
      (node) => node['Node Type'] === 'Seq Scan' && node['Relation Name'] !== 'recall_corpus',
    );
    expect(scanned).toEqual([]);
    const rows = nodes
      .filter((node) => /agent_memories|recall_documents/.test(node['Relation Name'] ?? ''))
      .map((node) => node['Actual Loops'] * node['Actual Rows']);
    expect(Math.max(0, ...rows)).toBeLessThanOrEqual(5 * told);
  });

  it('reads no more of an index than a sixteenth of the tenant', async () => {
    const filters: MemoryFilter[] = [{ 'metadata.n': { gte: 0 } }, { agentId: 'agent-1' }, { role: 'user' }];
    for (const filter of filters) {
      const nodes = await planOf(filter);
      const told = nodes.find((node) => node['Subplan Name'] === 'CTE told');
      expect(told?.['Actual Rows']).toBe(Math.round(ROWS / 16));
      expect(nodes.some((node) => node['Subplan Name'] === 'CTE allowed' && node['Actual Rows'] > 0)).toBe(
        false,
      );
    }
  });
});

function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}
