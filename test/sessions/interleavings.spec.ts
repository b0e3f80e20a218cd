// Over 200 lines: one property of three operations, and all that it takes to carry them out and look behind them.
import type { BaseMessage } from '@langchain/core/messages';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Database } from '../../src/database/database.js';
import { NotFoundError, VersionConflictError } from '../../src/errors.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';
import {
  interleavings,
  isLinearizable,
  outcomes,
  step,
  type Observed,
  type Operation,
  type Outcome,
  type ThreadState,
} from './thread-model.js';

const THREAD = 'thread';
const append = (...contents: string[]): Operation => ({ kind: 'append', contents });
const clear: Operation = { kind: 'clear' };
const read: Operation = { kind: 'read' };

/** What the clients do, each in its order. */
const PROGRAMS: [string, Operation[][]][] = [
  ['two appends · a clear · two reads', [[append('a'), append('b')], [clear], [read, read]]],
  ['an append and a read, twice · a clear', [[append('a', 'b'), read], [append('c'), read], [clear]]],
  [
    'an append and a clear · an append · a clear and a read',
    [[append('a'), clear], [append('b')], [clear, read]],
  ],
  [
    'appends that expect a version · a clear',
    [
      [append('a'), { ...append('b'), expectedVersion: 1 } as Operation],
      [{ ...append('c'), expectedVersion: 0 } as Operation, clear],
      [read],
    ],
  ],
];

/** Programs of two or three clients, six operations at most; contents are given later. */
const operation = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.integer({ min: 1, max: 2 }).map((size) => append(...Array<string>(size).fill(''))),
  },
  { weight: 1, arbitrary: fc.nat(2).map((expectedVersion) => ({ ...append(''), expectedVersion })) },
  { weight: 2, arbitrary: fc.constant(clear) },
  { weight: 3, arbitrary: fc.constant(read) },
);
const concurrentPrograms = fc.record({
  isBegun: fc.boolean(),
  clients: fc.array(fc.array(operation, { minLength: 1, maxLength: 2 }), { minLength: 2, maxLength: 3 }),
});

