import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import pg from 'pg';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { fillTenant, goOn, shownOf } from './backup/full-tenant.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { asOperator } from './support/operator.js';
import { routingOf } from './support/routing.js';
import { SentStatements } from './support/sent-statements.js';
import { TestService, type Answer } from './support/service.js';

const FILE = readFileSync('deploy/citus.sql', 'utf8');
const REFERENCE = [...FILE.matchAll(/^SELECT create_reference_table\('(\S+)'\);$/gm)].map(
  ([, table]) => table,
);
const DISTRIBUTED = [
  ...FILE.matchAll(
    /^SELECT create_distributed_table\('(\S+)', 'tenant_id', colocate_with => '(?:none|shared\.tenants)'\);$/gm,
  ),
].map(([, table]) => table);
/** What of the file is PostgreSQL's own: the keys and the function, in one transaction. */
const PLAIN = FILE.slice(FILE.indexOf('BEGIN;'), FILE.indexOf('COMMIT;') + 'COMMIT;'.length);

/** Statements about all tenants, or none, by what they begin with; docs/scaling.md says what becomes of them on Citus. */
const OF_ALL_TENANTS = [
  /^WITH RECURSIVE oldest \(tenant_id, due_at\)/, // of which tenants memories wait for their vectors
  /^WITH RECURSIVE waiting \(space\)/, // in which spaces
  /^SELECT count\(\*\) FILTER .* FROM \(SELECT tenant_id, space, parked_at, due_at FROM shared\.pending_embeddings\)/, // metrics
];
/** Several statements at once, which no request sends. */
const SEVERAL = /;\s*\S/;
/** Those of the fixture, and the check at start, which reads no table. */
const SEVERAL_OF_OURS =
  /^INSERT INTO shared\.tenants |^SELECT set_config\('role', '\w+', true\); SELECT '\[1,0\]'/;
/** Of a transaction, of a session or of the catalogue: Citus has no part in them. */
const OF_NO_TABLE = /^(BEGIN|START|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|SET|SELECT set_config)\b/i;

const inOneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('the schema over Citus', () => {
  let database: TestDatabase;
  let client: pg.Client;
  const rows = async <Row extends pg.QueryResultRow>(sql: string, values: unknown[] = []): Promise<Row[]> =>
    (await client.query<Row>(sql, values)).rows;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    database = await postgres();
    client = new pg.Client(database.settings.url);
    await client.connect();
    await client.query(PLAIN);
  });

  afterAll(async () => {
    await client.end();
    await database.drop();
  });

  it('names every table once, those that have a tenant by it, each after those it refers to', async () => {
    const tables = await rows<{ name: string; hasTenant: boolean }>(`
      SELECT n.nspname || '.' || c.relname AS name,
             EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'tenant_id') AS "hasTenant"
        FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
       WHERE nspname IN ('shared', 'checkpoints') AND relkind IN ('r', 'p') ORDER BY 1`);
    const named = (hasTenant: boolean): string[] =>
      tables.filter((table) => table.hasTenant === hasTenant).map(({ name }) => name);
    expect(DISTRIBUTED.toSorted()).toEqual(named(true).toSorted());
    expect(REFERENCE.toSorted()).toEqual(named(false).toSorted());
    // A line in another form would be none of these.
    expect(FILE.match(/^SELECT create_/gm)).toHaveLength(tables.length);
    const references = await rows<{ from: string; to: string }>(`
      SELECT conrelid::regclass::text AS "from", confrelid::regclass::text AS "to" FROM pg_constraint
       WHERE contype = 'f'`);
    for (const { from, to } of references)
      expect([from, DISTRIBUTED.indexOf(to) < DISTRIBUTED.indexOf(from)]).toEqual([from, true]);
  });

  it('has tenant_id in every key and index, and on both sides of every foreign key', async () => {
    const without = await rows(
      `SELECT indexrelid::regclass::text AS index FROM pg_index
        WHERE indrelid::regclass::text = ANY ($1) AND NOT EXISTS (
          SELECT FROM pg_attribute WHERE attrelid = indrelid AND attname = 'tenant_id' AND attnum = ANY (indkey))`,
      [DISTRIBUTED],
    );
    expect(without).toEqual([]);
    const across = await rows(`
      SELECT conname FROM pg_constraint c
       WHERE contype = 'f' AND NOT EXISTS (
         SELECT FROM unnest(conkey, confkey) AS k (ours, theirs)
           JOIN pg_attribute o ON o.attrelid = conrelid AND o.attnum = ours AND o.attname = 'tenant_id'
           JOIN pg_attribute t ON t.attrelid = confrelid AND t.attnum = theirs AND t.attname = 'tenant_id')`);
    expect(across).toEqual([]);
  });

  it('uses nothing that Citus’ documentation excludes on distributed tables', async () => {
    const used = await rows(
      `WITH tables AS (SELECT oid AS id, oid::regclass::text AS name FROM pg_class WHERE oid::regclass::text = ANY ($1))
       SELECT name, 'trigger' AS what FROM tables JOIN pg_trigger ON tgrelid = id AND NOT tgisinternal
       UNION ALL SELECT name, 'rule' FROM tables JOIN pg_rewrite ON ev_class = id
       UNION ALL SELECT name, 'exclusion, or a deferrable constraint' FROM tables
         JOIN pg_constraint ON conrelid = id AND (contype = 'x' OR condeferrable)
       UNION ALL SELECT name, 'foreign key that sets or changes tenant_id' FROM tables
         JOIN pg_constraint ON conrelid = id AND contype = 'f' AND (confdeltype IN ('n', 'd') OR confupdtype <> 'a')
       UNION ALL SELECT name, 'identity or generated column' FROM tables
         JOIN pg_attribute ON attrelid = id AND (attidentity <> '' OR attgenerated <> '')
       UNION ALL SELECT name, 'sequence' FROM tables JOIN pg_attrdef ON adrelid = id
        WHERE pg_get_expr(adbin, adrelid) LIKE '%nextval%'
       UNION ALL SELECT name, 'inheritance' FROM tables
         JOIN pg_inherits ON id IN (inhrelid, inhparent)
       UNION ALL SELECT name, 'unlogged, partitioned or foreign' FROM tables JOIN pg_class ON oid = id
        WHERE relpersistence <> 'p' OR relkind <> 'r'
       UNION ALL SELECT name, 'tenant_id of another type or collation' FROM tables
         JOIN pg_attribute ON attrelid = id AND attname = 'tenant_id'
        WHERE atttypid <> 'text'::regtype OR attcollation <> 100
       UNION ALL SELECT name, 'nullable tenant_id' FROM tables
         JOIN pg_attribute ON attrelid = id AND attname = 'tenant_id' AND NOT attnotnull
       UNION ALL SELECT viewname, 'view' FROM pg_views WHERE schemaname IN ('shared', 'checkpoints')`,
      [DISTRIBUTED],
    );
    expect(used).toEqual([]);
  });

  it('enters the scope of a tenant by SET LOCAL, which Citus hands on', async () => {
    await client.query('BEGIN; SET LOCAL search_path = triptych_citus, pg_catalog, public');
    const [scope] = await rows(
      `SELECT 'set_config(text, text, boolean)'::regprocedure::oid = 'triptych_citus.set_config'::regproc::oid AS "isOurs",
              set_config('app.tenant_id', $1, true) AS said, set_config('role', 'triptych_app', true) AS role`,
      [`o'tenant\\"; --`],
    );
    const [set] = await rows(`SELECT current_setting('app.tenant_id') AS tenant, current_user AS role`);
    await client.query('ROLLBACK');
    expect(scope).toMatchObject({ isOurs: true, said: `o'tenant\\"; --` });
    expect(set).toEqual({ tenant: `o'tenant\\"; --`, role: 'triptych_app' });
  });

  it('is served with these keys and this scope, and every statement says its tenant', async () => {
    const provider = await EmbeddingsServer.start({ dimensions: 64 });
    const url = new URL(database.settings.url ?? '');
    url.searchParams.set('options', '-c search_path=triptych_citus,pg_catalog,public');
    const home = { ...database, settings: { url: url.href } };
    const sent = new SentStatements();
    try {
      await useEverything(home, provider);
    } finally {
      sent.stop();
      await provider.close();
    }
    const ours = [...sent.texts].filter((text) => !OF_NO_TABLE.test(text.trim()) && !SEVERAL.test(text));
    for (const text of sent.texts) if (SEVERAL.test(text)) expect(inOneLine(text)).toMatch(SEVERAL_OF_OURS);
    const routings = [];
    for (const text of ours) routings.push({ text: inOneLine(text), ...(await routingOf(client, text)) });
    const routed = routings.filter(({ text }) => !OF_ALL_TENANTS.some((known) => known.test(text)));
    const unrouted = routed.flatMap(({ text, unrouted }) =>
      unrouted
        .filter((table) => !REFERENCE.some((name) => table.startsWith(`${name} `)))
        .map((table) => ({ table, text })),
    );
    expect(unrouted).toEqual([]);
    // They are all there: no table is left out, nor is a function called for another tenant than its first argument.
    const met = new Set(routed.flatMap(({ tables }) => tables));
    expect(DISTRIBUTED.filter((table) => !met.has(table ?? ''))).toEqual([]);
    const calls = routed.flatMap(({ functions }) => functions);
    expect(calls.length).toBeGreaterThan(0);
    expect(calls.filter((call) => !/^shared\.\w+\((?:\$1|\(\$1\))[,)]/.test(call))).toEqual([]);
    // A row never moves to another node.
    expect(ours.filter((text) => /\bSET\s+tenant_id\b/i.test(text))).toEqual([]);
    for (const known of OF_ALL_TENANTS) expect(routings.some(({ text }) => known.test(text))).toBe(true);
    expect(routed.length).toBeGreaterThan(90);
  });
});

