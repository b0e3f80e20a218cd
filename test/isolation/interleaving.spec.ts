import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { LongTermMemory } from '../../src/memory/long-term-memory.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';

const TENANTS = Array.from({ length: 50 }, (_, index) => `tenant${index}`);
const AT_ONCE = 32;
/** The embedded engine has one connection and answers one statement after the other. */
const OPERATIONS = { embedded: 4_000, postgres: 20_000 } as const;
/** Every fifth operation is aborted, every tenth one goes over HTTP, and now and then a backend is killed. */
const ABORTED = 5;
const OVER_HTTP = 10;
const KILL_EVERY = 2_000;

/** An operation: a whole one or an aborted one of a tenant; throws when it sees a row of another. */
type Operation = (tenant: string, index: number) => Promise<unknown>;

describeOnEachEngine('interleaved tenants on a pool of two', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let database: Database;
  let sessions: SessionStore;
  let memory: LongTermMemory;
  /** What was acknowledged, by tenant. */
  const written = new Map<string, number>();
  const wrong: string[] = [];
  let rowsSeen = 0;

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start({ ...home, settings: { ...home.settings, poolSize: 2 } });
    database = service.app.get(Database);
    sessions = service.app.get(SessionStore);
    memory = service.app.get(LongTermMemory);
    for (const tenant of TENANTS)
      await service.app.get(TenantContext).run(tenant, async () => {
        await memory.store({ agentId: tenant, content: `of ${tenant}` });
        await sessions.appendMessages('same', [{ role: 'user', content: `of ${tenant}` }]);
      });
  });
  afterAll(async () => {
    // Clients that went away in mid-request are not waited for.
    service.app.getHttpServer().closeAllConnections();
    await service.stop();
    await home.drop();
  });

  const expectOnly = (tenant: string, seen: readonly unknown[], how: string): void => {
    rowsSeen += seen.length;
    for (const one of seen) if (one !== tenant) wrong.push(`${how}: ${tenant} saw ${String(one)}`);
    if (seen.length === 0) wrong.push(`${how}: ${tenant} saw nothing`);
  };
  /** A row of a table without our statements around it, so that many are quick. */
  const insert = (tenant: string, content: string): Promise<unknown> =>
    database.query(
      `INSERT INTO shared.agent_memories (tenant_id, memory_id, agent_id, content)
       VALUES (coalesce(nullif(current_setting('app.tenant_id'), ''), 'nobody'), gen_random_uuid(), $1, $2)`,
      [tenant, content],
    );
  const acknowledged = (tenant: string): unknown => written.set(tenant, (written.get(tenant) ?? 0) + 1);

  const whole: Operation[] = [
    async (tenant) => {
      const rows = await database.query<{ tenant_id: string }>(
        'SELECT tenant_id FROM shared.agent_memories LIMIT 20',
      );
      expectOnly(
        tenant,
        rows.map((row) => row.tenant_id),
        'a statement',
      );
    },
    async (tenant) => {
      const rows = await database.dataSource.query<{ tenant_id: string }[]>(
        'SELECT tenant_id FROM checkpoints.checkpoints UNION ALL SELECT tenant_id FROM shared.session_messages',
      );
      expectOnly(
        tenant,
        rows.map((row) => row.tenant_id),
        'the ORM',
      );
    },
    async (tenant) => {
      await insert(tenant, 'whole');
      acknowledged(tenant);
    },
    async (tenant) =>
      database.unitOfWork(async () => {
        const reads = [1, 2].map(() =>
          database.query<{ tenant_id: string; agent_id: string }>(
            'SELECT tenant_id, agent_id FROM shared.agent_memories LIMIT 5',
          ),
        );
        for (const rows of await Promise.all(reads))
          expectOnly(
            tenant,
            rows.flatMap(({ tenant_id, agent_id }) => [tenant_id, agent_id]),
            'a unit of work',
          );
      }),
    async (tenant) => {
      const { memories } = await memory.list({ limit: 5 });
      expectOnly(
        tenant,
        memories.flatMap(({ tenantId, agentId }) => [tenantId, agentId]),
        'a list',
      );
    },
    async (tenant) => {
      const tuple = await sessions.checkpointer.getTuple({ configurable: { thread_id: 'same' } });
      const messages = tuple?.checkpoint.channel_values['messages'] as { content: string }[];
      expectOnly(
        tenant,
        messages.map(({ content }) => content.replace('of ', '')),
        'a checkpoint',
      );
    },
    async (tenant) => {
      const found = await memory.search('of whom', { limit: 3 });
      expectOnly(
        tenant,
        found.map((one) => one.memory.tenantId),
        'a search',
      );
    },
  ];
  const aborted: Operation[] = [
    (tenant) =>
      database.unitOfWork(async () => {
        await insert(tenant, 'aborted');
        throw new Error('on purpose');
      }),
    async (tenant) => {
      const client = await database.pool.connect();
      try {
        await client.query('BEGIN');
        await client.query(`UPDATE shared.agent_memories SET content = 'aborted'`);
        const { rows } = await client.query<{ agent_id: string }>(
          'SELECT agent_id FROM shared.agent_memories LIMIT 5',
        );
        expectOnly(
          tenant,
          rows.map((row) => row.agent_id),
          'a transaction',
        );
      } finally {
        // Also when a killed backend ended it: a connection that is never given back ends no pool.
        client.release();
      }
    },
    async (tenant) => {
      const client = await database.pool.connect();
      void client.query('BEGIN').catch(() => undefined);
      void client.query('INSERT INTO shared.sessions VALUES (1 / 0)', []).catch(() => undefined);
      await client.query('SELECT 1').catch(() => undefined);
      client.release(index(tenant) % 2 === 0);
    },
    () => database.query('DELETE FROM shared.agent_memories WHERE 1 / 0 = 1'),
    (tenant) =>
      database.unitOfWork(async () => {
        await database.query(`UPDATE shared.sessions SET version = version + 1`);
        await Promise.all([insert(tenant, 'aborted'), database.query('SELECT 1 / 0')]);
      }),
  ];
  const overHttp: Operation = async (tenant) => {
    const { status, body } = await service.as(tenant).get('/v1/memories?limit=5');
    if (status === 503) throw new Error('a killed backend');
    expectOnly(
      tenant,
      (body as { memories: { tenantId: string }[] }).memories.map((m) => m.tenantId),
      'HTTP',
    );
  };
  /** A client that goes away, while the request is being written, worked on or answered. */
  const disconnected: Operation = async (tenant, nth) => {
    const leave = new AbortController();
    const sent = fetch(`${service.url}/v1/sessions/left/messages`, {
      method: 'POST',
      signal: leave.signal,
      headers: { 'x-tenant-id': tenant, 'content-type': 'application/json' },
      body: JSON.stringify({ messages: [{ role: 'user', content: `of ${tenant}` }] }),
    });
    setTimeout(() => {
      leave.abort();
    }, nth % 7);
    await (await sent).text();
  };

  it('mixes no rows, during and afterwards', async () => {
    const tenants = service.app.get(TenantContext);
    const total = OPERATIONS[home.engine];
    const outcomes = { done: 0, failedWhole: 0, aborted: 0, kills: 0 };
    const one = async (nth: number): Promise<void> => {
      const tenant = TENANTS[(nth * 7) % TENANTS.length] ?? '';
      const isAborted = nth % ABORTED === 0;
      const isHttp = nth % OVER_HTTP < 2 && nth % (OVER_HTTP * 2) < OVER_HTTP;
      const list = isAborted ? aborted : whole;
      const inProcess = list[Math.floor(nth / ABORTED) % list.length] as Operation;
      if (isAborted) outcomes.aborted += 1;
      if (nth % KILL_EVERY === KILL_EVERY - 1 && home.engine === 'postgres') {
        outcomes.kills += 1;
        await asSuperuser(
          home,
          database,
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() LIMIT 1`,
        );
      }
      const run = isHttp
        ? (isAborted ? disconnected : overHttp)(tenant, nth)
        : tenants.run(tenant, () => inProcess(tenant, nth));
      await run.then(
        () => (outcomes.done += isAborted ? 0 : 1),
        () => (outcomes.failedWhole += isAborted ? 0 : 1),
      );
    };
    const numbers = Array.from({ length: total }, (_, nth) => nth).values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const nth of numbers) await one(nth);
      }),
    );

    expect(wrong).toEqual([]);
    expect(outcomes.aborted).toBe(total / ABORTED);
    // All that was not aborted is done, save for what a killed backend took with it.
    expect(outcomes.failedWhole).toBeLessThanOrEqual(outcomes.kills * AT_ONCE);
    expect(outcomes.done + outcomes.failedWhole).toBe(total - outcomes.aborted);
    expect(rowsSeen).toBeGreaterThan(total);

    const [after] = await asSuperuser(
      home,
      database,
      `SELECT (SELECT count(*)::int FROM shared.agent_memories
                WHERE tenant_id <> agent_id OR content NOT IN ('whole', 'of ' || tenant_id)) AS memories,
              (SELECT count(*)::int FROM shared.session_messages WHERE body ->> 'content' <> 'of ' || tenant_id) AS messages,
              (SELECT count(*)::int FROM shared.sessions WHERE version <> message_count) AS sessions,
              (SELECT count(*)::int FROM checkpoints.checkpoints
                WHERE thread_id NOT LIKE length(tenant_id) || ':' || tenant_id || ':%') AS checkpoints`,
    );
    expect(after).toEqual({ memories: 0, messages: 0, sessions: 0, checkpoints: 0 });
    const kept = await asSuperuser(
      home,
      database,
      `SELECT tenant_id, count(*)::int AS rows FROM shared.agent_memories WHERE content = 'whole' GROUP BY 1`,
    );
    // A statement whose answer a killed backend swallowed may have been committed.
    const expected = [...written.values()].reduce((sum, rows) => sum + rows, 0);
    const found = kept.reduce((sum, { rows }) => sum + (rows as number), 0);
    expect(found).toBeGreaterThanOrEqual(expected);
    expect(found).toBeLessThanOrEqual(expected + outcomes.kills * 2);
    process.stdout.write(
      `interleaving · ${home.engine}: ${total} operations, ${JSON.stringify(outcomes)}, ${rowsSeen} rows seen, 0 wrong\n`,
    );
  });
});

function index(tenant: string): number {
  return TENANTS.indexOf(tenant);
}
