import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { DatabaseBusyError } from '../src/errors.js';
import { problemOf } from '../src/http/problem.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { PgBouncer } from './support/pgbouncer.js';
import { TcpProxy } from './support/tcp-proxy.js';

const LIMITS = {
  poolSize: 2,
  poolWaitMs: 1_000,
  statementTimeoutMs: 3_000,
  lockTimeoutMs: 1_000,
  idleTransactionTimeoutMs: 1_500,
};
/** Linux's list of connections. */
const TCP_TABLE = '/proc/net/tcp';
const hasServer = process.env['TEST_DATABASE_URL'] !== undefined;
const NAMES = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
const SETTINGS = `SELECT ${NAMES.map((name) => `current_setting('${name}') AS ${name}`).join(', ')}`;
const IN_FORCE = {
  statement_timeout: '3s',
  lock_timeout: '1s',
  idle_in_transaction_session_timeout: '1500ms',
};
const NONE = { statement_timeout: '0', lock_timeout: '0', idle_in_transaction_session_timeout: '0' };

const open = (url: string, limits: Partial<typeof LIMITS> = {}): Promise<Database> =>
  Database.open({
    options: checkOptions({ database: { url, ...LIMITS, ...limits } }),
    entities: [],
    tenantOfCaller: () => 'acme',
  });

const problemWith = async (
  work: Promise<unknown>,
): Promise<{ status: number; code: string; detail: string }> => {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { status, code, detail } = problemOf(error);
  return { status, code, detail };
};
const unavailable = (detail: string): unknown => ({
  status: 503,
  code: 'database_unavailable',
  detail: expect.stringContaining(detail) as unknown,
});

