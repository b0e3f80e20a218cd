import { type HumanMessage } from '@langchain/core/messages';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { emptyCheckpoint, uuid6 } from '@langchain/langgraph-checkpoint';
import pg from 'pg';
import { Database } from '../../src/database/database.js';
import { LongTermMemory } from '../../src/memory/long-term-memory.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { PgBouncer } from '../support/pgbouncer.js';
import { TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';

const OPERATIONS = 4_000;
const AT_ONCE = 16;
const TENANTS = ['red', 'blue', 'green', 'grey'];
const isPossible = PgBouncer.isInstalled && process.env['TEST_DATABASE_URL'] !== undefined;
if (!isPossible)
  process.stdout.write('PgBouncer: skipped, since pgbouncer or TEST_DATABASE_URL is missing here.\n');

(isPossible ? describe : describe.skip)('behind PgBouncer in transaction mode', () => {
  let home: TestDatabase;
  let bouncer: PgBouncer;
  let services: TestService[];

  beforeAll(async () => {
    home = await postgres();
    const url = home.settings.url ?? '';
    // Fewer connections to the server than clients of it, so that they change hands all the time.
    bouncer = await PgBouncer.start(url, 2);
    const settings = { url: bouncer.urlOf(url), poolSize: 4 };
    services = [
      await TestService.start({ ...home, settings }),
      await TestService.start({ ...home, settings }),
    ];
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await bouncer.stop();
    await home.drop();
  });

  it('would mix tenants if the tenant were set for the session', async () => {
    const url = bouncer.urlOf(home.settings.url ?? '');
    const clients = Array.from({ length: 6 }, () => new pg.Client(url));
    for (const client of clients) await client.connect();
    const other: unknown[] = [];
    for (let round = 0; round < 20; round += 1)
      await Promise.all(
        clients.map(async (client, index) => {
          await client.query(`SELECT set_config('app.tenant_id', $1, false)`, [`t${index}`]);
          const { rows } = await client.query<{ tenant: string }>(
            `SELECT current_setting('app.tenant_id', true) AS tenant, pg_sleep(0.001)`,
          );
          if (rows[0]?.tenant !== `t${index}`) other.push(rows[0]?.tenant);
        }),
      );
    for (const client of clients) await client.end();
    expect(other.length).toBeGreaterThan(0);
  });

  it('keeps tenants apart over thousands of interleaved operations of two services', async () => {
    const wrong: string[] = [];
    let rowsSeen = 0;
    const only = (tenant: string, seen: readonly unknown[]): void => {
      rowsSeen += seen.length;
      for (const one of seen) if (one !== tenant) wrong.push(`${tenant} saw ${String(one)}`);
      if (seen.length === 0) wrong.push(`${tenant} saw nothing`);
    };
    const operation = async (service: TestService, tenant: string, nth: number): Promise<void> => {
      const database = service.app.get(Database);
      const { checkpointer } = service.app.get(SessionStore);
      const configurable = { thread_id: `graph${nth % 3}`, checkpoint_ns: 'sub' };
      const insert = (content: string): Promise<unknown> =>
        database.query(
          `INSERT INTO shared.agent_memories (tenant_id, memory_id, agent_id, content)
           VALUES (current_setting('app.tenant_id'), gen_random_uuid(), $1, $2)`,
          [tenant, content],
        );
      switch (nth % 9) {
        case 0: {
          only(
            tenant,
            (
              await database.query<{ tenant_id: string }>(
                'SELECT tenant_id FROM shared.agent_memories LIMIT 20',
              )
            ).map((r) => r.tenant_id),
          );
          return;
        }
        case 1:
          await insert('whole');
          return;
        case 2:
          return database.unitOfWork(async () => {
            const [rows] = await Promise.all([
              database.query<{ agent_id: string }>('SELECT agent_id FROM shared.agent_memories LIMIT 20'),
              insert('whole'),
            ]);
            only(
              tenant,
              rows.map((row) => row.agent_id),
            );
          });
        case 3:
          return database
            .unitOfWork(async () => {
              await insert('aborted');
              throw new Error('on purpose');
            })
            .catch(() => undefined);
        case 4: {
          const checkpoint = { ...emptyCheckpoint(), id: uuid6(nth), channel_values: { whose: tenant } };
          checkpoint.channel_versions = { whose: nth + 1 };
          await checkpointer.put(
            { configurable },
            checkpoint,
            { source: 'loop', step: nth, parents: {} },
            { whose: nth + 1 },
          );
          return;
        }
        case 5: {
          const tuple = await checkpointer.getTuple({ configurable });
          if (tuple) only(tenant, [tuple.checkpoint.channel_values['whose']]);
          return;
        }
        case 6:
          for await (const tuple of checkpointer.list({ configurable: {} }, { limit: 5 })) {
            const { messages = [], whose = tenant } = tuple.checkpoint.channel_values as {
              messages?: HumanMessage[];
              whose?: string;
            };
            only(tenant, [whose, ...messages.map(({ content }) => content)]);
          }
          return;
        case 7:
          await service.app
            .get(SessionStore)
            .appendMessages(`t${nth % 40}`, [{ role: 'user', content: tenant }]);
          return;
        default: {
          only(
            tenant,
            (await service.app.get(LongTermMemory).list({ limit: 10 })).memories.map(
              ({ tenantId }) => tenantId,
            ),
          );
          return;
        }
      }
    };
    const run = (nth: number): Promise<void> => {
      const tenant = TENANTS[(nth * 5 + Math.floor(nth / 9)) % TENANTS.length] ?? '';
      const service = services[nth % 2] as TestService;
      return service.app.get(TenantContext).run(tenant, () => operation(service, tenant, nth));
    };
    for (const tenant of TENANTS)
      await services[0]?.app
        .get(TenantContext)
        .run(tenant, () => services[0]?.app.get(LongTermMemory).store({ agentId: tenant, content: 'whole' }));
    const numbers = Array.from({ length: OPERATIONS }, (_, nth) => nth).values();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (const nth of numbers) await run(nth);
      }),
    );

    expect(wrong).toEqual([]);
    // A list makes the checkpoints of what was appended.
    for (const tenant of TENANTS)
      await services[0]?.app.get(TenantContext).run(tenant, async () => {
        const { checkpointer } = services[0]?.app.get(SessionStore) as SessionStore;
        const { done } = await checkpointer.list({}).next();
        expect(done).toBe(false);
      });
    const [after] = await asSuperuser(
      home,
      services[0]?.app.get(Database) as Database,
      `SELECT (SELECT count(*)::int FROM shared.agent_memories WHERE tenant_id <> agent_id OR content <> 'whole') AS memories,
              (SELECT count(*)::int FROM shared.session_messages WHERE body ->> 'content' <> tenant_id) AS messages,
              (SELECT count(*)::int FROM checkpoints.checkpoints
                WHERE thread_id NOT LIKE length(tenant_id) || ':' || tenant_id || ':%') AS checkpoints,
              (SELECT count(DISTINCT tenant_id)::int FROM checkpoints.checkpoints) AS tenants`,
    );
    expect(after).toEqual({ memories: 0, messages: 0, checkpoints: 0, tenants: TENANTS.length });
    expect(rowsSeen).toBeGreaterThan(OPERATIONS);
    process.stdout.write(
      `PgBouncer: ${OPERATIONS} operations, ${rowsSeen} rows seen, ${wrong.length} wrong\n`,
    );
  });
});
