import { threadKeys } from '../support/removable-thread-key.js';
import { HumanMessage } from '@langchain/core/messages';
import { emptyCheckpoint } from '@langchain/langgraph-checkpoint';
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { Repository, type FindOptionsWhere } from 'typeorm';
import { Database } from '../../src/database/database.js';
import { LongTermMemory } from '../../src/memory/long-term-memory.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';
import { fingerprint, tenantTables } from '../support/tenant-tables.js';

type Where = FindOptionsWhere<{ tenantId?: string }>;
type Call = (...given: never[]) => Promise<unknown>;

const without = (where: Where | Where[]): Where | Where[] => {
  if (Array.isArray(where)) return where.map((one) => without(one) as Where);
  const { tenantId: _, ...rest } = where;
  return rest;
};

/**
 * Takes the tenant out of the first layer: of every condition that reaches TypeORM, of every statement of
 * ours (the parameter stays, so that the numbers do), and of the thread ids in LangGraph's tables.
 */
function removePredicates(): void {
  threadKeys.ofTenant = false;
  for (const method of ['find', 'findOne'] as const) {
    const original = Reflect.get(Repository.prototype, method) as unknown as Call;
    jest.spyOn(Repository.prototype, method).mockImplementation(function (this: unknown, ...given: never[]) {
      const [options] = given as unknown as [{ where: Where }];
      return original.apply(this, [{ ...options, where: without(options.where) }] as never[]) as never;
    } as never);
  }
  const query = Reflect.get(Database.prototype, 'query') as unknown as Call;
  jest.spyOn(Database.prototype, 'query').mockImplementation(function (this: unknown, ...given: never[]) {
    const [sql, parameters] = given as unknown as [string, unknown[]];
    // The settings are one row of the tenant's: several would be an error in place of a leak.
    const open = sql.replace(
      /(?<!recall_settings WHERE )(\w+\.)?\btenant_id = \$1\b/g,
      '$$1::text IS NOT NULL',
    );
    return query.apply(this, [open, parameters] as never[]) as never;
  } as never);
}

/** Left to the keys even with both layers away: an embedding refers to a memory of its own tenant. */
const HELD_BY_KEYS = ['change a memory'];

