// Over 200 lines: one set of vectors, asked in every way.
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { checkOptions } from '../src/config/load-options.js';
import { halfvec } from '../src/database/binary-parameters.js';
import { Database } from '../src/database/database.js';
import { checkIsolation } from '../src/database/isolation-check.js';
import { NEAREST_FUNCTIONS, nearestFunctions } from '../migrations/ddl/nearest-memories.js';
import { NEAREST_MEMORIES, NEAREST_MEMORIES_OF_AGENT } from '../src/recall/nearest-memories.sql.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { chunksOf, insertChunks, searchParameters, type Chunk } from './support/stored-chunks.js';
import { asSuperuser } from './support/superuser.js';
import { DIMENSIONS, VECTORS } from './support/vectors.js';

const ROWS = 1_200;
const ASKED = 25;
const MODEL = `test/${DIMENSIONS}`;
const AMONG = `SELECT * FROM shared.nearest_memories_among($1, $2, $3, $4, $5, $6::text[], $7::uuid[])`;
const KINDS = Object.keys(VECTORS);
/** A tenant for each kind of vectors. */
const tenantOf = (kind: string): string => kind.replaceAll(' ', '-');
const vectorsOf = (kind: string, count: number, use: 'stored' | 'asked') =>
  VECTORS[kind]?.(count, use) ?? Promise.resolve([]);

interface Found {
  memoryId: string;
  distance: number;
  exhaustive?: boolean;
}

