import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import type { EmbeddedEngine } from '../src/database/embedded-engine.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { InvalidTenantError } from '../src/errors.js';
import { SessionStore } from '../src/session/session-store.js';
import { eraseTenant, holdingsOf, ResidueError } from '../src/tenancy/erase-tenant.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import type { TableHoldings } from '../src/tenancy/tenant-tables.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

const MARKER = 'a marker of the tenant';
const TABLES = [
  'checkpoints.checkpoint_blobs',
  'checkpoints.checkpoint_writes',
  'checkpoints.checkpoints',
  'shared.agent_memories',
  'shared.api_keys',
  'shared.audit_log',
  'shared.context_receipts',
  'shared.idempotency_key_objects',
  'shared.idempotency_keys',
  'shared.memory_embeddings',
  'shared.memory_facts',
  'shared.memory_revisions',
  'shared.pending_embeddings',
  'shared.rate_buckets',
  'shared.recall_corpus',
  'shared.recall_documents',
  'shared.recall_messages',
  'shared.recall_postings',
  'shared.recall_settings',
  'shared.session_messages',
  'shared.session_summaries',
  'shared.sessions',
  'shared.tenants',
  'shared.usage',
];

describeOnEachEngine('erase', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let owner: MigrationDataSource;
  const sql = (text: string): Promise<unknown> => owner.query(text);
  const sorted = (tables: TableHoldings[]): TableHoldings[] =>
    tables.toSorted((one, other) => (one.table < other.table ? -1 : 1));
  const tablesOf = (tables: TableHoldings[]): string[] => sorted(tables).map(({ table }) => table);

  /** Puts rows of a tenant into every table. */
  async function fill(tenant: string): Promise<void> {
    const client = service.as(tenant);
    const messages = [{ role: 'user', content: MARKER }];
    expect((await client.post('/v1/sessions/trip/messages', { messages })).status).toBe(201);
    const stored = await client.post('/v1/memories', { agentId: 'a', content: MARKER });
    expect(stored.status).toBe(201);
    const { memoryId } = stored.body as { memoryId: string };
    expect((await client.patch(`/v1/memories/${memoryId}`, { metadata: { MARKER } })).status).toBe(200);
    const search = { query: MARKER, scope: 'thread', threadId: 'trip' };
    expect((await client.post('/v1/memories/search', search)).status).toBe(200);
    const { checkpointer } = service.app.get(SessionStore);
    await service.app.get(TenantContext).run(tenant, async () => {
      const tuple = await checkpointer.getTuple({ configurable: { thread_id: 'trip' } });
      await checkpointer.putWrites(tuple?.config ?? {}, [['channel', MARKER]], 'task');
    });
    await sql(`
      BEGIN; SET LOCAL app.tenant_id = '${tenant}';
      INSERT INTO shared.tenants (tenant_id) VALUES ('${tenant}');
      INSERT INTO shared.api_keys (tenant_id, key_id, salt, hash, scopes)
        VALUES ('${tenant}', '${tenant}.k', 'salt', 'hash', '{read}');
      INSERT INTO shared.idempotency_keys (tenant_id, key, status) VALUES ('${tenant}', '${MARKER}', 201);
      INSERT INTO shared.idempotency_key_objects VALUES ('${tenant}', gen_random_uuid(), '${MARKER}');
      INSERT INTO shared.context_receipts
          (tenant_id, receipt_id, thread_id, created_at, tier, tokens, hash, receipt, fingerprints)
        VALUES ('${tenant}', gen_random_uuid(), 'trip', now(), 'fast', 3, '', '{"id":"${MARKER}"}', '');
      INSERT INTO shared.session_summaries
        SELECT tenant_id, session_id, 1, '${MARKER}', 1, 'cl100k_base', 'model' FROM shared.sessions
         WHERE tenant_id = '${tenant}';
      INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space, reason, parked_at)
        SELECT tenant_id, memory_id, 'model/3', '${MARKER}', now() FROM shared.agent_memories
         WHERE tenant_id = '${tenant}';
      INSERT INTO shared.usage VALUES ('${tenant}', '2026-05-08', 3);
      INSERT INTO shared.rate_buckets VALUES ('${tenant}', 1.5, 0, now());
      COMMIT`);
  }

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    const { embedded } = service.app.get<Database, { embedded?: EmbeddedEngine }>(Database);
    const options = checkOptions({ database: home.settings });
    owner = await new MigrationDataSource({ options, embedded, entities: [] }).initialize();
  });
  beforeEach(async () => {
    for (const tenant of ['acme', 'acm', 'acme-2', 'other']) await eraseTenant(owner, tenant);
  });
  afterAll(async () => {
    await owner.destroy();
    await service.stop();
    await home.drop();
  });

  it('removes a tenant from every table, counts what it removed, and touches nobody else', async () => {
    for (const tenant of ['acme', 'acm', 'acme-2']) await fill(tenant);
    const before = await Promise.all([holdingsOf(owner, 'acm'), holdingsOf(owner, 'acme-2')]);
    const expected = sorted(await holdingsOf(owner, 'acme'));
    expect(tablesOf(expected)).toEqual(TABLES);
    expect(expected.filter(({ rows }) => rows === 0)).toEqual([]);

    expect(sorted(await eraseTenant(owner, 'acme'))).toEqual(expected);

    expect((await holdingsOf(owner, 'acme')).filter(({ rows }) => rows > 0)).toEqual([]);
    expect(await Promise.all([holdingsOf(owner, 'acm'), holdingsOf(owner, 'acme-2')])).toEqual(before);
    const answer = await service.as('acm').get('/v1/sessions/trip/messages');
    expect(answer.text).toContain(MARKER);
    expect((await service.as('acme').get('/v1/sessions/trip/messages')).status).toBe(404);
  });

  it('leaves the name and the words of the tenant in no column of any table', async () => {
    await fill('other');
    await eraseTenant(owner, 'other');
    for (const table of TABLES) {
      const found = await sql(
        `SELECT count(*)::int AS rows FROM ${table} AS t WHERE t::text LIKE '%other%' OR t::text LIKE '%marker%'`,
      );
      expect({ table, found }).toEqual({ table, found: [{ rows: 0 }] });
    }
  });

  it('takes in a table that a later migration adds, and its references', async () => {
    await sql(`
      CREATE TABLE shared."a Later" (tenant_id text, thread_id text, PRIMARY KEY (tenant_id, thread_id),
        FOREIGN KEY (tenant_id, thread_id) REFERENCES shared.sessions);
      ALTER TABLE shared."a Later" ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenant ON shared."a Later"
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))`);
    try {
      await fill('acme');
      await sql(`INSERT INTO shared."a Later" VALUES ('acme', 'trip')`);
      expect(await eraseTenant(owner, 'acme')).toContainEqual({ table: 'shared."a Later"', rows: 1 });
    } finally {
      await sql('DROP TABLE shared."a Later"');
    }
  });

  it('is all or nothing, and names what is in the way', async () => {
    await fill('acme');
    const before = await holdingsOf(owner, 'acme');
    await sql(`
      CREATE FUNCTION public.keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
      CREATE TRIGGER keep BEFORE DELETE ON shared.audit_log FOR EACH ROW EXECUTE FUNCTION public.keep()`);
    try {
      const erase = eraseTenant(owner, 'acme');
      await expect(erase).rejects.toThrow(ResidueError);
      await expect(erase).rejects.toThrow(/Nothing was erased: .* shared\.audit_log \(3\)/);
      expect(await holdingsOf(owner, 'acme')).toEqual(before);
    } finally {
      await sql('DROP TRIGGER keep ON shared.audit_log; DROP FUNCTION public.keep()');
    }
  });

  it('finds a thread of the tenant in a row of another', async () => {
    await sql(`
      INSERT INTO checkpoints.checkpoint_writes
        (tenant_id, thread_id, checkpoint_ns, checkpoint_id, task_id, idx, channel, blob)
      VALUES ('somebody', '4:acme:trip', '', 'c', 't', 0, 'c', '')`);
    try {
      await expect(eraseTenant(owner, 'acme')).rejects.toThrow('checkpoints.checkpoint_writes (1)');
    } finally {
      await sql(`DELETE FROM checkpoints.checkpoint_writes WHERE tenant_id = 'somebody'`);
    }
  });

  it('binds an owner that is no superuser, too', async () => {
    await fill('acme');
    await fill('acm');
    await sql(`
      DO $$ BEGIN CREATE ROLE triptych_test_owner NOLOGIN NOSUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$;
      GRANT USAGE ON SCHEMA shared, checkpoints TO triptych_test_owner;
      GRANT ALL ON ALL TABLES IN SCHEMA shared, checkpoints TO triptych_test_owner`);
    const expected = await holdingsOf(owner, 'acme');
    const other = await holdingsOf(owner, 'acm');
    const rightful = owner.transaction.bind(owner);
    const limited = Object.create(owner, {
      transaction: {
        value: (work: (manager: typeof owner.manager) => Promise<unknown>) =>
          rightful(async (manager) => {
            await manager.query('SET LOCAL ROLE triptych_test_owner');
            return work(manager);
          }),
      },
    }) as MigrationDataSource;
    expect(await eraseTenant(limited, 'acme')).toEqual(expected);
    expect(await holdingsOf(owner, 'acm')).toEqual(other);
    await sql('DROP OWNED BY triptych_test_owner');
  });

  it('finds nothing of a tenant that nobody knows, and refuses what is no tenant id', async () => {
    const rows = (await eraseTenant(owner, 'nobody')).map(({ rows }) => rows);
    expect(new Set(rows)).toEqual(new Set([0]));
    await expect(eraseTenant(owner, "x'; DROP TABLE shared.sessions; --")).rejects.toThrow(
      InvalidTenantError,
    );
  });
});

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

