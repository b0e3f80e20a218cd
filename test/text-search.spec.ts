// Over 200 lines: what a rewrite does, what goes on meanwhile, and what a kill leaves.
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import type { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import type { NewMemory } from '../src/memory/memory-input.js';
import { TenantSpaces } from '../src/recall/tenant-spaces.js';
import { AuditLog } from '../src/tenancy/audit-log.js';
import { Idempotency } from '../src/tenancy/idempotency.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { TokenCounter } from '../src/tokens/token-counter.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

/** What finds the memories of a tenant, by what they say instead of by their ids. */
const INDEX = `
  SELECT 'posting' AS kind, jsonb_build_array(m.content, p.lexeme, p.chunk, p.tf, p.dl)::text AS said
    FROM shared.recall_postings p JOIN shared.agent_memories m USING (tenant_id, memory_id)
   UNION ALL
  SELECT 'document', jsonb_build_array(m.content, m.retracted_at IS NULL, d.seq, d.speaker, d.ends_in_question, d.length,
                       d.chunks, ARRAY(SELECT l FROM unnest(d.lexemes) l ORDER BY l COLLATE "C"))::text
    FROM shared.agent_memories m LEFT JOIN shared.recall_documents d USING (tenant_id, memory_id)
   UNION ALL
  SELECT 'corpus', jsonb_build_array(sum(chunks), sum(length))::text FROM shared.recall_corpus
   UNION ALL
  SELECT 'recount', jsonb_build_array(count(*), sum(dl))::text
    FROM (SELECT DISTINCT memory_id, chunk, dl FROM shared.recall_postings) c
   UNION ALL
  SELECT 'revision', jsonb_build_array(r.content, r.revision, r.retracted, r.chunks, r.lexeme_count, ARRAY(
           SELECT (w.lexeme, w.chunk, w.tf, w.dl)::text
             FROM unnest(r.lexemes, r.lexeme_chunks, r.frequencies, r.chunk_lengths) w (lexeme, chunk, tf, dl)
            ORDER BY w.lexeme COLLATE "C", w.chunk))::text
    FROM shared.memory_revisions r
   ORDER BY 1, 2`;

/** What the tenant's rows of the index are, byte by byte. */
const ROWS = `
  SELECT md5(string_agg(row, ',' ORDER BY row COLLATE "C")) AS rows FROM (
    SELECT p::text AS row FROM shared.recall_postings p
     UNION ALL SELECT d::text FROM shared.recall_documents d
     UNION ALL SELECT c::text FROM shared.recall_corpus c
     UNION ALL SELECT r::text FROM shared.memory_revisions r
     UNION ALL SELECT e::text FROM shared.memory_embeddings e
     UNION ALL SELECT s::text FROM shared.recall_settings s) r`;

const LONG = 'Am Abend gingen die Kinder durch die Wälder in die Stadt. '.repeat(60);

class Tenant {
  constructor(
    private readonly service: TestService,
    readonly id: string,
    readonly memory: LongTermMemory = service.app.get(LongTermMemory),
  ) {}

  as<T>(work: () => Promise<T>): Promise<T> {
    return this.service.app.get(TenantContext).run(this.id, work);
  }

  store(content: string, more: Partial<NewMemory> = {}, options = {}): Promise<MemoryEntry> {
    return this.as(() => this.memory.store({ agentId: 'a', content, ...more }, options));
  }

  async find(query: string): Promise<string[]> {
    const found = await this.as(() => this.memory.search(query, { mode: 'lexical' }));
    return found.map(({ memory }) => memory.content);
  }

  reindex(textSearch?: string | null): Promise<unknown> {
    return this.as(() => this.memory.reindex({ textSearch }));
  }

  query<T extends object>(sql: string): Promise<T[]> {
    return this.as(() => this.service.app.get(Database).query<T>(sql));
  }

  index(): Promise<object[]> {
    return this.query(INDEX);
  }

  async rows(): Promise<unknown> {
    return (await this.query(ROWS))[0];
  }

  /** Memories of all kinds. */
  async fill(): Promise<void> {
    const source = { threadId: 'haus', speaker: 'Jürgen', occurredAt: '2026-05-08T10:00:00Z' };
    await this.store('Die Häuser stehen am See.', { source: { ...source, seq: 1 } });
    await this.store('Wo waren die Bäume?', { source: { ...source, seq: 9 } });
    await this.store(LONG);
    await this.store('…');
    const changed = await this.store('Wir gingen gestern spazieren.');
    await this.as(() => this.memory.update(changed.memoryId, { content: 'Wir gingen nie spazieren.' }));
    await this.as(() => this.memory.update(changed.memoryId, { metadata: { sure: true } }));
    const retracted = await this.store('Die Schlüssel liegen unter den Steinen.');
    await this.as(() => this.memory.update(retracted.memoryId, { retracted: true }));
    await this.as(() => this.memory.update(retracted.memoryId, { metadata: { sure: false } }));
    const gone = await this.store('Die Mauern fielen.');
    await this.as(() => this.memory.delete(gone.memoryId));
  }
}

describeOnEachEngine('text search of a tenant', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let count = 0;
  let tenant: Tenant;
  const another = (memory?: LongTermMemory): Tenant =>
    new Tenant(service, `tenant-${(count += 1)}`, memory ?? service.app.get(LongTermMemory));

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });
  beforeEach(() => {
    tenant = another();
  });

  it.each([
    ['german', 'Die Häuser stehen am See.', 'Haus'],
    ['french', 'Les chevaux dorment debout.', 'cheval'],
    ['russian', 'Мы видели собак во дворе.', 'собаками'],
  ])('finds other forms of a word in %s, once it is set', async (textSearch, content, query) => {
    await tenant.store(content);
    expect(await tenant.find(query)).toEqual([]);
    expect(await tenant.reindex(textSearch)).toEqual({
      tenantId: tenant.id,
      textSearch,
      isOwn: true,
      memories: 1,
      default: 'english',
    });
    expect(await tenant.find(query)).toEqual([content]);
  });

  it('finds only the word itself with `simple`', async () => {
    await tenant.store('We went camping.');
    expect(await tenant.find('camped')).toEqual(['We went camping.']);
    await tenant.reindex('simple');
    expect(await tenant.find('camped')).toEqual([]);
    expect(await tenant.find('camping')).toEqual(['We went camping.']);
  });

  it('leaves the index as it were if all had been stored with it, and goes back', async () => {
    await tenant.fill();
    const english = await tenant.rows();
    const german = another();
    await german.reindex('german');
    await german.fill();
    const vectors = 'SELECT md5(string_agg(e::text, $$,$$ ORDER BY e::text)) FROM shared.memory_embeddings e';
    const before = await tenant.query(vectors);
    await tenant.reindex('german');
    expect(await tenant.index()).toEqual(await german.index());
    expect(await tenant.query(vectors)).toEqual(before);
    expect(await tenant.rows()).not.toEqual(english);
    for (let time = 0; time < 2; time += 1) {
      await tenant.reindex(null);
      const again = another();
      await again.fill();
      expect(await tenant.index()).toEqual(await again.index());
    }
  });

  it('searches and stores with what the index is written with, whatever the default has become', async () => {
    const { app } = service;
    const german = new LongTermMemory(
      app.get(Database),
      checkOptions({ recall: { textSearch: 'german' } }),
      app.get(TenantSpaces),
      app.get(TenantContext),
      app.get(AuditLog),
      app.get(Idempotency),
      app.get(TokenCounter),
    );
    await tenant.store('We went camping.');
    const same = new Tenant(service, tenant.id, german);
    expect(await same.find('camped')).toEqual(['We went camping.']);
    await same.store('They camped as well.');
    expect((await tenant.find('camping')).sort()).toEqual(['They camped as well.', 'We went camping.']);
    expect(await same.as(() => german.textSearch())).toMatchObject({
      textSearch: 'english',
      isOwn: false,
      memories: 2,
      default: 'german',
      available: expect.arrayContaining(['english', 'german', 'simple']) as unknown,
    });
    await same.reindex();
    expect(await same.find('camped')).toEqual(['They camped as well.']);
    expect(await tenant.as(() => tenant.memory.textSearch())).toMatchObject({
      textSearch: 'german',
      isOwn: false,
      default: 'english',
    });
    const late = another(german);
    await late.store('Die Häuser stehen am See.');
    expect(await late.find('Haus')).toEqual(['Die Häuser stehen am See.']);
    await late.reindex('french');
    await new Tenant(service, late.id).reindex();
    expect(await late.as(() => german.textSearch())).toMatchObject({ textSearch: 'french', isOwn: true });
  });

  it('refuses a configuration that the server has not, and leaves everything as it is', async () => {
    await tenant.store('We went camping.');
    const before = await tenant.rows();
    for (const name of ['klingon', 'pg_catalog.german', "german'; --", 'german\u0000', ''])
      await expect(tenant.reindex(name)).rejects.toThrow('textSearch');
    await expect(tenant.reindex('klingon')).rejects.toThrow('"klingon"; it has arabic, ');
    expect(await tenant.rows()).toEqual(before);
  });

  it('says who changed it', async () => {
    await tenant.reindex('german');
    const audit = 'SELECT action, object_id, details FROM shared.audit_log';
    expect(await tenant.query(audit)).toEqual([
      { action: 'tenant.update', object_id: tenant.id, details: { fields: ['textSearch'], memories: 0 } },
    ]);
  });

  it('counts exactly when memories come, change and go while the index is written anew', async () => {
    const text = (n: number): string => `Die Häuser ${n} und Bäume. ${'Gehen wir. '.repeat((n % 4) * 60)}`;
    const stored = await Promise.all(Array.from({ length: 24 }, (_, n) => tenant.store(text(n))));
    const { memory } = tenant;
    await Promise.all([
      ...['german', 'french', 'russian', 'german'].map((name) => tenant.reindex(name)),
      ...stored.map(({ memoryId }, n) =>
        tenant.as(async () => {
          if (n % 4 === 0) await memory.delete(memoryId);
          if (n % 4 === 1) await memory.update(memoryId, { content: text(n + 100) });
          if (n % 4 === 2) await memory.update(memoryId, { retracted: true });
          if (n % 8 === 2) await memory.update(memoryId, { retracted: false });
          if (n % 4 === 3) await tenant.store(text(n + 200));
        }),
      ),
    ]);
    const textSearch = await tenant.as(() => memory.textSearch());
    const index = await tenant.index();
    await tenant.reindex(textSearch.textSearch);
    expect(await tenant.index()).toEqual(index);
  });
});

