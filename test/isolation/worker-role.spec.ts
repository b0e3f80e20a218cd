import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { Database } from '../../src/database/database.js';
import { EmbeddingsServer } from '../support/embeddings-server.js';
import { describeOnEachEngine, postgres, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { fillTables, tenantTables } from '../support/tenant-tables.js';

const DENIED = { code: '42501' };
/** Of which it may read some columns, and what it may not read of them. */
const READABLE: Readonly<Record<string, readonly string[]>> = {
  'shared.pending_embeddings': ['memory_id', 'reason', 'claim', 'attempts', 'created_at', '*'],
  'shared.recall_settings': ['text_search', 'is_own', 'previous_space', '*'],
};

describeOnEachEngine('the role of the background worker', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let database: Database;
  let tables: string[];
  const asWorker = (sql: string) => database.queryAsWorker<Record<string, unknown>>(sql);

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    database = service.app.get(Database);
    tables = await tenantTables(home, database);
    for (const tenant of ['red', 'blue']) await fillTables(home, database, tables, tenant);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  it('sees of which tenants something is due and in which spaces they are, and nothing else of them', async () => {
    const rows = await asWorker(
      'SELECT tenant_id, space, due_at IS NULL AS never, parked_at IS NULL AS waits FROM shared.pending_embeddings',
    );
    expect(rows.map((row) => String(row['tenant_id'])).sort()).toEqual(['blue', 'red']);
    expect(await asWorker('SELECT tenant_id, space, next_space FROM shared.recall_settings')).toHaveLength(2);
    for (const [table, columns] of Object.entries(READABLE))
      for (const column of columns)
        await expect(asWorker(`SELECT ${column} FROM ${table}`)).rejects.toMatchObject(DENIED);
  });

  it('reads no other table, and writes to none', async () => {
    expect(tables.length).toBeGreaterThan(10);
    for (const table of tables) {
      if (!(table in READABLE))
        await expect(asWorker(`SELECT count(*) FROM ${table}`)).rejects.toMatchObject(DENIED);
      await expect(asWorker(`DELETE FROM ${table}`)).rejects.toMatchObject(DENIED);
      await expect(asWorker(`UPDATE ${table} SET tenant_id = 'red'`)).rejects.toMatchObject(DENIED);
      await expect(asWorker(`INSERT INTO ${table} (tenant_id) VALUES ('red')`)).rejects.toMatchObject(DENIED);
    }
  });

  it('is not what requests are served as, before or after', async () => {
    await asWorker('SELECT tenant_id FROM shared.pending_embeddings');
    expect(await database.query('SELECT current_user AS role')).toEqual([{ role: 'triptych_app' }]);
    expect(await database.query('SELECT tenant_id FROM shared.pending_embeddings')).toEqual([]);
    await expect(asWorker('SELECT 1 / 0')).rejects.toThrow(/division by zero/);
    expect(await database.query('SELECT current_user AS role')).toEqual([{ role: 'triptych_app' }]);
  });
});

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('a login that is no member of it', () => {
  it('serves, and finishes what its own process left', async () => {
    const home = await postgres();
    const provider = await EmbeddingsServer.start({ dimensions: 64 });
    const role = `triptych_blind_${process.pid}`;
    const admin = new pg.Client(home.settings.url);
    await admin.connect();
    await admin.query(`CREATE ROLE ${role} LOGIN NOSUPERUSER`);
    await admin.query(`GRANT triptych_app TO ${role}`);
    await admin.query(`GRANT USAGE ON SCHEMA shared TO ${role}`);
    await admin.query(`GRANT SELECT ON shared.migrations TO ${role}`);
    const url = new URL(home.settings.url ?? '');
    url.username = role;
    const service = await TestService.start(
      { ...home, settings: { url: url.href } },
      { embeddings: { provider: 'openai', baseUrl: provider.url, model: 'm', dimensions: 64 } },
    );
    const store = async (tenant: string, content: string): Promise<string> => {
      const stored = await service.as(tenant).post('/v1/memories', { agentId: 'a', content });
      return (stored.body as { embeddingStatus: string }).embeddingStatus;
    };
    const waiting = async (tenant: string): Promise<{ attempts: number }[]> => {
      const sql = 'SELECT attempts FROM shared.pending_embeddings WHERE tenant_id = $1';
      return (await admin.query<{ attempts: number }>(sql, [tenant])).rows;
    };
    try {
      provider.fail({ status: 401 });
      expect(await store('acme', 'left pending')).toBe('pending');
      expect(await store('other', 'left pending, too')).toBe('pending');
      // Looks that end with the first tenant for whom the provider is away.
      const asked = provider.requests.length;
      await until(() => provider.requests.length >= asked + 2);
      provider.heal();
      // Whoever is answered ends the pause.
      await until(async () => (await store('third', 'asks whether it is back')) === 'ready');
      for (const tenant of ['acme', 'other', 'third'])
        await until(async () => (await waiting(tenant)).length === 0);

      // What is refused is tried again, though nobody tells of it.
      provider.refuse((text) => text === 'refused');
      expect(await store('acme', 'refused')).toBe('pending');
      await until(async () => {
        await admin.query('UPDATE shared.pending_embeddings SET due_at = now() WHERE claim IS NULL');
        return (await waiting('acme'))[0]?.attempts === 2;
      });
    } finally {
      await service.stop();
      await provider.close();
      await admin.query(`DROP OWNED BY ${role}`);
      await admin.query(`DROP ROLE ${role}`);
      await admin.end();
      await home.drop();
    }
  });
});

/** Waits until it is so; fails loudly where it never is. */
async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = Date.now() + 30_000; Date.now() < end;) {
    if (await isSo()) return;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error('It did not come to this within 30 s.');
}