/** `npm run tenant -- erase …`, without a terminal. */
async function erase(environment: Record<string, string>, ...more: string[]): Promise<Ended> {
  const args = ['--import', 'tsx', 'src/cli/triptych.ts', 'tenant', 'erase', ...more];
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  try {
    return { code: 0, ...(await promisify(execFile)(process.execPath, args, { env })) };
  } catch (error) {
    return error as Ended;
  }
}

describe('npm run tenant -- erase', () => {
  const messages = [{ role: 'user', content: MARKER }];

  it('works on the embedded engine once the service is stopped', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'triptych-erase-'));
    const home = { engine: 'embedded', settings: { dataDir }, drop: () => Promise.resolve() } as const;
    let service = await TestService.start(home);
    try {
      await service.as('acme').post('/v1/sessions/trip/messages', { messages });
      await service.as('other').post('/v1/sessions/trip/messages', { messages });
      expect(await erase({ DATA_DIR: dataDir }, 'acme', '--yes')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining(String(process.pid)) as unknown,
      });
      await service.stop();

      expect(await erase({ DATA_DIR: dataDir }, 'acme')).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('--yes') as unknown,
      });
      const erased = await erase({ DATA_DIR: dataDir }, 'acme', '--yes', '--json');
      expect(erased.code).toBe(0);
      expect(JSON.parse(erased.stdout)).toMatchObject({
        'shared.sessions': 1,
        'shared.session_messages': 1,
        'shared.audit_log': 1,
        residue: 0,
      });
      expect(await erase({ DATA_DIR: dataDir }, 'acme', '--yes')).toMatchObject({
        code: 0,
        stdout: expect.stringMatching(/^total +0$/m) as unknown,
        stderr: expect.stringContaining('nothing of acme') as unknown,
      });

      service = await TestService.start(home);
      expect((await service.as('acme').get('/v1/sessions/trip/messages')).status).toBe(404);
      expect((await service.as('other').get('/v1/sessions/trip/messages')).status).toBe(200);
    } finally {
      await service.stop();
      rmSync(dataDir, { recursive: true });
    }
  });

  if (process.env['TEST_DATABASE_URL'])
    it('works on PostgreSQL while the service runs', async () => {
      const home = await postgres();
      const service = await TestService.start(home);
      try {
        await service.as('acme').post('/v1/sessions/trip/messages', { messages });
        const erased = await erase({ DATABASE_URL: home.settings.url ?? '' }, 'acme', '--yes');
        expect(erased).toMatchObject({ code: 0, stdout: expect.stringMatching(/^residue +0$/m) as unknown });
        expect((await service.as('acme').get('/v1/sessions/trip/messages')).status).toBe(404);
      } finally {
        await service.stop();
        await home.drop();
      }
    });
});
