import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { Database } from '../../src/database/database.js';
import type { TestDatabase } from '../support/engines.js';
import { PostgresCluster } from '../support/postgres-cluster.js';
import { describeSchema } from '../support/schema.js';
import { TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';
import { TestFolder } from './folders.js';

const BIN = '/usr/lib/postgresql/15/bin';
const WRITERS = 6;
/** Acknowledged before the dump begins, and so in it. */
const BEFORE = 30;

const run = promisify(execFile);
const canDump = process.env['TEST_DATABASE_URL'] !== undefined && PostgresCluster.isPossible;
if (process.env['TEST_DATABASE_URL'] && !canDump)
  process.stdout.write('pg_dump: skipped, since PostgreSQL 15 or /proc is missing here.\n');

/** What a consistent database has none of. */
const INCONSISTENT = `
  SELECT 'session' AS of, thread_id AS id FROM shared.sessions AS s
   WHERE message_count <> (SELECT count(*) FROM shared.session_messages AS m
                            WHERE (m.tenant_id, m.session_id, m.namespace) = (s.tenant_id, s.session_id, '') AND live)
  UNION ALL
  SELECT 'memory', memory_id::text FROM shared.agent_memories AS m
   WHERE NOT EXISTS (SELECT FROM shared.recall_documents AS d
                      WHERE (d.tenant_id, d.memory_id) = (m.tenant_id, m.memory_id))
      OR NOT EXISTS (SELECT FROM shared.recall_postings AS p
                      WHERE (p.tenant_id, p.memory_id) = (m.tenant_id, m.memory_id))
      OR NOT EXISTS (SELECT FROM shared.memory_embeddings AS e
                      WHERE (e.tenant_id, e.memory_id) = (m.tenant_id, m.memory_id))
  UNION ALL
  SELECT 'audit', object_id FROM shared.audit_log AS a
   WHERE action = 'memory.store' AND NOT EXISTS (SELECT FROM shared.agent_memories AS m
                                                  WHERE (m.tenant_id, m.memory_id::text) = (a.tenant_id, a.object_id))`;

/** The role of the backup, as docs/operations.md makes it. */
const BACKUP_ROLE = `CREATE ROLE triptych_backup LOGIN BYPASSRLS; GRANT pg_read_all_data TO triptych_backup`;

(canDump ? describe : describe.skip)('pg_dump under load', () => {
  const folder = new TestFolder();
  const clusters: PostgresCluster[] = [];
  const services: TestService[] = [];

  beforeAll(async () => {
    clusters.push(...(await Promise.all([PostgresCluster.start(), PostgresCluster.start()])));
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    for (const cluster of clusters) await cluster.stop();
    folder.remove();
  });

  it('is restored with policies, roles and all that was acknowledged, consistent in itself', async () => {
    const [first, second] = clusters.map(({ url }) => ({ home: homeOf(url), url })) as [Server, Server];
    const service = await TestService.start({
      ...first.home,
      settings: { url: first.url, migrateOnStart: true },
    });
    services.push(service);
    await asSuperuser(first.home, service.app.get(Database), BACKUP_ROLE);

    const load = new Load(service);
    await load.reaches(BEFORE);
    const before = [...load.acknowledged];
    const backup = new URL(first.url);
    backup.username = 'triptych_backup';
    const roles = folder.file('roles.sql');
    const dump = folder.file('triptych.dump');
    await run(`${BIN}/pg_dumpall`, ['-d', backup.href, '--roles-only', '--no-role-passwords', '-f', roles]);
    await run(`${BIN}/pg_dump`, ['-d', backup.href, '-Fc', '-n', 'shared', '-n', 'checkpoints', '-f', dump]);
    const during = load.acknowledged.length - before.length;
    await load.stop();
    expect({ isUnderLoad: during > 0, failures: load.failures }).toEqual({ isUnderLoad: true, failures: [] });

    await run(`${BIN}/psql`, ['-d', second.url, '-q', '-f', roles]);
    await run(`${BIN}/psql`, ['-d', second.url, '-q', '-c', 'CREATE EXTENSION vector']);
    await run(`${BIN}/pg_restore`, ['-d', second.url, '--exit-on-error', dump]);

    const restored = await TestService.start(second.home);
    services.push(restored);
    const [here, there] = [service, restored].map(({ app }) => app.get(Database));
    expect(await describeSchema(ownerOf(second.home, there))).toBe(
      await describeSchema(ownerOf(first.home, here)),
    );
    expect(await asSuperuser(second.home, there as Database, INCONSISTENT)).toEqual([]);
    const missing: string[] = [];
    for (const path of before) if ((await restored.as('acme').get(path)).status !== 200) missing.push(path);
    expect(missing).toEqual([]);
    expect((await restored.as('other').get(before[0] ?? '')).status).toBe(404);
    const stored = { agentId: 'a', content: 'Written after the restore.' };
    expect((await restored.as('acme').post('/v1/memories', stored)).status).toBe(201);
  });

  it('refuses a role that policies bind, rather than leave rows out', async () => {
    const [{ url }] = clusters as [PostgresCluster];
    const plain = new URL(url);
    plain.username = 'plain_backup';
    const sql = 'CREATE ROLE plain_backup LOGIN; GRANT pg_read_all_data TO plain_backup';
    await run(`${BIN}/psql`, ['-d', url, '-q', '-c', sql]);
    await expect(
      run(`${BIN}/pg_dump`, ['-d', plain.href, '-Fc', '-n', 'shared', '-f', folder.file('plain.dump')]),
    ).rejects.toThrow(/row-level security policy/);
  });
});

interface Server {
  readonly home: TestDatabase;
  readonly url: string;
}

function homeOf(url: string): TestDatabase {
  return { engine: 'postgres', settings: { url }, drop: () => Promise.resolve() };
}

/** Reads the catalogue past every policy. */
function ownerOf(home: TestDatabase, database: Database | undefined): Parameters<typeof describeSchema>[0] {
  return { query: (sql: string) => asSuperuser(home, database as Database, sql) } as never;
}

/** Appends and stores without a pause, until it is stopped. */
class Load {
  /** Where each message or memory that was acknowledged is to be read. */
  readonly acknowledged: string[] = [];
  readonly failures: string[] = [];
  #isOver = false;
  readonly #writers: Promise<unknown>;

  constructor(private readonly service: TestService) {
    this.#writers = Promise.all(Array.from({ length: WRITERS }, (_, writer) => this.#write(writer)));
  }

  async reaches(count: number): Promise<void> {
    while (this.acknowledged.length < count) await new Promise(setImmediate);
  }

  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#writers;
  }

  async #write(writer: number): Promise<void> {
    const acme = this.service.as('acme');
    for (let turn = 0; !this.#isOver; turn += 1) {
      const content = `Note ${turn} of writer ${writer} about the lake house.`;
      if ((turn + writer) % 2 === 0) {
        const thread = `${writer}-${turn}`;
        const messages = Array.from({ length: 3 }, () => ({ role: 'user', content }));
        const { status, text } = await acme.post(`/v1/sessions/${thread}/messages`, { messages });
        if (status === 201) this.acknowledged.push(`/v1/sessions/${thread}/messages`);
        else this.failures.push(text);
      } else {
        const { status, text, body } = await acme.post('/v1/memories', { agentId: 'a', content });
        if (status === 201) this.acknowledged.push(`/v1/memories/${(body as { memoryId: string }).memoryId}`);
        else this.failures.push(text);
      }
    }
  }
}