(hasServer ? describe : describe.skip)('the limits of the database', () => {
  let home: TestDatabase;
  let url: string;
  let bouncer: PgBouncer | undefined;
  beforeAll(async () => {
    home = await postgres();
    url = home.settings.url ?? '';
    if (PgBouncer.isInstalled) bouncer = await PgBouncer.start(url, 4);
  });
  afterAll(async () => {
    await bouncer?.stop();
    await home.drop();
  });

  const ways = PgBouncer.isInstalled ? (['direct', 'PgBouncer'] as const) : (['direct'] as const);
  describe.each(ways)('%s', (way) => {
    let database: Database;
    beforeEach(async () => {
      database = await open(way === 'direct' ? url : (bouncer as PgBouncer).urlOf(url));
    });
    afterEach(() => database.close());

    it('are in force on every way to a connection', async () => {
      for (let round = 0; round < 3; round += 1) {
        expect(await database.query(SETTINGS)).toEqual([IN_FORCE]);
        expect(await database.dataSource.query(SETTINGS)).toEqual([IN_FORCE]);
        expect(await database.unitOfWork(() => database.query(SETTINGS))).toEqual([IN_FORCE]);
        expect(await database.dataSource.transaction((manager) => manager.query(SETTINGS))).toEqual([
          IN_FORCE,
        ]);
      }
      expect((await database.pool.query(SETTINGS)).rows).toEqual([IN_FORCE]);
    });

    it('are lifted for long work, and for that alone', async () => {
      const seen = await database.unitOfWork(
        async () => {
          await database.query('SELECT pg_sleep(5.5)'); // longer than statement_timeout and its margin
          return database.query(SETTINGS);
        },
        { isLong: true },
      );
      expect(seen).toEqual([NONE]);
      for (let round = 0; round < 4; round += 1) expect(await database.query(SETTINGS)).toEqual([IN_FORCE]);
    });

    it('end a statement that takes too long, and the connection serves on', async () => {
      const slow = database.query('SELECT pg_sleep(60)');
      expect(await problemWith(slow)).toEqual(unavailable('ended a statement that took too long'));
      expect(await problemWith(database.unitOfWork(() => database.query('SELECT pg_sleep(60)')))).toEqual(
        unavailable('ended a statement that took too long'),
      );
      expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });

    it('end the wait for a lock', async () => {
      const locker = new pg.Client(url);
      await locker.connect();
      await locker.query('BEGIN; LOCK TABLE shared.sessions');
      try {
        const waiting = database.query(`SELECT * FROM shared.sessions`);
        expect(await problemWith(waiting)).toEqual(unavailable('was locked by another one for too long'));
      } finally {
        await locker.end();
      }
    });

    it('end a transaction in which nothing happens, and nobody gets its connection', async () => {
      const idle = database.unitOfWork(async () => {
        await sleep(2_500);
        await database.query('SELECT 1');
      });
      expect(await problemWith(idle)).toMatchObject({ status: 503, code: 'database_unavailable' });
      for (let round = 0; round < 4; round += 1)
        expect(await database.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    });

    it('name an exhausted pool after a bounded wait, and lose no connection', async () => {
      let release = (): void => undefined;
      const held = new Promise<void>((resolve) => (release = resolve));
      const holders = [1, 2].map(() =>
        database.unitOfWork(() => database.query('SELECT 1').then(() => held)),
      );
      await sleep(50);
      const waiters = Array.from({ length: 20 }, () => problemWith(database.query('SELECT 1')));
      for (const problem of await Promise.all(waiters)) {
        const { status, code } = problem;
        expect({ status, code }).toEqual({ status: 503, code: 'database_busy' });
        expect(problem.detail).toMatch(/All 2 connections .* in use for 1000 ms.*DATABASE_POOL_SIZE/);
      }
      expect(problemOf(new DatabaseBusyError(2, 1_000))['retryAfter']).toBe(1);
      // A health check takes none of them.
      await database.checkServing();
      release();
      await Promise.all(holders);
      // One by one and all at once, more often than there are connections.
      const after = Array.from({ length: 20 }, () => database.query('SELECT 1 AS one'));
      for (const rows of await Promise.all(after)) expect(rows).toEqual([{ one: 1 }]);
      const { totalCount, idleCount, waitingCount } = database.pool;
      expect([totalCount - idleCount, waitingCount]).toEqual([0, 0]);
    });

    it('lose none to who gave up just before', async () => {
      // The holders end while the waiters give up.
      for (let round = 0; round < 5; round += 1) {
        const holders = [1, 2].map(() => database.query('SELECT pg_sleep(1)'));
        const waiters = Array.from({ length: 10 }, () =>
          database.query('SELECT 1').catch((error: unknown) => problemOf(error).status),
        );
        await Promise.all([...holders, ...waiters]);
      }
      const { totalCount, idleCount, waitingCount } = database.pool;
      expect([totalCount - idleCount, waitingCount]).toEqual([0, 0]);
    });
  });

  (PgBouncer.isInstalled ? it : it.skip)('stay in no session that others share', async () => {
    const shared = (bouncer as PgBouncer).urlOf(url);
    const database = await open(shared);
    await Promise.all(Array.from({ length: 10 }, () => database.query('SELECT 1')));
    const other = new pg.Client(shared);
    await other.connect();
    for (let round = 0; round < 4; round += 1) expect((await other.query(SETTINGS)).rows).toEqual([NONE]);
    await other.end();
    await database.close();
  });

  (existsSync(TCP_TABLE) ? it : it.skip)('say that every connection is to be kept alive', async () => {
    const proxy = await TcpProxy.start(url);
    const database = await open(proxy.urlOf(url));
    await database.query('SELECT 1');
    // Of what leads there: the timer, 02 for keep-alives, and in how many hundredths of a second it is due.
    const port = proxy.port.toString(16).toUpperCase().padStart(4, '0');
    const timers = readFileSync(TCP_TABLE, 'utf8')
      .split('\n')
      .flatMap((line) => new RegExp(`:${port} 01 \\S+ (\\d\\d):(\\w+) `).exec(line)?.slice(1, 3) ?? []);
    expect(timers.length).toBeGreaterThan(0);
    expect(timers[0]).toBe('02');
    expect(parseInt(timers[1] ?? '', 16) / 100).toBeLessThanOrEqual(10);
    await database.close();
    await proxy.close();
  });
});
