import { describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { TRIPTYCH_OPTIONS } from '../src/config/options.js';
import { Database } from '../src/database/database.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { TenantLimits } from '../src/tenancy/tenant-limits.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { longDay } from './support/long-day.js';
import { asOperator } from './support/operator.js';
import { TestService, type Answer } from './support/service.js';

const countOf = (answers: Answer[], status: number): number =>
  answers.filter((answer) => answer.status === status).length;

async function atOnce(times: number, send: () => Promise<Answer>): Promise<Answer[]> {
  return Promise.all(Array.from({ length: times }, send));
}

/** A database that outlives a service, on either engine. */
async function lasting(createDatabase: () => Promise<TestDatabase>): Promise<TestDatabase> {
  const created = await createDatabase();
  if (created.engine === 'postgres') return created;
  const folder = mkdtempSync(join(tmpdir(), 'triptych-limits-'));
  return {
    ...created,
    settings: { dataDir: folder },
    drop: () => {
      rmSync(folder, { recursive: true, force: true });
      return Promise.resolve();
    },
  };
}

describeOnEachEngine('the limits of a tenant', (createDatabase) => {
  it('admit a rate and a burst, refuse the rest with Retry-After, and touch nobody else', async () => {
    const database = await createDatabase();
    const service = await TestService.start(database, { limits: { rate: 5 } });
    const start = performance.now();
    const answers = await atOnce(100, () => service.as('loud').get('/v1/memories'));
    const seconds = Math.ceil((performance.now() - start) / 1_000);
    expect(countOf(answers, 200)).toBeGreaterThanOrEqual(10);
    expect(countOf(answers, 200)).toBeLessThanOrEqual(10 + 5 * seconds);
    expect(countOf(answers, 200) + countOf(answers, 429)).toBe(100);
    const refused = answers.find(({ status }) => status === 429);
    expect(refused).toMatchObject({ body: { code: 'rate_limited', retryAfter: 1 } });
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(await service.as('quiet').get('/v1/memories')).toMatchObject({ status: 200 });
    for (const path of ['/health/live', '/metrics', '/docs-json'])
      expect(countOf(await atOnce(20, () => service.send('GET', path)), 200)).toBe(20);
    await sleep(1_050);
    expect(await service.as('loud').get('/v1/memories')).toMatchObject({ status: 200 });
    await service.stop();
    await database.drop();
  });

  it('keep his requests in a line, and nobody else behind it', async () => {
    const database = await createDatabase();
    const service = await TestService.start(database, { limits: { concurrency: 2 } });
    const sessions = service.app.get(SessionStore);
    let atWork = 0;
    let most = 0;
    jest.spyOn(sessions, 'listSessions').mockImplementation(async () => {
      atWork += 1;
      most = Math.max(most, atWork);
      // Somebody else is answered while all of these are worked on or wait.
      expect(await service.as('quiet').get('/v1/memories')).toMatchObject({ status: 200 });
      atWork -= 1;
      return { sessions: [], nextCursor: null };
    });
    try {
      const answers = await atOnce(20, () => service.as('loud').get('/v1/sessions'));
      expect(countOf(answers, 200)).toBe(20);
      expect(most).toBe(2);
    } finally {
      await service.stop();
      await database.drop();
    }
  });

  it('hold for a day, over a restart, and count only what was admitted', async () => {
    const database = await lasting(createDatabase);
    const limits = { dailyQuota: 5 };
    await longDay();
    const first = await TestService.start(database, { limits });
    const answers = await atOnce(4, () => first.as('acme').get('/v1/memories'));
    expect(countOf(answers, 200)).toBe(4);
    await first.stop();
    const second = await TestService.start(database, { limits });
    expect(await second.as('acme').get('/v1/memories')).toMatchObject({ status: 200 });
    const refused = await second.as('acme').get('/v1/memories');
    expect(refused).toMatchObject({ status: 429, body: { code: 'quota_exceeded' } });
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(86_400);
    expect(await second.as('other').get('/v1/memories')).toMatchObject({ status: 200 });
    await second.stop();
    const third = await TestService.start(database, { limits });
    const usage = await asOperator(third, database, (_registry, query) =>
      query(`SELECT tenant_id, requests::int AS requests FROM shared.usage ORDER BY tenant_id`),
    );
    expect(usage).toEqual([
      { tenant_id: 'acme', requests: 5 },
      { tenant_id: 'other', requests: 1 },
    ]);
    await third.stop();
    await database.drop();
  });

  it('are those of the day in which a request came, and begin anew with the next one', async () => {
    const database = await createDatabase();
    const service = await TestService.start(database, { limits: { dailyQuota: 2 } });
    const { app } = service;
    const limits = (): TenantLimits =>
      new TenantLimits(app.get(TRIPTYCH_OPTIONS), app.get(Database), app.get(TenantContext));
    const realNow = Date.now;
    let ahead = 0;
    const goTo = (time: string): void => {
      const day = new Date(realNow() + 86_400_000).toISOString().slice(0, 10);
      ahead = Date.parse(`${day}T${time}Z`) - realNow();
    };
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => realNow() + ahead);
    try {
      goTo('12:00:00.000');
      const first = limits();
      for (const _ of [1, 2]) await first.admit('acme');
      await first.beforeApplicationShutdown();
      // What the day counted is read after its end.
      goTo('23:59:59.900');
      const second = limits();
      const late = second.admit('acme');
      ahead += 200;
      await expect(late).rejects.toMatchObject({ code: 'quota_exceeded', extensions: { retryAfter: 1 } });
      for (const _ of [1, 2]) await second.admit('acme');
      await expect(second.admit('acme')).rejects.toMatchObject({ code: 'quota_exceeded' });
    } finally {
      clock.mockRestore();
      await service.stop();
      await database.drop();
    }
  });

  it('are those of the tenant when it has its own', async () => {
    const database = await createDatabase();
    const service = await TestService.start(database, { auth: { mode: 'api-key' }, limits: { rate: 1 } });
    const [free, none] = await asOperator(service, database, async (registry) => {
      await registry.create({ tenantId: 'free', rateLimit: 0 });
      await registry.create({ tenantId: 'none', rateLimit: 0, dailyQuota: 2 });
      return [await registry.createKey('free'), await registry.createKey('none')];
    });
    const get = (key: string): Promise<Answer> =>
      service.send('GET', '/v1/memories', undefined, { authorization: `Bearer ${key}` });
    expect(countOf(await atOnce(20, () => get(free.key)), 200)).toBe(20);
    expect(countOf(await atOnce(20, () => get(none.key)), 200)).toBe(2);
    await service.stop();
    await database.drop();
  });
});

