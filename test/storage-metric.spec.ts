import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../src/database/database.js';
import { SessionStore } from '../src/session/session-store.js';
import { StorageFigures } from '../src/session/storage-figures.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { createCautious, createChat } from './support/graphs.js';
import { TestService } from './support/service.js';

describeOnEachEngine('the storage of tenants in /metrics', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  /** The lines of our gauges, by name and labels. */
  const gauges = async (of = service): Promise<Record<string, number>> => {
    await of.app.get(StorageFigures).refresh({ maxAgeMs: 0 });
    const { text } = await of.send('GET', '/metrics');
    const lines = text
      .split('\n')
      .filter((line) => /^triptych_(storage_bytes|sessions|messages)\b/.test(line));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]),
    );
  };
  const say = (tenant: string, threadId: string, content: string) =>
    service.as(tenant).post(`/v1/sessions/${threadId}/messages`, { messages: [{ role: 'user', content }] });

  it('moves with an append, and falls with a clear', async () => {
    expect(await gauges()).toEqual({ triptych_sessions: 0, triptych_messages: 0 });
    await say('acme', 'one', 'hello');
    const first = await gauges();
    expect(first).toMatchObject({ triptych_sessions: 1, triptych_messages: 1 });
    expect(first['triptych_storage_bytes{kind="messages"}']).toBeGreaterThan(10);
    expect(first['triptych_storage_bytes{kind="checkpoints"}']).toBe(0);

    // Text that does not compress: bytes are those on disk.
    const text = Array.from({ length: 900 }, (_, index) =>
      ((index * 2_654_435_761) % 4_294_967_296).toString(36),
    );
    await say('acme', 'one', text.join(''));
    const second = await gauges();
    expect(second).toMatchObject({ triptych_sessions: 1, triptych_messages: 2 });
    const bytes = 'triptych_storage_bytes{kind="messages"}';
    expect((second[bytes] ?? 0) - (first[bytes] ?? 0)).toBeGreaterThan(2_000);

    await service.as('acme').delete('/v1/sessions/one');
    expect(await gauges()).toEqual({
      triptych_sessions: 0,
      triptych_messages: 0,
      'triptych_storage_bytes{kind="messages"}': 0,
      'triptych_storage_bytes{kind="checkpoints"}': 0,
      'triptych_storage_bytes{kind="memories"}': 0,
    });
  });

  it('counts memories, and the whole database', async () => {
    const { text: before } = await service.send('GET', '/metrics');
    await service.as('acme').post('/v1/memories', { agentId: 'a', content: 'x'.repeat(100) });
    const [bytes = 0] = Object.entries(await gauges())
      .filter(([name]) => name.includes('kind="memories"'))
      .map(([, value]) => value);
    // The content, and `{}`; both uncompressed.
    expect(bytes).toBeGreaterThanOrEqual(100);
    expect(bytes).toBeLessThan(150);
    const { text } = await service.send('GET', '/metrics');
    expect(text).toMatch(/^triptych_memories 1$/m);
    expect(before).toMatch(/^triptych_memories 0$/m);
    expect(Number(/^triptych_database_size_bytes (\d+)$/m.exec(text)?.[1])).toBeGreaterThan(1_000_000);
  });

  it('counts checkpoints, and what pruning leaves of them', async () => {
    const inTenant = <T>(work: (store: SessionStore) => Promise<T>): Promise<T> =>
      service.app.get(TenantContext).run('acme', () => work(service.app.get(SessionStore)));
    await inTenant(async ({ checkpointer }) => {
      const graph = createChat(checkpointer);
      for (const turn of ['one', 'two', 'three'])
        await graph.invoke(
          { messages: [{ role: 'user', content: turn }] },
          { configurable: { thread_id: 'graph' } },
        );
    });
    const bytes = 'triptych_storage_bytes{kind="checkpoints"}';
    const before = (await gauges())[bytes] ?? 0;
    await inTenant((store) => store.prune('graph'));
    const after = (await gauges())[bytes] ?? 0;
    expect(after).toBeGreaterThan(0);
    expect(after).toBeLessThan(before / 3);
    await service.as('acme').delete('/v1/sessions/graph');
  });

  it('is that of every value in every table, to the byte', async () => {
    const [found] = await service.app.get(TenantContext).run('exact', async () => {
      const { checkpointer } = service.app.get(SessionStore);
      const config = { configurable: { thread_id: 'exact' } };
      await createCautious(checkpointer).invoke({ messages: [{ role: 'user', content: 'asked' }] }, config);
      const [figures, database] = [service.app.get(StorageFigures), service.app.get(Database)];
      figures.served('exact');
      await figures.refresh({ maxAgeMs: 0 });
      expect(figures.read().get('exact')).toMatchObject({ sessions: 1, messages: 2 });
      return database.query<Record<string, number>>(
        `SELECT (SELECT sum(pg_column_size(message_id) + pg_column_size(body)) FROM shared.session_messages)::int AS messages,
                (SELECT sum(pg_column_size(checkpoint)) FROM checkpoints.checkpoints)::int AS checkpoints,
                (SELECT sum(pg_column_size(metadata)) FROM checkpoints.checkpoints)::int AS metadata,
                (SELECT sum(pg_column_size(blob)) FROM checkpoints.checkpoint_blobs)::int AS blobs,
                (SELECT sum(pg_column_size(blob)) FROM checkpoints.checkpoint_writes)::int AS writes`,
      );
    });
    const { messages: messageBytes, ...rest } = found as Record<string, number>;
    for (const bytes of Object.values(rest)) expect(bytes).toBeGreaterThan(0);
    const checkpointBytes = Object.values(rest).reduce((sum, bytes) => sum + bytes, 0);
    const figure = service.app.get(StorageFigures).read().get('exact');
    expect(figure).toMatchObject({ messageBytes, checkpointBytes });
    await service.as('exact').delete('/v1/sessions/exact');
  });

  it('estimates what is beyond its sample', async () => {
    const text = 'x'.repeat(100);
    const append = (threadId: string, count: number) =>
      service.app.get(TenantContext).run('large', () =>
        service.app.get(SessionStore).appendMessages(
          threadId,
          Array.from({ length: count }, () => ({ role: 'user', content: text })),
        ),
      );
    for (let thread = 0; thread < 24; thread += 1) await append(`thread ${thread}`, 1_000);
    service.app.get(StorageFigures).served('large');
    await service.app.get(StorageFigures).refresh({ maxAgeMs: 0 });
    const figure = service.app.get(StorageFigures).read().get('large');
    expect(figure).toMatchObject({ sessions: 24, messages: 24_000 });
    const [{ bytes }] = (await service.app
      .get(TenantContext)
      .run('large', () =>
        service.app
          .get(StorageFigures)
          ['database'].query<{ bytes: number }>(
            `SELECT sum(pg_column_size(body) + pg_column_size(message_id))::float8 AS bytes FROM shared.session_messages`,
          ),
      )) as [{ bytes: number }];
    expect((figure?.messageBytes ?? 0) / bytes).toBeCloseTo(1, 2);
  });

  it('names tenants only where that is asked for', async () => {
    await say('acme', 'one', 'hello');
    expect(JSON.stringify(await gauges())).not.toContain('acme');
    if (database.engine === 'embedded') return; // one process on one database
    const labelled = await TestService.start(database, { metrics: { tenantLabel: true } });
    try {
      await labelled.as('acme').get('/v1/sessions');
      await labelled.as('globex').get('/v1/sessions');
      const byTenant = await gauges(labelled);
      expect(byTenant['triptych_messages{tenant="acme"}']).toBe(1);
      expect(byTenant['triptych_messages{tenant="globex"}']).toBe(0);
    } finally {
      await labelled.stop();
    }
  });
});
