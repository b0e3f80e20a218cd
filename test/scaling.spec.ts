// Over 200 lines: one set of replicas for all that they share, since each takes seconds to start.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { SessionStore } from '../src/session/session-store.js';
import { eraseTenant } from '../src/tenancy/erase-tenant.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { TenantRegistry } from '../src/tenancy/tenant-registry.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { longDay } from './support/long-day.js';
import { PlainProxy } from './support/plain-proxy.js';
import { TestService } from './support/service.js';
import { ServiceProcess } from './support/service-process.js';

const REPLICAS = 3;
const WITHIN_MS = 60_000;
/** What is believed of a key: docs/tenancy.md. The test waits so long, and no longer. */
const REVOKED_WITHIN_MS = 5_000;

interface Said {
  readonly status: number;
  readonly headers: Headers;
  readonly body: never;
}

let database: TestDatabase;
let owner: MigrationDataSource;
let registry: TenantRegistry;
let provider: EmbeddingsServer;
let replicas: ServiceProcess[];
let proxy: PlainProxy;

const environment = (): Record<string, string> => ({
  DATABASE_URL: database.settings.url ?? '',
  DATABASE_POOL_SIZE: '5',
  // Time for the proxy to see that a replica is going, on a busy machine too.
  SHUTDOWN_DELAY_MS: '4000',
  AUTH_MODE: 'api-key',
  TENANT_CONCURRENCY: '0',
  OPENAI_BASE_URL: provider.url,
  EMBEDDING_MODEL: 'some-model',
  EMBEDDING_DIMENSIONS: '64',
});

const urls = (): string[] => replicas.map(({ url }) => url);

/** A tenant with a key of its own; its rate is not limited unless it is said. */
async function tenant(
  name: string,
  limits: { rateLimit?: number; dailyQuota?: number } = {},
): Promise<{ key: string; keyId: string }> {
  await registry.create({ tenantId: name, rateLimit: 0, ...limits });
  return registry.createKey(name);
}

