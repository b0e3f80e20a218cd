import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { uniform } from '../bench/random.js';
import { Database } from '../src/database/database.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { RECOUNT } from './support/recount.js';
import { TestService, type Answer } from './support/service.js';

const LOCKS_HELD = `
  SELECT count(*)::int AS locks FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()`;
const WAITING = `
  SELECT count(*)::int AS waiting FROM pg_locks JOIN pg_stat_activity USING (pid)
   WHERE NOT granted AND datname = current_database()`;

describeOnEachEngine('memories written at once', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let memory: LongTermMemory;
  let tenant = '';
  let tenants = 0;
  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    memory = service.app.get(LongTermMemory);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });
  beforeEach(() => {
    tenant = `tenant-${(tenants += 1)}`;
  });

  const as = <T>(work: () => Promise<T>): Promise<T> => service.app.get(TenantContext).run(tenant, work);
  const query = async <Row extends object>(sql: string): Promise<Row | undefined> =>
    (await service.app.get(Database).query<Row & Record<string, unknown>>(sql))[0];
  const send = (method: string, path: string, body?: unknown, key?: string): Promise<Answer> =>
    service.send(method, `/v1/memories${path}`, body, {
      'x-tenant-id': tenant,
      ...(key && { 'idempotency-key': key }),
    });
  const fold = (content: string) => as(() => memory.store({ agentId: 'a', content }, { deduplicate: true }));

  it('leave exact counts and whole memories, whatever meets whatever', async () => {
    const random = uniform(20_260_508);
    const among = (count: number): number => Math.floor(random() * count);
    const text = (): string => `${['red', 'green'][among(2)]} ${'running again '.repeat(among(3) * 60)}`;
    const ids: string[] = [];
    const recent = (): string =>
      `/${ids[ids.length - 1 - among(Math.min(ids.length, 6))] ?? crypto.randomUUID()}`;
    const memories = (): object[] => Array.from({ length: 4 }, () => ({ agentId: 'a', content: text() }));
    const writes = [
      () => send('POST', '', { agentId: 'a', content: text() }),
      () => send('POST', '', { agentId: 'a', content: text(), deduplicate: true }),
      () => send('POST', '/batch', { memories: memories(), deduplicate: true }, `key-${among(20)}`),
      () => send('PATCH', recent(), { content: text() }),
      () => send('PATCH', recent(), { retracted: random() < 0.5 }),
      () => send('PATCH', recent(), { metadata: { at: among(9) } }, `key-${among(20)}`),
      () => send('DELETE', recent()),
      () => send('DELETE', recent(), undefined, `key-${among(20)}`),
    ];
    const statuses = new Set<number>();
    let left = 240;
    const write = async (): Promise<void> => {
      while (left-- > 0) {
        const { status, body } = (await writes[among(writes.length)]?.()) as Answer;
        const { memoryId, memories: some = [] } = body as {
          memoryId?: string;
          memories?: { memoryId: string }[];
        };
        statuses.add(status);
        ids.push(...some.map((each) => each.memoryId), ...(memoryId ? [memoryId] : []));
      }
    };
    await Promise.all(Array.from({ length: 12 }, write));
    // Gone, under way, answered and forgotten since, another body: all of them are said, and nothing else is.
    for (const status of statuses) expect([200, 201, 204, 404, 409, 410, 422]).toContain(status);
    const row = await as(() => query<{ said: number[]; counted: number[] }>(RECOUNT));
    expect(row?.counted).toEqual(row?.said);
    expect(row?.counted[0]).toBeGreaterThan(0);
  });

  it('are deleted once', async () => {
    const { memoryId } = await fold('Once.');
    const changes = ['Twice.', 'Thrice.'].map((content) => send('PATCH', `/${memoryId}`, { content }));
    const answers = await Promise.all(Array.from({ length: 5 }, () => send('DELETE', `/${memoryId}`)));
    expect(answers.map(({ status }) => status).sort()).toEqual([204, 404, 404, 404, 404]);
    for (const { status } of await Promise.all(changes)) expect([200, 404]).toContain(status);
    expect(await as(() => query(RECOUNT))).toEqual({ said: [0, 0, 0, 0, 0], counted: [0, 0, 0, 0, 0] });
  });

  it('are folded under a key, the copies of one batch too', async () => {
    const said = ['Twice.', 'Once.', 'Twice.'].map((content) => ({ agentId: 'a', content }));
    const batch = { memories: said, deduplicate: true };
    const first = await send('POST', '/batch', batch, 'folded');
    expect(first).toMatchObject({
      status: 201,
      body: { memories: [{ copies: 2 }, { copies: 1 }, { copies: 2 }] },
    });
    const again = await send('POST', '/batch', batch, 'folded');
    expect([again.status, again.text]).toEqual([201, first.text]);
    expect((await as(() => memory.list())).memories.map(({ copies }) => copies).sort()).toEqual([1, 2]);
  });

  it('are folded under a bounded number of locks, however many they are', async () => {
    const many = Array.from({ length: 1_000 }, (_, n) => ({ agentId: 'a', content: `Memory number ${n}.` }));
    await as(() =>
      service.app.get(Database).unitOfWork(async () => {
        await memory.storeMany(many, { deduplicate: true });
        expect((await query<{ locks: number }>(LOCKS_HELD))?.locks).toBeLessThanOrEqual(150);
      }),
    );
  });

  describe('and folded while the first changes', () => {
    async function untilSomebodyWaits(): Promise<void> {
      for (let tries = 0; tries < 1_000; tries += 1)
        if ((await query<{ waiting: number }>(WAITING))?.waiting) return;
      throw new Error('Nobody waits.');
    }

    /** Folds a copy of a memory into it while `change` is not committed, which it waits for. */
    async function foldDuring(change: (memoryId: string) => Promise<unknown>): Promise<string[]> {
      const { memoryId } = await fold('Ada likes tea.');
      let begin: (() => void) | undefined;
      const changed = new Promise<void>((resolve) => (begin = resolve));
      const copy = changed.then(() => fold('Ada likes tea.'));
      await as(() =>
        service.app.get(Database).unitOfWork(async () => {
          await change(memoryId);
          begin?.();
          // On the embedded engine there is but one connection, for which the copy waits.
          if (home.engine === 'postgres') await untilSomebodyWaits();
        }),
      );
      await copy;
      const { memories } = await as(() => memory.list());
      return memories.map(
        ({ content, copies, retractedAt }) => `${retractedAt ? 'not ' : ''}${content} ${copies}`,
      );
    }

    it.each([
      [
        'is retracted',
        (id: string) => memory.update(id, { retracted: true }),
        ['Ada likes tea. 1', 'not Ada likes tea. 1'],
      ],
      [
        'says something else',
        (id: string) => memory.update(id, { content: 'No.' }),
        ['Ada likes tea. 1', 'No. 1'],
      ],
      ['gets metadata', (id: string) => memory.update(id, { metadata: { a: 1 } }), ['Ada likes tea. 2']],
      ['is deleted', (id: string) => memory.delete(id), ['Ada likes tea. 1']],
    ])('which %s', async (_, change, expected) => {
      expect(await foldDuring(change)).toEqual(expected);
    });
  });
});