if (process.env['TEST_DATABASE_URL'])
  describe('text search of a tenant on PostgreSQL', () => {
    let home: TestDatabase;
    let service: TestService;
    let operator: pg.Client;
    /** Not in a transaction, which would see one state of the sessions only. */
    let watcher: pg.Client;
    let tenant: Tenant;
    let count = 0;

    beforeAll(async () => {
      home = await postgres();
      service = await TestService.start(home);
      operator = new pg.Client(home.settings.url);
      watcher = new pg.Client(home.settings.url);
      await Promise.all([operator.connect(), watcher.connect()]);
    });
    afterAll(async () => {
      await Promise.all([operator.end(), watcher.end()]);
      await service.stop();
      await home.drop();
    });
    beforeEach(async () => {
      tenant = new Tenant(service, `acme-${(count += 1)}`);
      await tenant.fill();
    });

    /** Waits until so many sessions of the database wait for a lock. */
    const waiting = async (sessions: number): Promise<void> => {
      const sql = `SELECT count(*)::int AS sessions FROM pg_stat_activity
                    WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      while ((await watcher.query<{ sessions: number }>(sql)).rows[0]?.sessions !== sessions) await sleep(5);
    };

    /** Stops a rewrite in its midst, with all postings deleted, until the promise that `work` returns is there. */
    const midway = async (work: () => Promise<void>): Promise<void> => {
      await operator.query('BEGIN');
      await operator.query(`SELECT 1 FROM shared.recall_documents WHERE tenant_id = $1 FOR UPDATE`, [
        tenant.id,
      ]);
      try {
        await work();
      } finally {
        await operator.query('COMMIT');
      }
    };

    it('answers searches from the old index meanwhile, and lets writers wait for the new one', async () => {
      const kept = await tenant.store('Ein Haus brennt.');
      const gone = await tenant.store('Viele Häuser brennen.');
      let work: Promise<unknown>[] = [];
      await midway(async () => {
        work = [tenant.reindex('german')];
        await waiting(1);
        work.push(tenant.store('Alle Häuser sind bunt.'));
        await waiting(2);
        work.push(tenant.as(() => tenant.memory.update(kept.memoryId, { content: 'Zwei Häuser brennen.' })));
        await waiting(3);
        work.push(tenant.as(() => tenant.memory.delete(gone.memoryId)));
        await waiting(4);
        expect(await tenant.find('Häuser')).toEqual(['Viele Häuser brennen.', 'Die Häuser stehen am See.']);
        expect(await tenant.find('Haus')).toEqual(['Ein Haus brennt.']);
        await new Tenant(service, 'somebody-else').store('Nobody waits for another tenant.');
      });
      await Promise.all(work);
      const found = ['Alle Häuser sind bunt.', 'Die Häuser stehen am See.', 'Zwei Häuser brennen.'];
      expect((await tenant.find('Haus')).sort()).toEqual(found);
      const index = await tenant.index();
      await tenant.reindex('german');
      expect(await tenant.index()).toEqual(index);
    });

    it('leaves the old index whole when its process is killed, and is done by the next', async () => {
      const before = await tenant.rows();
      await midway(async () => {
        const command = ['--import', 'tsx', 'src/cli/triptych.ts', 'tenant', 'language', tenant.id, 'german'];
        const env = { PATH: process.env['PATH'], DATABASE_URL: home.settings.url };
        const child = spawn(process.execPath, command, { env, stdio: 'ignore' });
        const ended = once(child, 'exit');
        await waiting(1);
        child.kill('SIGKILL');
        await ended;
      });
      expect(await tenant.rows()).toEqual(before);
      await tenant.store('We went camping.');
      expect(await tenant.find('camped')).toEqual(['We went camping.']);
      expect(await tenant.find('Haus')).toEqual([]);
      await tenant.reindex('german');
      expect(await tenant.find('Haus')).toEqual(['Die Häuser stehen am See.']);
    });

    it('comes to an end with units of work that lock contents', async () => {
      const outside = AsyncLocalStorage.snapshot();
      const database = service.app.get(Database);
      const said = 'Dann das andere.';
      let rewrite: Promise<unknown> | undefined;
      let other: Promise<MemoryEntry> | undefined;
      const copy = await tenant.as(() =>
        database.unitOfWork(async () => {
          await tenant.store('Erst das eine.');
          // Begun again where both connections count in the same shard: one in sixteen, as their processes have it.
          if (!rewrite) {
            rewrite = outside(() => tenant.reindex('german'));
            await waiting(1);
            other = outside(() => tenant.store(said, {}, { deduplicate: true }));
            await waiting(2);
          }
          return tenant.store(said, {}, { deduplicate: true });
        }),
      );
      await rewrite;
      expect((await other)?.memoryId).toBe(copy.memoryId);
      expect(copy.copies).toBe(2);
      const index = await tenant.index();
      await tenant.reindex('german');
      expect(await tenant.index()).toEqual(index);
    });

    it('knows with what the migration wrote the index of memories that were there', async () => {
      const before = await postgres();
      const first = await TestService.start(before, { recall: { textSearch: 'simple' } });
      await new Tenant(first, 'old').store('We went camping.');
      await first.stop();
      const options = checkOptions({ database: before.settings });
      const migrations = await new MigrationDataSource({ options, entities: [] }).initialize();
      const isThere = `SELECT to_regclass('shared.recall_settings') IS NOT NULL AS yes`;
      while ((await migrations.query<{ yes: boolean }[]>(isThere))[0]?.yes)
        await migrations.undoLastMigration();
      await migrations.runMigrations();
      await migrations.destroy();
      const second = await TestService.start(before, { recall: { textSearch: 'simple' } });
      expect(await new Tenant(second, 'old').find('camped')).toEqual(['We went camping.']);
      await second.stop();
      await before.drop();
    });

    it('makes nobody wait for the first memory of a tenant', async () => {
      const outside = AsyncLocalStorage.snapshot();
      const fresh = new Tenant(service, 'fresh');
      await fresh.as(() =>
        service.app.get(Database).unitOfWork(async () => {
          await fresh.store('The first.');
          await outside(() => fresh.store('The second, committed before.'));
        }),
      );
      expect(await fresh.find('commit')).toEqual(['The second, committed before.']);
    });
  });