describeOnEachEngine('append, clear and read', (createDatabase) => {
  let home: TestDatabase;
  let services: TestService[];
  let counter = 0;

  beforeAll(async () => {
    home = await createDatabase();
    services = [await TestService.start(home)];
    // The embedded engine is one process's own.
    if (home.engine === 'postgres') services.push(await TestService.start(home));
  });
  afterAll(async () => {
    for (const service of services) await service.stop();
    await home.drop();
  });

  /** A tenant of which nothing is known yet; no such name is a part of another. */
  const newTenant = (): string => `tenant-${String((counter += 1)).padStart(6, '0')}`;

  /** Runs in an instance of the application, as a tenant. */
  const within = <T>(
    client: number,
    tenant: string,
    work: (sessions: SessionStore) => Promise<T>,
  ): Promise<T> => {
    const { app } = services[client % services.length] as TestService;
    return app.get(TenantContext).run(tenant, () => work(app.get(SessionStore)));
  };

  const perform = (client: number, tenant: string, operation: Operation): Promise<Outcome> =>
    within(client, tenant, async (sessions) => {
      try {
        if (operation.kind === 'clear') {
          await sessions.clearSession(THREAD);
          return outcomes.cleared;
        }
        if (operation.kind === 'read') {
          const { version, messages } = await sessions.getThread(THREAD);
          return outcomes.read(version, messages);
        }
        const { contents, expectedVersion } = operation;
        const { version, messages } = await sessions.appendMessages(
          THREAD,
          contents.map((content) => ({ role: 'user', content })),
          expectedVersion === undefined ? {} : { expectedVersion },
        );
        return outcomes.appended(
          version,
          messages.map(({ seq }) => seq),
        );
      } catch (error) {
        if (error instanceof NotFoundError) return outcomes.none;
        if (error instanceof VersionConflictError) return outcomes.conflict(error.extensions.currentVersion);
        throw error;
      }
    });

  /** What a graph would begin with. */
  const seenByGraph = (tenant: string): Promise<unknown[] | undefined> =>
    within(0, tenant, async ({ checkpointer }) => {
      const tuple = await checkpointer.getTuple({ configurable: { thread_id: THREAD } });
      const messages = tuple?.checkpoint.channel_values['messages'] as BaseMessage[] | undefined;
      return messages?.map(({ content }) => content);
    });

  /** The tables, of all that the catalogue has in our schemas, in which a row names the tenant. */
  const tablesWith = async (tenant: string): Promise<string[]> => {
    const { app } = services[0] as TestService;
    const query = (sql: string) => asSuperuser(home, app.get(Database), sql);
    const tables = await query(
      `SELECT oid::regclass::text AS name FROM pg_class
        WHERE relkind IN ('r', 'p') AND relnamespace IN ('shared'::regnamespace, 'checkpoints'::regnamespace)`,
    );
    const found = await query(
      tables
        .map(
          ({ name }) =>
            `SELECT '${String(name)}' AS name FROM ${String(name)} r WHERE strpos(r::text, '${tenant}') > 0`,
        )
        .join(' UNION '),
    );
    return found.map(({ name }) => String(name)).sort();
  };

  it.each(PROGRAMS)('answer as the model does in every order of %s', async (_, programs) => {
    const orders = interleavings(programs);
    for (const order of orders) {
      const tenant = newTenant();
      const said: Outcome[] = [];
      const expected: Outcome[] = [];
      let state: ThreadState;
      for (const { client, step: operation } of order) {
        said.push(await perform(client, tenant, operation));
        const [next, outcome] = step(state, operation);
        expected.push(outcome);
        if (operation.kind === 'clear' && state) {
          expect(await tablesWith(tenant)).toEqual(['shared.audit_log']);
          expect(await seenByGraph(tenant)).toBeUndefined();
        }
        state = next;
      }
      expect({ order, said }).toEqual({ order, said: expected });
      expect(await seenByGraph(tenant)).toEqual(state?.contents);
      if (state) expect(await tablesWith(tenant)).toEqual(expect.arrayContaining(['shared.sessions']));
    }
    expect(orders.length).toBeGreaterThanOrEqual(30);
  });

  it('never refuse an append because others clear the thread again and again', async () => {
    const tenant = newTenant();
    const answers = new Set<string>();
    const repeat = async (client: number, ...program: Operation[]): Promise<void> => {
      for (let round = 0; round < 150; round += 1)
        for (const operation of program)
          answers.add((await perform(client, tenant, operation)).split(' ')[0] as string);
    };
    await Promise.all([
      repeat(0, { ...append('held'), expectedVersion: 0 } as Operation),
      repeat(1, append('plain'), clear),
      repeat(0, clear),
      repeat(1, clear),
    ]);
    expect(answers.size).toBeGreaterThan(2);
  });

  it('are linearizable when they run at once', async () => {
    let contended = 0;
    await fc.assert(
      fc.asyncProperty(concurrentPrograms, async ({ isBegun, clients }) => {
        const tenant = newTenant();
        const observed: Observed[] = [];
        let clock = 0;
        let messages = 0;
        const observe = async (client: number, planned: Operation): Promise<void> => {
          const operation: Operation =
            planned.kind === 'append'
              ? { ...planned, contents: planned.contents.map(() => `m${(messages += 1)}`) }
              : planned;
          const invokedAt = (clock += 1);
          const outcome = await perform(client, tenant, operation);
          observed.push({ operation, outcome, invokedAt, answeredAt: (clock += 1) });
        };
        if (isBegun) await observe(0, append(''));
        await Promise.all(
          clients.map(async (program, client) => {
            for (const operation of program) await observe(client, operation);
          }),
        );
        await observe(1, read);
        if (!isLinearizable(observed))
          throw new Error(`No order explains ${JSON.stringify(observed, null, 1)}`);
        if (!isSequence(observed)) contended += 1;
        await perform(0, tenant, clear);
        expect((await tablesWith(tenant)).filter((name) => name !== 'shared.audit_log')).toEqual([]);
      }),
      { numRuns: 200, endOnFailure: true },
    );
    // They did meet. (The embedded engine has one connection, and carries out in the order of sending.)
    if (home.engine === 'postgres') expect(contended).toBeGreaterThan(0);
  });
});

/** Whether the operations answered as if each had been carried out when it was sent. */
function isSequence(observed: readonly Observed[]): boolean {
  let state: ThreadState;
  return [...observed]
    .sort((one, other) => one.invokedAt - other.invokedAt)
    .every(({ operation, outcome }) => {
      const [next, expected] = step(state, operation);
      state = next;
      return outcome === expected;
    });
}
