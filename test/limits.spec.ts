import { describe, expect, it, jest } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SessionStore } from '../src/session/session-store.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
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
  });
