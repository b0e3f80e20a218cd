import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawnSync } from 'node:child_process';
import {
  chownSync,
  closeSync,
  mkdtempSync,
  openSync,
  rmdirSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { Database } from '../src/database/database.js';
import { PostgresCluster } from './support/postgres-cluster.js';
import { TestService, type Answer } from './support/service.js';
import { TcpProxy } from './support/tcp-proxy.js';

/** Small, so that a deadline is soon over: 1.5 s for a connection, 1 s and the margin of 2 s for a statement. */
const LIMITS = { poolSize: 4, poolWaitMs: 1_500, statementTimeoutMs: 1_000, lockTimeoutMs: 500 };
/** For whatever must come, on a slow machine too. */
const PATIENCE_MS = 30_000;
const TENANT = 'acme';

const isPossible = PostgresCluster.isPossible && process.env['TEST_DATABASE_URL'] !== undefined;
if (!isPossible)
  process.stdout.write(
    'PostgreSQL away: skipped, since PostgreSQL 15, /proc or TEST_DATABASE_URL is missing here.\n',
  );

/** A folder with little room: a file system in memory. Undefined where none may be mounted. */
function smallDisk(bytes: number, owner: number): string | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'triptych-small-'));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', folder]).status === 0) {
    chownSync(folder, owner, owner);
    return folder;
  }
  rmdirSync(folder);
  return undefined;
}

/** Takes all that is left. */
function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (const size of [1_048_576, 4_096, 1]) {
      const block = Buffer.alloc(size);
      for (;;) if (writeSync(descriptor, block) < size) break;
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(descriptor);
  }
}