const accept = (answer: Answer): Answer => {
  if (answer.status >= 300) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
};

/** Every route, graphs over the checkpointer, the background work, and limits and keys of a tenant. */
async function useEverything(home: TestDatabase, provider: EmbeddingsServer): Promise<void> {
  const service = await TestService.start(home);
  try {
    await fillTenant(service, home, 'acme');
    await shownOf(service, 'acme');
    await goOn(service, 'acme');
    await service.app.get(TenantContext).run('acme', async () => {
      const sessions = service.app.get(SessionStore);
      await sessions.prune('plain');
      await sessions.exclusive('plain', () => sessions.getThread('plain'));
      await sessions.checkpointer.deleteThread('nested');
    });
    accept(await service.as('acme').delete('/v1/sessions/edited'));
    accept(await service.send('GET', '/metrics'));
  } finally {
    await service.stop();
  }
  const guarded = await TestService.start(home, {
    auth: { mode: 'api-key' },
    limits: { rate: 1_000, dailyQuota: 1_000 },
    embeddings: { provider: 'openai', baseUrl: provider.url, model: 'some-model', dimensions: 64 },
  });
  try {
    const { key } = await asOperator(guarded, home, async (registry) => {
      await registry.create({ tenantId: 'guarded' });
      return registry.createKey('guarded');
    });
    const post = (path: string, body: unknown): Promise<Answer> =>
      guarded.send('POST', path, body, { authorization: `Bearer ${key}` });
    provider.fail({ status: 401 });
    accept(await post('/v1/memories', { agentId: 'a', content: 'waits for its vectors' }));
    provider.heal();
    for (const end = Date.now() + 30_000; Date.now() < end;) {
      const found = accept(await post('/v1/memories/search', { query: 'vectors' }));
      const [first] = (found.body as { results: { memory: { embeddingStatus: string } }[] }).results;
      if (first?.memory.embeddingStatus === 'ready') return;
      await new Promise((fulfil) => setTimeout(fulfil, 250));
    }
    throw new Error('The memory got no vectors.');
  } finally {
    await guarded.stop();
  }
}
