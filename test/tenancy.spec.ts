import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ClsServiceManager } from 'nestjs-cls';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/database/database.js';
import { InvalidTenantError, TenantRequiredError } from '../src/errors.js';
import { ContextManager } from '../src/context/context-manager.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { SessionStore } from '../src/session/session-store.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { TenantRepository } from '../src/tenancy/tenant-repository.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

describe('TenantContext', () => {
  const tenants = new TenantContext();

  it('opens a scope, keeps it across awaits, and closes it', async () => {
    expect(currentTenant()).toBeUndefined();
    await tenants.run('acme', async () => {
      await sleep(1);
      expect(tenants.require()).toBe('acme');
    });
    expect(tenants.current).toBeUndefined();
    expect(() => tenants.require()).toThrow(TenantRequiredError);
  });

  it('keeps concurrent scopes apart, and gives the outer one back after an inner one', async () => {
    const seen = await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        tenants.run(`t${index}`, async () => {
          await sleep(index % 7);
          const inner = await tenants.run('inner', () => Promise.resolve(tenants.require()));
          return `${tenants.require()} ${inner}`;
        }),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 100 }, (_, index) => `t${index} inner`));
  });

  it("nests in a host's own scope and leaves the host's values readable and unchanged", () => {
    const cls = ClsServiceManager.getClsService<{ user: string }>();
    cls.run(() => {
      cls.set('user', 'ada');
      tenants.run('acme', () => {
        expect(cls.get('user')).toBe('ada');
        cls.set('user', 'changed inside');
      });
      expect(cls.get('user')).toBe('ada');
      expect(tenants.current).toBeUndefined();
    });
  });

  it.each(['', ' ', 'a b', 'a/b', "a'b", 'a\u0000', 'ä', '-a', 'x'.repeat(129), 7, null, undefined, {}])(
    'refuses the tenant id %p',
    (tenant) => {
      expect(() => tenants.run(tenant as string, () => 'ran')).toThrow(InvalidTenantError);
    },
  );
});

describeOnEachEngine('tenancy', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  const as = <T>(tenant: string, work: () => T): T => service.app.get(TenantContext).run(tenant, work);

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('refuses every tenant-bound call outside a scope', async () => {
    const sessions = service.app.get(SessionStore);
    const memory = service.app.get(LongTermMemory);
    const context = service.app.get(ContextManager);
    const config = { configurable: { thread_id: 't', checkpoint_ns: '', checkpoint_id: 'c' } };
    const calls: Record<string, () => Promise<unknown>> = {
      appendMessages: () => sessions.appendMessages('t', [{ role: 'user', content: 'x' }]),
      getSessionMessages: () => sessions.getSessionMessages('t'),
      getThread: () => sessions.getThread('t'),
      listSessions: () => sessions.listSessions(),
      clearSession: () => sessions.clearSession('t'),
      getTuple: () => sessions.checkpointer.getTuple(config),
      list: () => sessions.checkpointer.list(config).next(),
      listAll: () => sessions.checkpointer.list({ configurable: {} }).next(),
      put: () =>
        sessions.checkpointer.put(
          config,
          { v: 4, id: 'c', ts: '', channel_values: {}, channel_versions: {}, versions_seen: {} },
          { source: 'input', step: 0, parents: {} },
          {},
        ),
      putWrites: () => sessions.checkpointer.putWrites(config, [['a', 1]], 'task'),
      deleteThread: () => sessions.checkpointer.deleteThread('t'),
      store: () => memory.store({ agentId: 'a', content: 'c' }),
      storeMany: () => memory.storeMany([{ agentId: 'a', content: 'c' }]),
      search: () => memory.search('q'),
      get: () => memory.get('0190163d-8694-739b-aea5-966c26f8ad91'),
      update: () => memory.update('0190163d-8694-739b-aea5-966c26f8ad91', {}),
      delete: () => memory.delete('0190163d-8694-739b-aea5-966c26f8ad91'),
      listMemories: () => memory.list(),
      compile: () =>
        context.compileWorkingContext({ threadId: 't', systemPrompt: '', task: { description: 'd' } }),
    };
    for (const [name, call] of Object.entries(calls)) {
      const outcome = await Promise.resolve()
        .then(call)
        .then(
          () => 'answered',
          (error: unknown) => error,
        );
      expect({ name, outcome }).toEqual({ name, outcome: expect.any(TenantRequiredError) as unknown });
    }
  });

  it('binds every repository query to the tenant, whatever the caller passes', async () => {
    const database = service.app.get(Database);
    const entries = new TenantRepository(database.dataSource, MemoryEntry, service.app.get(TenantContext));
    const memory = service.app.get(LongTermMemory);
    const { memoryId: id } = await as('red', () => memory.store({ agentId: 'a', content: 'of red' }));
    const foreign = { memoryId: id, tenantId: 'red' } as { memoryId: string };
    await as('blue', async () => {
      expect(await entries.find()).toEqual([]);
      expect(await entries.find({ where: [{ memoryId: id }, { agentId: 'a' }, foreign] })).toEqual([]);
      expect(await entries.findOne(foreign)).toBeNull();
    });
    const asBlue = { memoryId: id, tenantId: 'blue' } as { memoryId: string };
    expect((await as('red', () => entries.findOne(asBlue)))?.content).toBe('of red');
    expect(await as('red', () => entries.find({ where: asBlue }))).toMatchObject([{ memoryId: id }]);
  });

  it('serves two tenants at once without mixing them', async () => {
    await Promise.all(
      Array.from({ length: 60 }, async (_, index) => {
        const tenant = `mix${index % 3}`;
        const client = service.as(tenant);
        const messages = [{ role: 'user', content: `${tenant} says ${index}` }];
        expect((await client.post('/v1/sessions/same/messages', { messages })).status).toBe(201);
        const read = await client.get('/v1/sessions/same/messages?limit=1000');
        for (const { content } of (read.body as { messages: { content: string }[] }).messages)
          expect(content.startsWith(tenant)).toBe(true);
      }),
    );
  });
});