(isPossible ? describe : describe.skip)('while PostgreSQL is away', () => {
  let cluster: PostgresCluster;
  let proxy: TcpProxy;
  let service: TestService;
  const acknowledged: string[] = [];
  let counter = 0;

  beforeAll(async () => {
    cluster = await PostgresCluster.start();
    proxy = await TcpProxy.start(cluster.url);
    service = await TestService.start({
      engine: 'postgres',
      settings: { url: proxy.urlOf(cluster.url), migrateOnStart: true, ...LIMITS },
      drop: () => Promise.resolve(),
    });
    await append();
  });
  afterAll(async () => {
    await service.stop();
    await proxy.close();
    await cluster.stop();
  });

  afterEach(() => proxy.become({ kind: 'pass' }));

  /** Beside the proxy. */
  async function asOwner(...statements: string[]): Promise<pg.QueryResult[]> {
    const client = new pg.Client(cluster.url);
    await client.connect();
    const results: pg.QueryResult[] = [];
    for (const statement of statements) results.push(await client.query(statement));
    await client.end();
    return results;
  }

  async function append(): Promise<Answer> {
    const content = `message ${(counter += 1)}`;
    const answer = await service.as(TENANT).post('/v1/sessions/t/messages', {
      messages: [{ role: 'user', content }],
    });
    if (answer.status === 201) acknowledged.push(content);
    return answer;
  }

  /** A request of each kind. */
  function everything(): Promise<Answer>[] {
    const client = service.as(TENANT);
    return [
      append(),
      client.get('/v1/sessions/t/messages'),
      client.get('/v1/sessions'),
      client.post('/v1/memories', { agentId: 'a', content: `fact ${counter}` }),
      client.get('/v1/memories'),
      client.post('/v1/memories/search', { query: 'fact' }),
      client.post('/v1/context/compile', {
        threadId: 't',
        systemPrompt: 'Be kind.',
        task: { description: 'x' },
      }),
    ];
  }

  function expectAway(answer: Answer): void {
    expect([answer.status, answer.text]).toEqual([
      503,
      expect.stringContaining('urn:triptych:problem:database_'),
    ]);
    expect(answer.body).toMatchObject({
      status: 503,
      code: expect.stringMatching(/^database_(unavailable|busy)$/) as unknown,
    });
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }

  async function until(isSo: () => Promise<boolean>, what: string): Promise<number> {
    const begin = performance.now();
    while (!(await isSo())) {
      if (performance.now() - begin > PATIENCE_MS)
        throw new Error(`In ${PATIENCE_MS} ms it did not become so: ${what}`);
      await sleep(50);
    }
    return performance.now() - begin;
  }

  const isReady = async (): Promise<boolean> => (await service.send('GET', '/health/ready')).status === 200;

  /** Live, not ready, and every request told to come back. */
  async function expectOut(requests = everything): Promise<void> {
    const begin = performance.now();
    const [live, metrics, ...answers] = await Promise.all([
      service.send('GET', '/health/live'),
      service.send('GET', '/metrics'),
      ...requests(),
    ]);
    const ms = Math.round(performance.now() - begin);
    // After them: of a full disk, only a write can tell.
    const ready = await service.send('GET', '/health/ready');
    process.stdout.write(`${expect.getState().currentTestName ?? ''}: answered within ${ms} ms\n`);
    for (const answer of answers) expectAway(answer);
    expect([live.status, ready.status, metrics.status]).toEqual([200, 503, 200]);
  }

  /** Everything works again, and every acknowledged message is there. */
  async function expectBack(): Promise<void> {
    const ms = await until(async () => {
      const answers = await Promise.all(everything());
      const statuses = answers.map(({ status }) => status);
      // Until then each says so.
      for (const answer of answers) if (answer.status >= 300) expectAway(answer);
      return (await isReady()) && statuses.every((status) => status < 300);
    }, 'it serves again');
    process.stdout.write(`${expect.getState().currentTestName ?? ''}: back after ${Math.round(ms)} ms\n`);
    const [log] = await asOwner(`SELECT body ->> 'content' AS content FROM shared.session_messages`);
    const stored = (log?.rows as { content: string }[]).map(({ content }) => content);
    expect(new Set(stored).size).toBe(stored.length);
    expect(acknowledged.filter((content) => !stored.includes(content))).toEqual([]);
    // One is beside the pool.
    await until(() => Promise.resolve(proxy.open <= LIMITS.poolSize + 1), 'no connection leaks');
  }

  it('was killed', async () => {
    await Promise.all(everything());
    await cluster.kill({ withBackends: true });
    await expectOut();
    await expectOut();
    await cluster.restart();
    await expectBack();
  });

  it('has its backends killed under load', async () => {
    let isOver = false;
    const wrong: unknown[] = [];
    const load = Array.from({ length: 6 }, async () => {
      while (!isOver) {
        const answer = await append();
        if (answer.status !== 201 && answer.status !== 503) wrong.push(answer.text);
      }
    });
    let killed = 0;
    for (let round = 0; round < 10; round += 1) {
      const [result] = await asOwner(
        `SELECT count(pg_terminate_backend(pid))::int AS count FROM pg_stat_activity WHERE application_name = 'triptych'`,
      );
      killed += (result?.rows[0] as { count: number }).count;
      await sleep(50);
    }
    isOver = true;
    await Promise.all(load);
    expect(wrong).toEqual([]);
    expect(killed).toBeGreaterThan(0);
    await expectBack();
  });

  it('is behind a network that swallows everything', async () => {
    await Promise.all(everything());
    await proxy.become({ kind: 'blackHole' });
    await expectOut();
    await expectOut();
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it('went silent on one connection, and the others, which took the same way, are not tried', async () => {
    await Promise.all([...everything(), ...everything()]);
    const { pool } = service.app.get(Database);
    expect(pool.idleCount).toBeGreaterThan(1);
    await proxy.become({ kind: 'blackHole' });
    expectAway(await append());
    expect(pool.idleCount).toBe(0);
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it('is behind a network that loses what is under way, whatever the deadline of a statement', async () => {
    const patient = await TestService.start({
      engine: 'postgres',
      settings: {
        url: proxy.urlOf(cluster.url),
        poolSize: 2,
        poolWaitMs: 1_500,
        statementTimeoutMs: 600_000,
      },
      drop: () => Promise.resolve(),
    });
    const read = (): Promise<Answer> => patient.as(TENANT).get('/v1/sessions/t/messages');
    await Promise.all([read(), read()]);
    await proxy.become({ kind: 'blackHole' });
    const stuck = [read(), read()];
    for (const answer of await Promise.all([read(), read()])) expectAway(answer);
    await proxy.become({ kind: 'pass' });
    const ms = await until(async () => (await read()).status === 200, 'it serves again');
    process.stdout.write(`what was under way is lost: back after ${Math.round(ms)} ms\n`);
    for (const answer of await Promise.all(stuck)) expectAway(answer);
    await patient.stop();
  });

  it('is busy for long, which is not to be lost', async () => {
    const patient = await TestService.start({
      engine: 'postgres',
      settings: { url: proxy.urlOf(cluster.url), poolSize: 1, poolWaitMs: 2_500, statementTimeoutMs: 60_000 },
      drop: () => Promise.resolve(),
    });
    const slow = patient.app.get(Database).query('SELECT pg_sleep(6) IS NULL AS done');
    await sleep(1_500);
    const answer = await patient.as(TENANT).get('/v1/sessions');
    expectAway(answer);
    expect(answer.body).toMatchObject({ code: 'database_busy' });
    expect(await slow).toEqual([{ done: false }]);
    await patient.stop();
  });

  it('refuses connections, and resets those that there are', async () => {
    await proxy.become({ kind: 'reset' });
    await expectOut();
    await proxy.become({ kind: 'refuse' });
    await expectOut();
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it('is slower than anybody waits', async () => {
    await proxy.become({ kind: 'delay', ms: 5_000 });
    await expectOut();
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it('is slow, and serves', async () => {
    await proxy.become({ kind: 'delay', ms: 20 });
    for (const { status } of await Promise.all(everything())) expect(status).toBeLessThan(300);
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it('drips', async () => {
    await proxy.become({ kind: 'drip', bytes: 1 });
    await expectOut();
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it.each([
    ['up', 60],
    ['up', 700],
    ['down', 60],
    ['down', 700],
  ] as const)('is cut off in the middle of a message, on the way %s after %i bytes', async (of, after) => {
    await proxy.become({ kind: 'cut', of, after });
    for (const answer of await Promise.all([...everything(), append(), append()]))
      if (answer.status >= 300) expectAway(answer);
    await proxy.become({ kind: 'pass' });
    await expectBack();
  });

  it('is read-only', async () => {
    await asOwner(`ALTER SYSTEM SET default_transaction_read_only = on`, 'SELECT pg_reload_conf()');
    await until(async () => !(await isReady()), 'the service is not ready');
    const client = service.as(TENANT);
    await expectOut(() => [append(), client.post('/v1/memories', { agentId: 'a', content: 'no room' })]);
    // What needs no writing is answered as ever.
    expect((await client.get('/v1/sessions/t/messages')).status).toBe(200);
    await asOwner(
      'SET default_transaction_read_only = off',
      'ALTER SYSTEM RESET default_transaction_read_only',
      'SELECT pg_reload_conf()',
    );
    await expectBack();
  });

  it('says that it has no room', async () => {
    await asOwner(
      `CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS
       $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$`,
      `CREATE TRIGGER no_room BEFORE INSERT ON shared.session_messages FOR EACH ROW EXECUTE FUNCTION public.no_room()`,
    );
    await expectOut(() => [append()]);
    const { body } = await append();
    expect(body).toMatchObject({ detail: expect.stringContaining('its disk is full') as unknown });
    await asOwner('DROP FUNCTION public.no_room() CASCADE');
    await expectBack();
  });

  it('has no room on its disk', async () => {
    const disk = smallDisk(64 * 1_048_576, statSync(cluster.folder).uid);
    if (!disk) {
      process.stdout.write('A full disk: skipped, since no file system may be mounted here.\n');
      return;
    }
    const rest = join(disk, 'rest');
    const tables = ['session_messages', 'sessions', 'audit_log'].map((name) => `shared.${name}`);
    const move = (to: string): string[] => tables.map((table) => `ALTER TABLE ${table} SET TABLESPACE ${to}`);
    try {
      await asOwner(`CREATE TABLESPACE small LOCATION '${disk}'`, ...move('small'));
      fill(rest);
      // Pages that are there still have room.
      const messages = [
        { role: 'user', content: Array.from({ length: 4_000 }, () => Math.random()).join(' ') },
      ];
      const write = (): Promise<Answer> =>
        service.as(TENANT).post('/v1/sessions/large/messages', { messages });
      await until(async () => (await write()).status !== 201, 'the disk is full');
      const answer = await write();
      expectAway(answer);
      expect(answer.body).toMatchObject({ detail: expect.stringContaining('its disk is full') as unknown });
      await expectOut(() => [write()]);
      expect((await service.as(TENANT).get('/v1/sessions/t/messages')).status).toBe(200);
      unlinkSync(rest);
      await expectBack();
    } finally {
      await asOwner(...move('pg_default'), 'DROP TABLESPACE small');
      spawnSync('umount', [disk]);
      rmdirSync(disk);
    }
  });
});
