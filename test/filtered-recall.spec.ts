import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { checkOptions } from '../src/config/load-options.js';
import { halfvec } from '../src/database/binary-parameters.js';
import { Database } from '../src/database/database.js';
import type { MemoryFilter } from '../src/memory/memory-filter.js';
import { compileFilter } from '../src/memory/memory-filter.sql.js';
import { conditionOf } from '../src/memory/memory-search.js';
import { nearestMemoriesWhere } from '../src/recall/nearest-memories.sql.js';
import { parametersOf, restrictionFrom, type Restriction } from '../src/recall/recall-condition.js';
import { MEMORIES } from '../src/recall/restriction.sql.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { filterableMemory, insertFilterable } from './support/filterable-memories.js';
import { chunksOf, insertChunks, searchParameters } from './support/stored-chunks.js';
import { asSuperuser } from './support/superuser.js';
import { DIMENSIONS, VECTORS } from './support/vectors.js';

const ROWS = 1_800;
const ASKED = 8;
const MODEL = `test/${DIMENSIONS}`;
const KINDS = ['in clusters', 'along few axes'];
const tenantOf = (kind: string): string => kind.replaceAll(' ', '-');

/** How many memories each filter leaves. */
const FILTERS: readonly (readonly [left: number, filter: MemoryFilter])[] = [
  [0, { 'metadata.rare': 'nobody' }],
  [2, { 'metadata.rare': 7 }],
  [2, { 'metadata.rare': 7, speaker: { exists: true }, 'metadata.n': { gte: 0 } }],
  [18, { 'metadata.tags': 'tag-3' }],
  [18, { not: { 'metadata.tags': { ne: 'tag-3' } } }],
  [18, { 'metadata.n': { gte: 900, lt: 918 } }],
  [36, { or: [{ speaker: 'speaker-5' }, { 'metadata.tags': 'tag-3' }] }],
  [60, { agentId: 'agent-1', 'metadata.tenth': '3' }],
  [180, { 'metadata.tenth': { in: ['3', 'none'] } }],
  [600, { agentId: 'agent-1' }],
  [900, { 'metadata.n': { lt: 900 } }],
  [1_798, { 'metadata.rare': { ne: 7 } }],
];

interface Found {
  memoryId: string;
  distance: number;
  exhaustive?: boolean;
}

describeOnEachEngine('filtered recall', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  const tenants = new TenantContext();

  beforeAll(async () => {
    home = await createDatabase();
    const options = checkOptions({ database: home.settings });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
    for (const kind of KINDS) {
      const tenant = tenantOf(kind);
      const chunks = chunksOf((await VECTORS[kind]?.(ROWS, 'stored')) ?? []);
      await tenants.run(tenant, () => insertChunks(database, tenant, MODEL, chunks));
      const memories = chunks.map(({ memoryId }, n) => filterableMemory(memoryId, n));
      await tenants.run(tenant, () => insertFilterable(database, tenant, memories));
    }
    await asSuperuser(home, database, 'VACUUM ANALYZE');
  });
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  const as = (tenant: string, sql: string, parameters: unknown[]): Promise<Found[]> =>
    tenants.run(tenant, () => database.query<Found & Record<string, unknown>>(sql, parameters));

  /** Of all that match. */
  const exact = (tenant: string, vector: number[], most: number, filter: MemoryFilter): Promise<Found[]> => {
    const { text, values } = compileFilter(filter, { firstParameter: 5 });
    return as(
      tenant,
      `SELECT e.memory_id AS "memoryId", e.embedding <=> $3 AS distance
         FROM shared.memory_embeddings e JOIN ${MEMORIES} USING (tenant_id, memory_id)
        WHERE e.tenant_id = $1 AND e.model = $2 AND ${text} ORDER BY 2, 1 DESC LIMIT $4`,
      [tenant, MODEL, halfvec(vector), most, ...values],
    );
  };

  it.each(KINDS.flatMap((kind) => FILTERS.map(([left, filter]) => ({ kind, left, filter }))))(
    'finds the nearest $kind among the $left that $filter leaves',
    async ({ kind, left, filter }) => {
      const tenant = tenantOf(kind);
      const condition = conditionOf({ filter });
      const restriction = restrictionFrom(6, condition) as Restriction;
      const asked = (await VECTORS[kind]?.(ASKED, 'asked')) ?? [];
      const all = await exact(tenant, asked[0] ?? [], ROWS, filter);
      const ids = new Set(all.map(({ memoryId }) => memoryId));
      expect(all).toHaveLength(left);
      let share = 0;
      for (const vector of asked) {
        const expected = await exact(tenant, vector, 10, filter);
        const found = await as(tenant, nearestMemoriesWhere(restriction), [
          ...searchParameters(tenant, MODEL, vector, 10),
          ...parametersOf(condition),
        ]);
        expect(found).toHaveLength(Math.min(left, 10));
        expect(found.filter(({ memoryId, exhaustive }) => !ids.has(memoryId) || !exhaustive)).toEqual([]);
        const farthest = (expected.at(-1)?.distance ?? 0) + 1e-9;
        const near = found.filter(({ distance }) => distance <= farthest);
        share += left === 0 ? 1 : near.length / expected.length;
      }
      expect(share / ASKED).toBeGreaterThanOrEqual(0.99);
    },
  );
});