describeOnEachEngine('the nearest memories', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  const tenants = new TenantContext();
  const stored = new Map<string, Chunk[]>();

  beforeAll(async () => {
    home = await createDatabase();
    const options = checkOptions({ database: home.settings });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
    for (const kind of KINDS) await store(tenantOf(kind), chunksOf(await vectorsOf(kind, ROWS, 'stored')));
    const clustered = vectorsStored('in-clusters');
    // All chunks of a memory from one cluster.
    const sorted = clustered.map((_, i) => clustered[((i * 15) % ROWS) + Math.floor((i * 15) / ROWS)] ?? []);
    await store('long-texts', chunksOf(sorted, 60));
    await store('seven', chunksOf(clustered.slice(0, 7)));
    await run('VACUUM ANALYZE shared.memory_embeddings');
  });
  afterEach(() => run(...NEAREST_FUNCTIONS));
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  const run = async (...statements: readonly string[]): Promise<void> => {
    await asSuperuser(home, database, statements.join(';'));
  };
  const as = (tenant: string, sql: string, parameters: unknown[]): Promise<Found[]> =>
    tenants.run(tenant, () => database.query<Found & Record<string, unknown>>(sql, parameters));
  const store = async (tenant: string, chunks: Chunk[], model = MODEL): Promise<void> => {
    await tenants.run(tenant, () => insertChunks(database, tenant, model, chunks));
    stored.set(tenant, [...(stored.get(tenant) ?? []), ...chunks]);
  };
  const memoriesOf = (tenant: string): string[] => [
    ...new Set((stored.get(tenant) ?? []).map(({ memoryId }) => memoryId)),
  ];
  const vectorsStored = (tenant: string): number[][] =>
    (stored.get(tenant) ?? []).map(({ vector }) => vector);
  const nearest = (tenant: string, vector: number[], most: number): Promise<Found[]> =>
    as(tenant, NEAREST_MEMORIES, searchParameters(tenant, MODEL, vector, most));
  const exact = (tenant: string, vector: number[], most: number, condition = 'true'): Promise<Found[]> =>
    as(
      tenant,
      `SELECT memory_id AS "memoryId", min(embedding <=> $3) AS distance FROM shared.memory_embeddings
        WHERE tenant_id = $1 AND model = $2 AND ${condition} GROUP BY 1 ORDER BY 2, 1 DESC LIMIT $4`,
      [tenant, MODEL, halfvec(vector), most],
    );

  /** The share of what an exact scan finds; how many are found, and in which order, must be as there. */
  function recall(found: readonly Found[], expected: readonly Found[]): number {
    const farthest = expected.at(-1)?.distance ?? 0;
    const distances = found.map(({ distance }) => distance);
    expect(found).toHaveLength(expected.length);
    expect(distances).toEqual(distances.toSorted((a, b) => a - b));
    expect(new Set(found.map(({ memoryId }) => memoryId)).size).toBe(found.length);
    // Nothing can be nearer than what is nearest.
    for (const [i, { distance }] of expected.entries())
      expect(distances[i]).toBeGreaterThanOrEqual(distance - 1e-9);
    return distances.filter((distance) => distance <= farthest + 1e-9).length / expected.length;
  }

  async function averageRecall(kind: string, ask: (vector: number[]) => Promise<[Found[], Found[]]>) {
    const recalls: number[] = [];
    for (const vector of await vectorsOf(kind, ASKED, 'asked')) recalls.push(recall(...(await ask(vector))));
    return recalls.reduce((sum, value) => sum + value, 0) / recalls.length;
  }

  it.each(KINDS)('of vectors %s are those of an exact scan', async (kind) => {
    const tenant = tenantOf(kind);
    const own = new Set(memoriesOf(tenant));
    const average = await averageRecall(kind, async (vector) => {
      const found = await nearest(tenant, vector, 10);
      expect(found.filter(({ memoryId, exhaustive }) => !own.has(memoryId) || !exhaustive)).toEqual([]);
      return [found, await exact(tenant, vector, 10)];
    });
    expect(average).toBeGreaterThanOrEqual(0.99);
  });

  it.each([1, 100])('are found when %i are asked for', async (most) => {
    const average = await averageRecall('along few axes', async (vector) => [
      await nearest('along-few-axes', vector, most),
      await exact('along-few-axes', vector, most),
    ]);
    expect(average).toBeGreaterThanOrEqual(0.99);
  });

  it('of one agent are those of an exact scan of its memories', async () => {
    const average = await averageRecall('along few axes', async (vector) => [
      await as('along-few-axes', NEAREST_MEMORIES_OF_AGENT, [
        ...searchParameters('along-few-axes', MODEL, vector, 10),
        'agent-1',
      ]),
      await exact('along-few-axes', vector, 10, `agent_id = 'agent-1'`),
    ]);
    expect(average).toBeGreaterThanOrEqual(0.99);
  });

  it.each([0, 3, 600, ROWS])('among %i of them are those of an exact scan of these', async (count) => {
    const tenant = 'of-near-duplicates';
    const some = (stored.get(tenant) ?? []).slice(0, count);
    const agents = some.map(({ agentId }) => agentId);
    const ids = some.map(({ memoryId }) => memoryId);
    const average = await averageRecall('of near duplicates', async (vector) => [
      await as(tenant, AMONG, [...searchParameters(tenant, MODEL, vector, 10), agents, ids]),
      await exact(tenant, vector, 10, `memory_id IN ('${[...ids, crypto.randomUUID()].join(`','`)}')`),
    ]);
    if (count > 0) expect(average).toBeGreaterThanOrEqual(0.99);
  });

  it('are never of another tenant, whoever is named', async () => {
    const [vector = []] = await vectorsOf('in clusters', 1, 'stored');
    const parameters = searchParameters('in-clusters', MODEL, vector, 10);
    const other = (stored.get('in-clusters') ?? []).slice(0, 5);
    const named = [other.map(({ agentId }) => agentId), other.map(({ memoryId }) => memoryId)];
    expect(await as('seven', NEAREST_MEMORIES, parameters)).toEqual([]);
    expect(await as('seven', NEAREST_MEMORIES_OF_AGENT, [...parameters, 'agent-0'])).toEqual([]);
    expect(await as('seven', AMONG, [...parameters, ...named])).toEqual([]);
    expect(await as('seven', AMONG, [...searchParameters('seven', MODEL, vector, 10), ...named])).toEqual([]);
    expect(await database.query(NEAREST_MEMORIES, parameters)).toEqual([]);
    expect(await as('in-clusters', NEAREST_MEMORIES, parameters)).toHaveLength(10);
  });

  it('are all there are where there are few, and none where there is none', async () => {
    const [vector = []] = await vectorsOf('in clusters', 1, 'asked');
    for (const most of [7, 8, 1_000, 2 ** 31]) {
      const found = await nearest('seven', vector, most);
      expect(found.every(({ exhaustive }) => exhaustive)).toBe(true);
      expect(recall(found, await exact('seven', vector, most))).toBe(1);
      expect(found).toHaveLength(7);
    }
    expect(await nearest('nobody', vector, 10)).toEqual([]);
    expect(await as('seven', NEAREST_MEMORIES, searchParameters('seven', 'other', vector, 10))).toEqual([]);
    expect(await nearest('in-clusters', vector, 10_000)).toHaveLength(ROWS);
  });

  it('are as many as asked for, however many chunks a memory has', async () => {
    const asked = await vectorsOf('in clusters', 5, 'asked');
    for (const vector of asked)
      for (const most of [1, 10, 20])
        expect(
          recall(await nearest('long-texts', vector, most), await exact('long-texts', vector, most)),
        ).toBe(1);
    await run(...nearestFunctions({ compared: 1, chunks: 60 }));
    for (const vector of asked)
      for (const most of [1, 10, 20]) expect(await nearest('long-texts', vector, most)).toHaveLength(most);
  });

  it('say so when not all that may be among them were compared', async () => {
    await run(...nearestFunctions({ compared: 100, chunks: 1 }));
    for (const vector of await vectorsOf('in random directions', 5, 'asked')) {
      const found = await nearest('in-random-directions', vector, 10);
      expect(found.map(({ exhaustive }) => exhaustive)).toEqual(Array(10).fill(false));
      const [clustered] = await nearest('in-clusters', vector, 1);
      expect(clustered).toBeDefined();
    }
    const [vector = []] = await vectorsOf('in clusters', 1, 'asked');
    const found = await nearest('in-clusters', vector, 10);
    expect(found.map(({ exhaustive }) => exhaustive)).toEqual(Array(10).fill(true));
  });

  it('of several models, each with its dimensions, stand side by side', async () => {
    const short = Array.from({ length: 600 }, (_, i) => [Math.cos(i), Math.sin(i), 0.5]);
    await store('two-models', chunksOf(short), 'short/3');
    await store('two-models', chunksOf(vectorsStored('in-random-directions').slice(0, 600)));
    const found = await as(
      'two-models',
      NEAREST_MEMORIES,
      searchParameters('two-models', 'short/3', [1, 0, 0.5], 10),
    );
    expect(found[0]).toMatchObject({ memoryId: memoriesOf('two-models')[0], exhaustive: true });
    const [vector = []] = await vectorsOf('in random directions', 1, 'asked');
    expect(recall(await nearest('two-models', vector, 10), await exact('two-models', vector, 10))).toBe(1);
  });

  it('are not hidden by vectors without a direction', async () => {
    const zeros = Array.from({ length: 200 }, () => Array<number>(DIMENSIONS).fill(0));
    await store('zeros', chunksOf([...zeros, ...vectorsStored('in-random-directions').slice(0, 300)]));
    const average = await averageRecall('in random directions', async (vector) => [
      await nearest('zeros', vector, 10),
      await exact('zeros', vector, 10),
    ]);
    expect(average).toBeGreaterThanOrEqual(0.99);
  });

  it('take the longest names that there are', async () => {
    const wide = { memoryId: crypto.randomUUID(), agentId: '語'.repeat(256), chunk: 0 };
    const vector = Array.from({ length: 4_000 }, (_, i) => Math.sin(i * i));
    const [tenant, model] = ['t'.repeat(128), 'm'.repeat(512)];
    await tenants.run(tenant, () => insertChunks(database, tenant, model, [{ ...wide, vector }]));
    const found = await as(tenant, NEAREST_MEMORIES, searchParameters(tenant, model, vector, 10));
    expect(found).toEqual([{ memoryId: wide.memoryId, distance: expect.closeTo(0, 6), exhaustive: true }]);
  });

  it('leave nothing to complain about in the isolation of tenants', async () => {
    await checkIsolation((sql, parameters) => database.query(sql, parameters));
    await run(`ALTER FUNCTION shared.nearest_memories SECURITY DEFINER`);
    await expect(checkIsolation((sql, parameters) => database.query(sql, parameters))).rejects.toThrow(
      /nearest_memories\(.*SECURITY DEFINER/,
    );
    await run(`ALTER FUNCTION shared.nearest_memories SECURITY INVOKER`);
  });
});
