import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { NEAREST_MEMORIES, NEAREST_MEMORIES_OF_AGENT } from '../src/recall/nearest-memories.sql.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { chunksOf, insertChunks, searchParameters } from './support/stored-chunks.js';
import { asSuperuser } from './support/superuser.js';
import { VECTORS } from './support/vectors.js';

const ROWS = 900;
const MODEL = 'test/1536';
const AMONG = `SELECT * FROM shared.nearest_memories_among($1, $2, $3, $4, $5, ARRAY['agent-1'], ARRAY[gen_random_uuid()])`;

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Heap Fetches'?: number;
  'Actual Loops': number;
  'Actual Rows': number;
  'One-Time Filter'?: string;
  'Parent Relationship'?: string;
  Plans?: PlanNode[];
}

/** `auto_explain`, which shows what runs inside of a function, is no part of the embedded engine. */
const describeOnPostgres = process.env['TEST_DATABASE_URL'] ? describe : describe.skip;

describeOnPostgres('the plan of a search for the nearest memories', () => {
  let home: TestDatabase;
  let database: Database;
  let session: pg.Client;
  let asked: number[];
  const notices: string[] = [];

  beforeAll(async () => {
    home = await postgres();
    const options = checkOptions({ database: home.settings });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant });
    session = new pg.Client(home.settings.url);
    await session.connect();
    session.on('notice', ({ message = '' }) => notices.push(message));
    await session.query(`
      LOAD 'auto_explain';
      SET auto_explain.log_min_duration = 0; SET auto_explain.log_nested_statements = on;
      SET auto_explain.log_analyze = on; SET auto_explain.log_format = json; SET client_min_messages = log;
      SET jit = on; SET jit_above_cost = 0`);
    [asked = []] = (await VECTORS['in clusters']?.(1, 'asked')) ?? [];
  });
  afterAll(async () => {
    await session.end();
    await database.close();
    await home.drop();
  });

  const vacuum = (): Promise<unknown> =>
    asSuperuser(home, database, 'VACUUM ANALYZE shared.memory_embeddings');

  /** What ran inside of a search, as the role of requests. */
  async function planOf(sql: string, ...more: unknown[]): Promise<{ nodes: PlanNode[]; text: string }> {
    await session.query('BEGIN');
    await session.query(
      `SELECT set_config('role', 'triptych_app', true), set_config('app.tenant_id', 'acme', true)`,
    );
    notices.length = 0;
    await session.query(sql, [...searchParameters('acme', MODEL, asked, 10), ...more]);
    await session.query('COMMIT');
    const text = notices.find((notice) => notice.includes('listed')) ?? '';
    const { Plan: root } = JSON.parse(text.slice(text.indexOf('{'))) as { Plan: PlanNode };
    return { nodes: [...nodesOf(root)], text };
  }

  const readsOf = (nodes: PlanNode[], type: string): PlanNode[] =>
    nodes.filter((node) => node['Node Type'] === type && node['Relation Name'] === 'memory_embeddings');
  /** Every table that it reads, read how. */
  const accesses = (nodes: PlanNode[]): string[] => [
    ...new Set(
      nodes.flatMap((node) => (node['Relation Name'] ? `${node['Node Type']} ${node['Index Name']}` : [])),
    ),
  ];

  it('looks each memory up, also where it was made when there was none', async () => {
    await vacuum();
    const { nodes } = await planOf(AMONG);
    const signs = readsOf(nodes, 'Index Only Scan').concat(
      readsOf(nodes, 'Index Scan').filter((node) => !node['Index Cond']?.includes('chunk')),
    );
    expect(signs).toHaveLength(2);
    for (const node of signs) expect(node['Index Cond']).toMatch(/tenant_id.*agent_id.*memory_id/);
  });

  it.each<[what: string, sql: string, more: unknown[], rows: number, condition: RegExp]>([
    ['a tenant', NEAREST_MEMORIES, [], ROWS, /^\(\(tenant_id = \$\d+\) AND \(model = \$\d+\)\)$/],
    [
      'an agent',
      NEAREST_MEMORIES_OF_AGENT,
      ['agent-0'],
      ROWS / 3,
      /^\(\(tenant_id = \$\d+\) AND \(agent_id = \$\d+\) AND \(model = \$\d+\)\)$/,
    ],
  ])(
    'reads the signs of %s from the index alone, once, and few vectors',
    async (_, sql, more, rows, condition) => {
      await load();
      const { nodes, text } = await planOf(sql, ...more);
      const [listed, far, ...others] = readsOf(nodes, 'Index Only Scan');
      expect(others).toEqual([]);
      expect(listed).toMatchObject({ 'Actual Rows': rows, 'Actual Loops': 1, 'Heap Fetches': 0 });
      expect(listed?.['Index Cond']).toMatch(condition);
      expect(far?.['Actual Loops']).toBe(0); // never executed: the list reached far enough

      const vectors = readsOf(nodes, 'Index Scan');
      for (const node of vectors)
        expect(node['Index Cond']).toMatch(/tenant_id.*agent_id.*memory_id.*chunk.*model/);
      const compared = vectors.reduce((sum, node) => sum + node['Actual Loops'], 0);
      expect(compared).toBeGreaterThanOrEqual(50);
      expect(compared).toBeLessThan(200);

      expect(accesses(nodes).sort()).toEqual([
        'Index Only Scan memory_embeddings_pkey',
        'Index Scan memory_embeddings_pkey',
      ]);
      // Row-level security is decided once for each scan, not for each row; a plan of 1,000 rows is not compiled.
      expect(
        nodes.filter((node) => node['One-Time Filter']?.includes('app.tenant_id')).length,
      ).toBeGreaterThan(1);
      expect(text).not.toContain('"JIT"');
    },
  );

  let loaded: Promise<void> | undefined;
  const load = (): Promise<void> => (loaded ??= loadRows());

  async function loadRows(): Promise<void> {
    const vectors = (await VECTORS['in clusters']?.(ROWS, 'stored')) ?? [];
    for (const tenant of ['acme', 'globex'])
      await new TenantContext().run(tenant, () => insertChunks(database, tenant, MODEL, chunksOf(vectors)));
    // While anything else of the server looks at an older state, no page becomes visible to all.
    for (let attempt = 0; attempt < 50; attempt += 1) {
      await vacuum();
      const { nodes } = await planOf(NEAREST_MEMORIES);
      if (readsOf(nodes, 'Index Only Scan')[0]?.['Heap Fetches'] === 0) return;
    }
  }
});

function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}