/** Sends a request; through the proxy, unless a replica is named. */
async function send(
  key: string,
  method: string,
  path: string,
  body?: unknown,
  { at = proxy.url, headers = {} }: { at?: string; headers?: Record<string, string> } = {},
): Promise<Said> {
  const response = await fetch(at + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return {
    status: response.status,
    headers: response.headers,
    body: (text ? JSON.parse(text) : undefined) as never,
  };
}

/** Repeats a write as docs/http.md says a client should: under its key, when the connection broke or nobody answered for it. */
async function insist(
  key: string,
  path: string,
  body: unknown,
): Promise<{ said: Said; repeated: (number | 'broken')[] }> {
  const headers = { 'idempotency-key': randomUUID() };
  const repeated: (number | 'broken')[] = [];
  for (const end = Date.now() + WITHIN_MS; Date.now() < end;) {
    const said = await send(key, 'POST', path, body, { headers }).catch(() => undefined);
    if (said && said.status !== 502 && said.status !== 409) return { said, repeated };
    repeated.push(said?.status ?? 'broken');
    await sleep(50);
  }
  throw new Error(`No answer to ${path} within ${WITHIN_MS} ms: ${repeated.join(', ')}`);
}

const message = (content: string): object => ({ messages: [{ role: 'user', content }] });

async function contentsOf(key: string, thread: string): Promise<{ seq: number; content: string }[]> {
  const { body } = await send(key, 'GET', `/v1/sessions/${thread}/messages?limit=1000`);
  return (body as { messages: { seq: number; content: string }[] }).messages.map(({ seq, content }) => ({
    seq,
    content,
  }));
}

/** What everybody sent is there once, without a gap, and what one client sent is in its order. */
async function expectAllOnce(key: string, thread: string, clients: readonly string[][]): Promise<void> {
  const kept = await contentsOf(key, thread);
  expect(kept.map(({ seq }) => seq)).toEqual(kept.map((_, index) => index + 1));
  const contents = kept.map(({ content }) => content);
  expect(contents.toSorted()).toEqual(clients.flat().toSorted());
  for (const sent of clients) expect(contents.filter((content) => sent.includes(content))).toEqual(sent);
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  for (const end = Date.now() + WITHIN_MS; !(await isSo());) {
    if (Date.now() > end) throw new Error(`It was not so within ${WITHIN_MS} ms.`);
    await sleep(50);
  }
}

/** What the database holds of all tenants, past every policy. */
async function sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client(database.settings.url);
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)(
  `${REPLICAS} replicas behind a plain proxy are one service`,
  () => {
    beforeAll(async () => {
      Logger.overrideLogger(false);
      database = await postgres();
      provider = await EmbeddingsServer.start({ dimensions: 64 });
      owner = await new MigrationDataSource({
        options: checkOptions({ database: database.settings }),
        entities: [],
        embedded: undefined,
      }).initialize();
      registry = new TenantRegistry(owner);
      replicas = Array.from({ length: REPLICAS }, () => ServiceProcess.launch(environment()));
      await Promise.all(replicas.map((replica) => replica.ready()));
      proxy = await PlainProxy.start(urls());
    });

    afterAll(async () => {
      await proxy.close();
      await Promise.all(replicas.map((replica) => replica.kill()));
      await owner.destroy();
      await provider.close();
      await database.drop();
    });

    it('appends to one thread through all of them are none lost, none doubled, in order', async () => {
      const { key } = await tenant('appends');
      const before = urls().map((url) => proxy.answered.get(url) ?? 0);
      const clients = Array.from({ length: 6 }, (_, client) =>
        Array.from({ length: 15 }, (_, turn) => `${client}/${turn}`),
      );
      const versions = await Promise.all(
        clients.map(async (sent) => {
          const made: number[] = [];
          for (const content of sent) {
            const { status, body } = await send(key, 'POST', '/v1/sessions/t/messages', message(content));
            expect(status).toBe(201);
            made.push((body as { version: number }).version);
          }
          return made;
        }),
      );
      // Each made a version of its own, and the proxy asked all replicas.
      expect(versions.flat().toSorted((one, other) => one - other)).toEqual(
        clients.flat().map((_, index) => index + 1),
      );
      urls().forEach((url, index) => {
        expect(proxy.answered.get(url)).toBeGreaterThanOrEqual((before[index] ?? 0) + 20);
      });
      await expectAllOnce(key, 't', clients);
    });

    it('a version that one of them made is seen by If-Match at the others', async () => {
      const { key } = await tenant('matches');
      const [first, second, third] = urls();
      const path = '/v1/sessions/t/messages';
      const append = (at: string | undefined, version: string): Promise<Said> =>
        send(key, 'POST', path, message(`${version} at ${at}`), { at, headers: { 'if-match': version } });
      expect(await send(key, 'POST', path, message('one'), { at: first })).toMatchObject({ status: 201 });
      expect(await append(second, '"1"')).toMatchObject({ status: 201 });
      expect(await append(third, '"1"')).toMatchObject({ status: 412, body: { code: 'version_conflict' } });
      const raced = await Promise.all(urls().map((at) => append(at, '"2"')));
      expect(raced.map(({ status }) => status).toSorted()).toEqual([201, 412, 412]);
    });

    it('a thread that one process has for itself is nobody else’s', async () => {
      const { key } = await tenant('leases');
      const host = await TestService.start(database);
      try {
        const sessions = host.app.get(SessionStore);
        const order: string[] = [];
        let appended: Promise<Said[]> | undefined;
        await host.app.get(TenantContext).run('leases', async () => {
          await sessions.exclusive('t', async () => {
            appended = Promise.all(
              urls().map(async (at) => {
                const said = await send(key, 'POST', '/v1/sessions/t/messages', message('from outside'), {
                  at,
                });
                order.push('outside');
                return said;
              }),
            );
            await sleep(700);
            await sessions.appendMessages('t', [{ role: 'user', content: 'from inside' }]);
            order.push('inside');
          });
        });
        expect((await appended)?.map(({ status }) => status)).toEqual([201, 201, 201]);
        expect(order).toEqual(['inside', 'outside', 'outside', 'outside']);
        expect((await contentsOf(key, 't'))[0]).toEqual({ seq: 1, content: 'from inside' });
      } finally {
        await host.stop();
      }
    });

    it('a rate is that of the tenant, however many answer for it', async () => {
      // So low that the slowest machine asks for many times as much.
      const rate = 2;
      const { key } = await tenant('rates', { rateLimit: rate });
      const start = performance.now();
      const flood = async (): Promise<number[]> =>
        Promise.all(
          Array.from({ length: 60 }, async () => (await send(key, 'GET', '/v1/context/budgets')).status),
        );
      const statuses: number[] = [];
      while (performance.now() - start < 4_000) {
        statuses.push(...(await flood()));
        await sleep(20);
      }
      const seconds = (performance.now() - start) / 1_000;
      const admitted = statuses.filter((status) => status === 200).length;
      expect(statuses.filter((status) => status !== 200 && status !== 429)).toEqual([]);
      // As docs/scaling.md has it. Three limits of their own would let in 12 at once, and 6 each second.
      expect(admitted).toBeLessThanOrEqual(rate * (seconds + 2) + REPLICAS * Math.max(1, rate / 10));
      expect(admitted).toBeGreaterThanOrEqual(rate * 2);
      const [bucket] = await sql<{ tokens: number }>(
        `SELECT tokens FROM shared.rate_buckets WHERE tenant_id = 'rates'`,
      );
      expect(bucket?.tokens).toBeGreaterThanOrEqual(-REPLICAS);
    });

    it('a quota is that of the tenant, within what they admit between two exchanges', async () => {
      await longDay();
      const { key } = await tenant('quotas', { dailyQuota: 12 });
      const statuses: number[] = [];
      // A count is exchanged every second, and the others read it after five at most.
      for (const pauseMs of [0, 6_500]) {
        await sleep(pauseMs);
        for (let request = 0; request < 30; request += 1)
          statuses.push((await send(key, 'GET', '/v1/context/budgets')).status);
      }
      expect(statuses.slice(0, 30).filter((status) => status === 200).length).toBeLessThanOrEqual(
        12 * REPLICAS,
      );
      expect(statuses.slice(30)).toEqual(Array.from({ length: 30 }, () => 429));
    });

    it('a key that is revoked, and a tenant that is erased, are refused by all of them in time', async () => {
      const { key, keyId } = await tenant('revoked');
      const other = await tenant('erased');
      const everywhere = (of: string): Promise<number[]> =>
        Promise.all(
          urls().map(async (at) => (await send(of, 'GET', '/v1/memories', undefined, { at })).status),
        );
      expect(await everywhere(key)).toEqual([200, 200, 200]);
      expect(await everywhere(other.key)).toEqual([200, 200, 200]);
      await registry.revoke(keyId);
      await eraseTenant(owner, 'erased');
      await sleep(REVOKED_WITHIN_MS);
      expect(await everywhere(key)).toEqual([401, 401, 401]);
      expect(await everywhere(other.key)).toEqual([401, 401, 401]);
      const left = await sql(`SELECT FROM shared.agent_memories WHERE tenant_id = 'erased'`);
      expect(left).toEqual([]);
    });

    it('one Idempotency-Key acts once, through whichever of them, at once and later', async () => {
      const { key } = await tenant('repeats');
      const body = { agentId: 'a', content: 'said once' };
      const headers = { 'idempotency-key': 'the-same' };
      const store = (at: string): Promise<Said> => send(key, 'POST', '/v1/memories', body, { at, headers });
      const atOnce = await Promise.all([...urls(), ...urls()].map(store));
      const first = atOnce.find(({ status }) => status === 201);
      expect(first).toBeDefined();
      // Those that came while it ran say so, and are repeated.
      expect(atOnce.filter(({ status }) => status !== 201 && status !== 409)).toEqual([]);
      for (const at of urls()) expect(await store(at)).toMatchObject({ status: 201, body: first?.body });
      const changed = await send(key, 'POST', '/v1/memories', { ...body, content: 'other' }, { headers });
      expect(changed).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } });
      const { body: list } = await send(key, 'GET', '/v1/memories');
      expect((list as { memories: { copies: number }[] }).memories).toMatchObject([{ copies: 1 }]);
    });

    it('a receipt and what is shared with the compile before are known to all of them', async () => {
      const { key } = await tenant('receipts');
      await send(key, 'POST', '/v1/sessions/t/messages', message('Where is my parcel?'));
      const compile = (at: string | undefined): Promise<Said> =>
        send(
          key,
          'POST',
          '/v1/context/compile',
          { threadId: 't', systemPrompt: 'You help.', task: { description: 'Answer.' } },
          { at },
        );
      const [first, second, third] = urls();
      const { body: one } = await compile(first);
      const { receipt } = one as { receipt: { id: string } };
      await until(
        async () =>
          (await send(key, 'GET', `/v1/context/receipts/${receipt.id}`, undefined, { at: second })).status ===
          200,
      );
      const { body: two } = await compile(third);
      expect(two).toMatchObject({ receipt: { sharedPrefix: { messages: 3 } } });
    });

    it('what waits for its vectors gets them once, though each of them looks for it', async () => {
      const { key } = await tenant('embeds');
      const warm = { agentId: 'a', content: 'the first, which gives the tenant its space' };
      expect((await send(key, 'POST', '/v1/memories', warm)).status).toBe(201);
      provider.fail({ status: 401 });
      const contents = Array.from({ length: 300 }, (_, index) => `fact number ${index}`);
      for (let first = 0; first < contents.length; first += 50) {
        const memories = contents.slice(first, first + 50).map((content) => ({ agentId: 'a', content }));
        expect((await send(key, 'POST', '/v1/memories/batch', { memories })).status).toBe(201);
      }
      provider.requests.length = 0;
      provider.heal();
      await until(
        async () =>
          (await sql(`SELECT FROM shared.pending_embeddings WHERE tenant_id = 'embeds'`)).length === 0,
      );
      const asked = provider.requests.flatMap(({ body }) => body.input);
      expect(asked.toSorted()).toEqual(contents.toSorted());
      const vectors = await sql<{ vectors: string }>(
        `SELECT count(*)::int AS vectors FROM shared.memory_embeddings WHERE tenant_id = 'embeds'
          GROUP BY memory_id`,
      );
      expect(vectors).toEqual([warm.content, ...contents].map(() => ({ vectors: 1 })));
      // In the one space of the tenant, which all of them know.
      for (const at of urls()) {
        const query = { query: 'fact number 7' };
        let found: Said | undefined;
        // Each leaves the provider alone for a while of its own.
        await until(async () => {
          found = await send(key, 'POST', '/v1/memories/search', query, { at });
          return (found.body as { degraded: unknown[] }).degraded.length === 0;
        });
        expect(found).toMatchObject({ status: 200 });
      }
    });

    it('one that is killed under load takes nothing with it that was acknowledged, and nothing comes twice', async () => {
      const { key } = await tenant('kills');
      const clients = Array.from({ length: 6 }, (_, client) =>
        Array.from({ length: 25 }, (_, turn) => `${client}/${turn}`),
      );
      let acknowledged = 0;
      const work = clients.map(async (sent) => {
        for (const content of sent) {
          const { said } = await insist(key, '/v1/sessions/t/messages', message(content));
          expect(said.status).toBe(201);
          acknowledged += 1;
        }
      });
      await until(() => Promise.resolve(acknowledged >= 30));
      const [victim] = replicas;
      await victim?.kill();
      replicas[0] = await ServiceProcess.start(environment());
      proxy.serve(urls());
      await Promise.all(work);
      await expectAllOnce(key, 't', clients);
    });

    it('a rolling restart fails no request', async () => {
      const { key } = await tenant('rolls');
      let isOver = false;
      const answers: number[] = [];
      const repeats: (number | 'broken')[] = [];
      async function roll(): Promise<void> {
        try {
          for (const [index, replica] of replicas.entries()) {
            replica.signal('SIGTERM');
            expect(await replica.exit).toEqual({ code: 0, signal: null });
            replicas[index] = await ServiceProcess.start(environment());
            proxy.serve(urls());
          }
        } finally {
          isOver = true;
        }
      }
      const rolled = roll();
      const working = Array.from({ length: 4 }, async (_, client) => {
        const sent: string[] = [];
        while (!isOver) {
          const content = `${client}/${sent.length}`;
          const { said, repeated } = await insist(key, '/v1/sessions/t/messages', message(content));
          sent.push(content);
          repeats.push(...repeated);
          answers.push(said.status, (await send(key, 'GET', '/v1/sessions/t/messages?limit=1')).status);
          await sleep(100);
        }
        return sent;
      });
      // Whatever fails, no replica is left starting.
      await Promise.allSettled([rolled, ...working]);
      await rolled;
      const clients = await Promise.all(working);
      expect(answers.filter((status) => status !== 200 && status !== 201)).toEqual([]);
      // A write on a kept connection that closes in that moment is the client's to repeat, and nothing else.
      expect(repeats.filter((why) => why !== 502)).toEqual([]);
      expect(repeats.length).toBeLessThanOrEqual(REPLICAS);
      const kept = await sql<{ content: string }>(
        `SELECT body ->> 'content' AS content FROM shared.session_messages WHERE tenant_id = 'rolls'`,
      );
      expect(kept.map(({ content }) => content).toSorted()).toEqual(clients.flat().toSorted());
    });
  },
);
