// Over 200 lines: one promise a test, each on both engines.
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { ContextReceipts } from '../src/context/context-receipts.js';
import { ReceiptWriter } from '../src/context/receipt-writer.js';
import { Database } from '../src/database/database.js';
import { NotFoundError } from '../src/errors.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { fingerprintsUpTo, receiptOf } from './support/receipts.js';
import { TestService } from './support/service.js';
import { asSuperuser } from './support/superuser.js';

const KEPT = 3;
const UNKNOWN = '0190163d-8694-739b-aea5-966c26f8ad91';

describeOnEachEngine('receipts', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let receipts: ContextReceipts;
  let sessions: SessionStore;
  let database: Database;
  let tenant = '';
  let count = 0;
  let leftOut: unknown[] = [];
  const unhandled: unknown[] = [];
  const note = (error: unknown): unknown => unhandled.push(error);
  const as = <T>(work: () => T, name = tenant): T => service.app.get(TenantContext).run(name, work);
  const begin = (threadId: string): Promise<unknown> =>
    as(() => sessions.appendMessages(threadId, [{ role: 'user', content: 'Hello.' }]));
  /** Keeps a receipt and answers its id, before anything can be written. */
  const keep = (threadId: string, { of = receipts, messages = 2, sessionId = '' } = {}): string => {
    const receiptId = of.newId();
    of.keep({
      receiptId,
      threadId,
      receipt: receiptOf(messages, { id: receiptId }),
      fingerprints: fingerprintsUpTo(messages),
      ...(sessionId && { sessionId }),
    });
    return receiptId;
  };
  const listed = async (threadId: string): Promise<string[]> =>
    (await as(() => receipts.list(threadId, { limit: 1_000 }))).receipts.map(({ receiptId }) => receiptId);
  const stored = (): Promise<Record<string, unknown>[]> =>
    asSuperuser(
      home,
      database,
      `SELECT receipt_id FROM shared.context_receipts WHERE tenant_id = '${tenant}' ORDER BY receipt_id DESC`,
    );

  /** Throws after 20 s. */
  const until = async (holds: () => Promise<boolean>): Promise<void> => {
    const end = Date.now() + 20_000;
    while (!(await holds())) {
      if (Date.now() > end) throw new Error('It never came.');
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  };

  beforeAll(async () => {
    process.on('unhandledRejection', note);
    home = await createDatabase();
    service = await TestService.start(home, { receipts: { kept: KEPT } });
    receipts = service.app.get(ContextReceipts);
    sessions = service.app.get(SessionStore);
    database = service.app.get(Database);
  });
  beforeEach(() => {
    tenant = `tenant-${(count += 1)}`;
    leftOut = [];
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((line: unknown) => {
      leftOut.push(line);
    });
  });
  afterEach(async () => {
    await receipts.settled();
    jest.restoreAllMocks();
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('finds a receipt at once, and the same one when it is written', async () => {
    await begin('trip');
    const receiptId = as(() => keep('trip'));
    const atOnce = await as(() => receipts.find(receiptId));
    await receipts.settled();
    expect(await as(() => receipts.find(receiptId.toUpperCase()))).toEqual(atOnce);
    expect(atOnce).toMatchObject({ receiptId, threadId: 'trip', receipt: receiptOf(2, { id: receiptId }) });
    expect(JSON.stringify((await as(() => receipts.find(receiptId))).receipt)).toBe(
      JSON.stringify(receiptOf(2, { id: receiptId })),
    );
    const age = Date.now() - Date.parse(atOnce.createdAt);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(age).toBeLessThan(60_000);
    expect(leftOut).toEqual([]);
  });

  it('lists the newest first, page by page, those that wait included', async () => {
    await begin('trip');
    const first = as(() => keep('trip'));
    await receipts.settled();
    const others = as(() => [keep('trip'), keep('trip', { messages: 3 })]);
    const expected = [first, ...others].reverse();
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const from = cursor;
      const page = await as(() =>
        receipts.list('trip', { limit: 2, ...(from !== undefined && { cursor: from }) }),
      );
      seen.push(...page.receipts.map(({ receiptId }) => receiptId));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(expected);
    await receipts.settled();
    const page = await as(() => receipts.list('trip'));
    expect(page.nextCursor).toBeNull();
    expect(page.receipts.map(({ receiptId }) => receiptId)).toEqual(expected);
    expect(page.receipts[0]).toEqual({
      receiptId: expected[0],
      createdAt: (await as(() => receipts.find(others[1] ?? ''))).createdAt,
      tier: 'fast',
      tokens: 50,
      hash: 'ab'.repeat(32),
    });
    expect(await listed('another')).toEqual([]);
  });

  it('tells the fingerprints of the newest receipt of the thread, written or not', async () => {
    await begin('trip');
    await begin('other');
    expect(await as(() => receipts.previous('trip'))).toBeUndefined();
    as(() => keep('trip', { messages: 4 }));
    as(() => keep('other', { messages: 1 }));
    expect(await as(() => receipts.previous('trip'))).toEqual(fingerprintsUpTo(4));
    await receipts.settled();
    expect(await as(() => receipts.previous('trip'))).toEqual(fingerprintsUpTo(4));
    as(() => keep('trip', { messages: 6 }));
    expect(await as(() => receipts.previous('trip'))).toEqual(fingerprintsUpTo(6));
    await receipts.settled();
    expect(await as(() => receipts.previous('trip'))).toEqual(fingerprintsUpTo(6));
    expect(await as(() => receipts.previous('trip'), 'somebody-else')).toBeUndefined();
  });

  it('keeps the newest of each thread, however many are kept at once', async () => {
    await begin('trip');
    await begin('other');
    const kept: string[] = [];
    const rounds = Array.from({ length: 20 }, async (_, round) => {
      if (round % 3 === 0) await receipts.settled();
      for (let i = 0; i < 5; i += 1) kept.push(as(() => keep('trip')));
      expect((await listed('trip')).length).toBeLessThanOrEqual(KEPT);
    });
    const other = as(() => keep('other'));
    await Promise.all(rounds);
    await receipts.settled();
    const newest = kept.sort().reverse().slice(0, KEPT);
    expect((await stored()).map((row) => row['receipt_id'])).toEqual([...newest, other].sort().reverse());
    expect(await listed('trip')).toEqual(newest);
    await expect(as(() => receipts.find(kept[KEPT] ?? ''))).rejects.toThrow(NotFoundError);
  });

  it("answers another tenant's receipt as one that there is not", async () => {
    await begin('trip');
    const receiptId = as(() => keep('trip'));
    const waiting = await service.as('somebody-else').get(`/v1/context/receipts/${receiptId}`);
    await receipts.settled();
    const there = await service.as('somebody-else').get(`/v1/context/receipts/${receiptId}`);
    const nowhere = await service.as('somebody-else').get(`/v1/context/receipts/${UNKNOWN}`);
    expect(nowhere.status).toBe(404);
    expect([waiting.text, there.text]).toEqual([nowhere.text, nowhere.text]);
    expect((await service.as(tenant).get(`/v1/context/receipts/${receiptId}`)).status).toBe(200);
  });

  it('ends them with the session, those that wait included, and keeps none of a thread without one', async () => {
    await begin('trip');
    const written = as(() => keep('trip'));
    await receipts.settled();
    const waiting = as(() => keep('trip'));
    await as(() => sessions.clearSession('trip'));
    const late = as(() => keep('trip'));
    // The last one first, since it waits only until the first answer of the database.
    for (const receiptId of [late, waiting, written])
      await expect(as(() => receipts.find(receiptId))).rejects.toThrow(NotFoundError);
    expect(await listed('trip')).toEqual([]);
    await receipts.settled();
    expect(await stored()).toEqual([]);
    expect(leftOut).toEqual([]);
  });

  it('gives a session none of the one before it', async () => {
    const sessionOf = async (): Promise<string> => {
      const rows = await asSuperuser(
        home,
        database,
        `SELECT session_id FROM shared.sessions WHERE tenant_id = '${tenant}'`,
      );
      return rows[0]?.['session_id'] as string;
    };
    await begin('trip');
    const before = await sessionOf();
    await as(() => sessions.clearSession('trip'));
    await begin('trip');
    const late = as(() => keep('trip', { sessionId: before }));
    expect(await listed('trip')).toEqual([]);
    await expect(as(() => receipts.find(late))).rejects.toThrow(NotFoundError);
    const own = await as(async () => keep('trip', { sessionId: await sessionOf() }));
    await receipts.settled();
    expect(await listed('trip')).toEqual([own]);
  });

  it('keeps what a unit of work compiled once it is committed, and nothing when it is not', async () => {
    await begin('trip');
    let inside = '';
    const failed = as(() =>
      database.unitOfWork(async () => {
        inside = keep('trip');
        await database.query('SELECT 1');
        throw new Error('not today');
      }),
    );
    await expect(failed).rejects.toThrow('not today');
    await receipts.settled();
    expect(await listed('trip')).toEqual([]);
    await as(() =>
      database.unitOfWork(async () => {
        await sessions.appendMessages('begun', [{ role: 'user', content: 'Hello.' }]);
        inside = keep('begun');
        // Nothing is written inside: the transaction is not the writer's.
        await receipts.settled();
      }),
    );
    await receipts.settled();
    expect(await listed('begun')).toEqual([inside]);
  });

  it('goes on when the database refuses to write, and tells the log', async () => {
    await begin('trip');
    await asSuperuser(home, database, 'ALTER TABLE shared.context_receipts RENAME TO gone');
    try {
      as(() => [keep('trip'), keep('trip')]);
      await receipts.settled();
    } finally {
      await asSuperuser(home, database, 'ALTER TABLE shared.gone RENAME TO context_receipts');
    }
    expect(leftOut).toHaveLength(2);
    expect(leftOut[0]).toMatchObject({
      event: 'receipts_left_out',
      reason: 'refused',
      receipts: 1,
      code: '42P01',
    });
    expect(JSON.stringify(leftOut)).not.toContain('0190163d');
    const receiptId = as(() => keep('trip'));
    await receipts.settled();
    expect(await listed('trip')).toEqual([receiptId]);
  });

  it('writes the others of a batch in which one cannot be stored', async () => {
    await begin('trip');
    const [first, last] = as(() => {
      const one = keep('trip');
      receipts.keep({
        receiptId: receipts.newId(),
        threadId: 'trip',
        receipt: receiptOf(1, { tier: 'not storable: \0' }),
        fingerprints: [],
      });
      return [one, keep('trip')];
    });
    await receipts.settled();
    expect(await listed('trip')).toEqual([last, first]);
    expect(leftOut).toHaveLength(1);
  });

  it('leaves out the oldest when more waits than may', async () => {
    await begin('trip');
    const tenants = service.app.get(TenantContext);
    const writer = new ReceiptWriter({ database, tenants, kept: 100, capacity: 20 });
    const ids = Array.from({ length: 5 }, () => receipts.newId());
    for (const receiptId of ids)
      writer.add({
        tenantId: tenant,
        receiptId,
        threadId: 'trip',
        sessionId: null,
        receipt: receiptOf(5),
        fingerprints: [],
      });
    await writer.settled();
    expect((await stored()).map((row) => row['receipt_id'])).toEqual(ids.slice(1).reverse());
    expect(leftOut).toEqual([expect.objectContaining({ reason: 'overflow', receipts: 1 })]);
  });

  it('reads and writes nothing when none are to be kept', async () => {
    await begin('trip');
    const options = checkOptions({ receipts: { kept: 0 } });
    const none = new ContextReceipts(options, database, service.app.get(TenantContext));
    const query = jest.spyOn(database, 'query');
    const receiptId = as(() => keep('trip', { of: none }));
    expect(none.isOn).toBe(false);
    expect(await as(() => none.previous('trip'))).toBeUndefined();
    expect(await as(() => none.list('trip'))).toEqual({ receipts: [], nextCursor: null });
    await expect(as(() => none.find(receiptId))).rejects.toThrow(NotFoundError);
    await none.settled();
    expect(query).not.toHaveBeenCalled();
    query.mockRestore();
    expect(await stored()).toEqual([]);
  });

  it('is answered as JSON, or as text for a person', async () => {
    await begin('trip');
    const receiptId = as(() => keep('trip'));
    const path = `/v1/context/receipts/${receiptId}`;
    const json = await service.as(tenant).get(path);
    expect(json.headers.get('content-type')).toContain('application/json');
    expect(json.body).toEqual(await as(() => receipts.find(receiptId)));
    const text = await service.send('GET', path, undefined, { 'x-tenant-id': tenant, accept: 'text/plain' });
    expect(text.headers.get('content-type')).toBe('text/plain; charset=utf-8');
    expect(text.headers.get('vary')).toBe('Accept');
    expect(text.text.split('\n').slice(0, 2)).toEqual([
      `receipt  ${receiptId}`,
      'tokens   40 of 8,000 (0.5 %), tier fast, counted in cl100k_base',
    ]);
    const list = await service.as(tenant).get('/v1/context/receipts?threadId=trip&limit=1');
    expect(list.body).toEqual(await as(() => receipts.list('trip')));
  });

  it.each([
    ['/v1/context/receipts/one', 404, 'not_found'],
    [`/v1/context/receipts/${UNKNOWN}`, 404, 'not_found'],
    ['/v1/context/receipts', 400, 'invalid_input'],
    ['/v1/context/receipts?threadId=', 400, 'invalid_input'],
    ['/v1/context/receipts?threadId=t&limit=0', 400, 'invalid_input'],
    ['/v1/context/receipts?threadId=t&limit=1001', 400, 'invalid_input'],
    ['/v1/context/receipts?threadId=t&cursor=x', 400, 'invalid_input'],
    [
      `/v1/context/receipts?threadId=t&cursor=${btoa('["2026-05-08T13:56:00.000Z","t"]')}`,
      400,
      'invalid_input',
    ],
    ['/v1/context/receipts?threadId=t&tenantId=acme', 400, 'invalid_input'],
  ])('GET %s is answered with %i', async (path, status, code) => {
    const answer = await service.send('GET', path, undefined, {
      'x-tenant-id': tenant,
      accept: 'text/plain',
    });
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([status, code]);
  });

  it('finds after a restart what was kept just before the end', async () => {
    const dataDir = mkdtempSync(join(tmpdir(), 'triptych-receipts-'));
    const own = home.engine === 'embedded' ? { ...home, settings: { dataDir } } : home;
    let other = await TestService.start(own);
    try {
      await other
        .as(tenant)
        .post('/v1/sessions/trip/messages', { messages: [{ role: 'user', content: 'Hi.' }] });
      const of = other.app.get(ContextReceipts);
      const receiptId = other.app.get(TenantContext).run(tenant, () => keep('trip', { of }));
      await other.stop();
      other = await TestService.start(own);
      const answer = await other.as(tenant).get(`/v1/context/receipts/${receiptId}`);
      expect(answer.body).toMatchObject({ receiptId, receipt: receiptOf(2, { id: receiptId }) });
    } finally {
      await other.stop();
      rmSync(dataDir, { recursive: true });
    }
  });

  if (process.env['TEST_DATABASE_URL']) {
    it('waits for nobody who has a session locked, and writes when it is free', async () => {
      if (home.engine !== 'postgres') return;
      await begin('trip');
      await begin('other');
      const locker = new pg.Client(home.settings.url);
      await locker.connect();
      try {
        await locker.query('BEGIN');
        await locker.query(`SELECT FROM shared.sessions WHERE thread_id = 'trip' FOR UPDATE`);
        const [locked, free] = as(() => [keep('trip'), keep('other')]);
        await until(async () => (await stored()).length > 0);
        expect(await stored()).toEqual([{ receipt_id: free }]);
        expect((await as(() => receipts.find(locked))).receiptId).toBe(locked);
        expect(await listed('trip')).toEqual([locked]);
        await locker.query('COMMIT');
        await receipts.settled();
        expect(await stored()).toHaveLength(2);
      } finally {
        await locker.end();
      }
      expect(leftOut).toEqual([]);
    });

    it('tries again when its connection was killed', async () => {
      if (home.engine !== 'postgres') return;
      await begin('trip');
      const locker = new pg.Client(home.settings.url);
      await locker.connect();
      try {
        await locker.query('BEGIN; LOCK TABLE shared.context_receipts');
        const receiptId = as(() => keep('trip'));
        const kill = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                       WHERE datname = current_database() AND wait_event_type = 'Lock'`;
        // Not in the transaction of the locker, which would go on seeing who was there when it first looked.
        const look = () => asSuperuser(home, database, kill);
        await until(async () => (await look()).length > 0);
        await locker.query('COMMIT');
        await receipts.settled();
        expect((await stored()).map((row) => row['receipt_id'])).toEqual([receiptId]);
      } finally {
        await locker.end();
      }
      expect(leftOut).toEqual([]);
    });

    it('keeps the newest when several processes write at once', async () => {
      if (home.engine !== 'postgres') return;
      await begin('trip');
      const other = await TestService.start(home, { receipts: { kept: KEPT } });
      const of = other.app.get(ContextReceipts);
      try {
        for (let round = 0; round < 20; round += 1) {
          as(() => keep('trip'));
          other.app.get(TenantContext).run(tenant, () => keep('trip', { of }));
          await Promise.all([receipts.settled(), of.settled()]);
          expect((await listed('trip')).length).toBeLessThanOrEqual(KEPT);
        }
        as(() => keep('trip'));
        await receipts.settled();
        expect(await stored()).toHaveLength(KEPT);
      } finally {
        await other.stop();
      }
    });
  }
});