if (process.env['TEST_DATABASE_URL'])
  describe('a quota over two services', () => {
    it('is overshot by no more than what they admit between two flushes', async () => {
      const database = await postgres();
      const limits = { dailyQuota: 10 };
      const services = [
        await TestService.start(database, { limits }),
        await TestService.start(database, { limits }),
      ];
      const [one, two] = services as [TestService, TestService];
      expect(countOf(await atOnce(6, () => one.as('acme').get('/v1/memories')), 200)).toBe(6);
      await two.as('acme').get('/v1/memories');
      // A flush is due every second, and the limits are read again after five.
      await sleep(6_500);
      expect(countOf(await atOnce(20, () => two.as('acme').get('/v1/memories')), 200)).toBe(3);
      for (const service of services) await service.stop();
      await database.drop();
    });

    it('holds no stop up when it cannot be written', async () => {
      const database = await postgres();
      const service = await TestService.start(database, { limits: { dailyQuota: 10 } });
      const other = new pg.Client(database.settings.url);
      await other.connect();
      try {
        await other.query('BEGIN; LOCK TABLE shared.usage IN SHARE MODE');
        expect((await service.as('acme').get('/v1/memories')).status).toBe(200);
        // Two flushes are due meanwhile, and the first of them waits for the lock.
        await sleep(2_100);
        const start = performance.now();
        await service.stop();
        // The pool waits for that statement too; three flushes one after the other would take 28 s.
        expect(performance.now() - start).toBeLessThan(15_000);
      } finally {
        await other.end();
        await database.drop();
      }
    });
  });