describeOnEachEngine('each layer holds alone', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let database: Database;
  let tables: string[];
  const as = <T>(tenant: string, work: () => T): T => service.app.get(TenantContext).run(tenant, work);
  const sessions = (): SessionStore => service.app.get(SessionStore);
  const memory = (): LongTermMemory => service.app.get(LongTermMemory);
  const graphThread = (
    thread_id: string,
  ): { configurable: { thread_id: string; checkpoint_ns: string } } => ({
    configurable: { thread_id, checkpoint_ns: 'graph' },
  });

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    database = service.app.get(Database);
    tables = await tenantTables(home, database);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });
  const restore = (): void => {
    jest.restoreAllMocks();
    threadKeys.ofTenant = true;
  };
  afterEach(restore);

  const setRowLevelSecurity = (verb: 'ENABLE' | 'DISABLE'): Promise<unknown> =>
    asSuperuser(home, database, tables.map((t) => `ALTER TABLE ${t} ${verb} ROW LEVEL SECURITY`).join(';'));

  /** A victim with one of everything, stored once for each form of the derived thread id. */
  async function plant(): Promise<{ victim: string; marker: string; thread: string; memoryId: string }> {
    const marker = randomUUID();
    const victim = `victim-${marker.slice(0, 8)}`;
    const thread = `trip-${marker.slice(0, 8)}`;
    const memoryId = await as(victim, async () => {
      await sessions().appendMessages(thread, [{ role: 'user', content: `message ${marker}` }]);
      for (const ofTenant of [true, false]) {
        threadKeys.ofTenant = ofTenant;
        const checkpoint = { ...emptyCheckpoint(), channel_values: { note: `note ${marker}` } };
        checkpoint.channel_versions = { note: 1 };
        const config = await sessions().checkpointer.put(
          graphThread(thread),
          checkpoint,
          { source: 'input', step: -1, parents: {} },
          { note: 1 },
        );
        await sessions().checkpointer.putWrites(config, [['note', new HumanMessage(marker)]], 'task');
      }
      threadKeys.ofTenant = true;
      return (await memory().store({ agentId: 'a', content: `memory ${marker}`, metadata: { marker } }))
        .memoryId;
    });
    return { victim, marker, thread, memoryId };
  }

  /** Everything that an attacker can ask for or change by an id, a list or a search. */
  const attempts = (thread: string, memoryId: string): Record<string, () => Promise<unknown>> => ({
    'get a memory': () => memory().get(memoryId),
    'list memories': () => memory().list({ limit: 1_000 }),
    'list memories of an agent': () => memory().list({ agentId: 'a', limit: 1_000 }),
    'search memories': () => memory().search('memory', { limit: 1_000 }),
    'search memories of an agent': () => memory().search('memory', { limit: 1_000, agentId: 'a' }),
    'change a memory': () => memory().update(memoryId, { content: 'taken over' }),
    'change metadata': () => memory().update(memoryId, { metadata: {} }),
    'read a thread': () => sessions().getThread(thread),
    'read messages': () => sessions().getSessionMessages(thread),
    'list threads': () => sessions().listSessions({ limit: 1_000 }),
    'read a checkpoint': () => sessions().checkpointer.getTuple(graphThread(thread)),
    'list checkpoints of a thread': () => collect(sessions().checkpointer.list(graphThread(thread))),
    'list checkpoints of all threads': () => collect(sessions().checkpointer.list({ configurable: {} })),
    'list checkpoints by metadata': () =>
      collect(sessions().checkpointer.list({ configurable: {} }, { filter: { source: 'input' } })),
    'delete checkpoints': () => sessions().checkpointer.deleteThread(thread),
    'end a session': () => sessions().clearSession(thread),
    'delete a memory': () => memory().delete(memoryId),
  });

  /** The attempts that showed or changed something of the victim's. */
  async function leaking(): Promise<string[]> {
    const names = Object.keys(attempts('', ''));
    const leaks: string[] = [];
    for (const name of names) {
      const mutant = !threadKeys.ofTenant;
      restore();
      const { victim, marker, thread, memoryId } = await plant();
      const before = await fingerprint(home, database, tables, victim);
      if (mutant) removePredicates();
      const outcome = await as(`attacker-${marker.slice(0, 8)}`, () =>
        Promise.resolve()
          .then(attempts(thread, memoryId)[name])
          .catch((error: unknown) => (error as Error).message),
      );
      const shown = JSON.stringify(outcome ?? '');
      const changed = (await fingerprint(home, database, tables, victim)) !== before;
      if (changed || shown.includes(marker) || shown.includes(`"${thread}"`)) leaks.push(name);
    }
    return leaks;
  }

  it('finds no leak with both layers', async () => {
    expect(await leaking()).toEqual([]);
  });

  it('finds none with the predicates removed: row-level security holds every attempt', async () => {
    removePredicates();
    expect(await leaking()).toEqual([]);
  });

  it('finds none with row-level security off: the predicates hold every attempt', async () => {
    await setRowLevelSecurity('DISABLE');
    try {
      expect(await leaking()).toEqual([]);
    } finally {
      await setRowLevelSecurity('ENABLE');
    }
  });

  it('finds every attempt leaking with both removed, so it can tell', async () => {
    await setRowLevelSecurity('DISABLE');
    try {
      removePredicates();
      const all = Object.keys(attempts('', ''));
      expect(await leaking()).toEqual(all.filter((name) => !HELD_BY_KEYS.includes(name)));
    } finally {
      await setRowLevelSecurity('ENABLE');
    }
  });
});

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
