import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { ConnectionSlots } from '../src/database/connection-slots.js';
import { Database } from '../src/database/database.js';
import { problemOf } from '../src/http/problem.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

const LOCK_BOTH = 'SELECT value FROM public.numbers ORDER BY value FOR UPDATE';
const lock = (value: number): string => `SELECT value FROM public.numbers WHERE value = ${value} FOR UPDATE`;

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)(
  'what PostgreSQL undoes for the sake of another transaction',
  () => {
    let home: TestDatabase;
    let database: Database;
    let rival: pg.Client;
    beforeAll(async () => {
      home = await postgres();
      rival = new pg.Client(home.settings.url);
      await rival.connect();
      // In each deadlock the service is the one that finds it, and has to give way. It looks once, after so long.
      await rival.query(
        `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''3s''', current_database()); END $$`,
      );
      await rival.query(`SET deadlock_timeout = '1h'`);
      const options = checkOptions({ database: { ...home.settings, poolSize: 1 } });
      database = await Database.open({ options, entities: [], tenantOfCaller: () => 'acme' });
      await rival.query(
        'CREATE TABLE public.numbers (value int PRIMARY KEY, changes int NOT NULL DEFAULT 0)',
      );
      await rival.query('GRANT ALL ON public.numbers TO PUBLIC');
    });
    beforeEach(async () => {
      await rival.query('TRUNCATE public.numbers');
      await rival.query('INSERT INTO public.numbers VALUES (1), (2)');
    });
    afterEach(() => rival.query('ROLLBACK'));
    afterAll(async () => {
      await rival.end();
      await database.close();
      await home.drop();
    });

    /** Resolves when the service waits for a lock that the rival has. */
    const isWaiting = async (): Promise<void> => {
      const waiting = `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      while ((await rival.query(waiting)).rowCount === 0) await sleep(5);
    };
    /** Takes what the service waits for, then what it has; on return the service has given way. */
    const cross = async (): Promise<void> => {
      await isWaiting();
      await rival.query(lock(1));
    };
    const changes = async (): Promise<number[]> =>
      (await database.query<{ changes: number }>('SELECT changes FROM public.numbers ORDER BY value')).map(
        (row) => row.changes,
      );

    it('is done again, and its caller is told of nothing', async () => {
      await rival.query('BEGIN');
      await rival.query(lock(2));
      let attempts = 0;
      let crossed = Promise.resolve();
      const committed: number[] = [];
      const work = database.unitOfWork(async () => {
        const attempt = (attempts += 1);
        // Not before the rival has what it waited for: it may take longer to wake up than the service to begin again.
        if (attempt > 1) await crossed;
        database.afterCommit(() => committed.push(attempt));
        await database.query('UPDATE public.numbers SET changes = changes + 1 WHERE value = 1');
        // The ones that follow the first are told that their transaction is over, and nothing of why.
        await Promise.all([
          database
            .query('UPDATE public.numbers SET changes = changes + 1 WHERE value = 2')
            .catch(() => undefined),
          database.query('UPDATE public.numbers SET changes = changes + 1 WHERE value = 2'),
        ]);
        return 'done';
      });
      crossed = cross();
      await crossed;
      await rival.query('COMMIT');
      await expect(work).resolves.toBe('done');
      expect(attempts).toBe(2);
      expect(committed).toEqual([2]);
      expect(await changes()).toEqual([1, 2]);
    });

    it('is sent again when it is one statement, whoever borrowed the connection', async () => {
      for (const ask of [
        () => database.query(LOCK_BOTH),
        () => database.dataSource.query<unknown[]>(LOCK_BOTH),
        () => database.queryAsWorker(LOCK_BOTH),
      ]) {
        await rival.query('BEGIN');
        await rival.query(lock(2));
        const asked = ask();
        await cross();
        await rival.query('COMMIT');
        expect(await asked).toEqual([{ value: 1 }, { value: 2 }]);
      }
    });

    it('is told as a moment’s trouble when it met others for as long as a lock is waited for', async () => {
      const options = checkOptions({ database: { ...home.settings, poolSize: 1, lockTimeoutMs: 2_000 } });
      const impatient = await Database.open({ options, entities: [], tenantOfCaller: () => 'acme' });
      let attempts = 0;
      const work = impatient.unitOfWork(async () => {
        attempts += 1;
        await impatient.query(`DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$`);
      });
      const problem = await work.catch(problemOf);
      await impatient.close();
      expect(problem).toMatchObject({
        status: 503,
        code: 'database_unavailable',
        detail: expect.stringContaining('for the sake of another one') as unknown,
      });
      expect(attempts).toBeGreaterThan(2);
    });

    it('is left when nobody waits for it any more', async () => {
      const leave = new AbortController();
      let attempts = 0;
      const work = database.through(new ConnectionSlots(1), leave.signal, () =>
        database.unitOfWork(async () => {
          attempts += 1;
          if (attempts === 2) leave.abort();
          await database.query(`DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$`);
        }),
      );
      await expect(work).rejects.toThrow('conflict');
      expect(attempts).toBe(2);
    });

    it('is not done again when it is long, or failed for a reason of its own', async () => {
      let attempts = 0;
      const failing = (code: string) => async (): Promise<void> => {
        attempts += 1;
        await database.query(`DO $$ BEGIN RAISE EXCEPTION 'failed' USING ERRCODE = '${code}'; END $$`);
      };
      await expect(database.unitOfWork(failing('40001'), { isLong: true })).rejects.toThrow('failed');
      expect(attempts).toBe(1);
      await expect(database.unitOfWork(failing('40003'))).rejects.toThrow('failed');
      await expect(database.unitOfWork(failing('23505'))).rejects.toThrow('failed');
      expect(attempts).toBe(3);
    });
  },
);

(process.env['TEST_DATABASE_URL'] ? it : it.skip)(
  'a stricter isolation that the database has set refuses nobody',
  async () => {
    const home = await postgres();
    const owner = new pg.Client(home.settings.url);
    await owner.connect();
    await owner.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database()); END $$`,
    );
    await owner.end();
    const service = await TestService.start(home);
    const acme = service.as('acme');
    const appended = await Promise.all(
      Array.from({ length: 12 }, (_, index) =>
        acme.post('/v1/sessions/t/messages', { messages: [{ role: 'user', content: `from ${index}` }] }),
      ),
    );
    expect(appended.map(({ status }) => status)).toEqual(appended.map(() => 201));
    await service.stop();
    await home.drop();
  },
);
