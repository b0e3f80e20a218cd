// Over 200 lines: every way to lose a race, and what must not be left of it.
import { AIMessage, HumanMessage, type BaseMessage } from '@langchain/core/messages';
import { Command, interrupt, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { NotFoundError, SessionBusyError, SessionConflictError } from '../../src/errors.js';
import type { SessionStore } from '../../src/session/session-store.js';
import { threadKey } from '../../src/tenancy/thread-key.js';
import { describeOnEachEngine } from '../support/engines.js';
import { DURABILITIES, expectSameOverRest } from '../support/graph-scenarios.js';
import { createCautious, createChat, createEcho } from '../support/graphs.js';
import { Gate, Instances, user } from './instances.js';

const THREAD = 'thread';
const AT_HEAD = { configurable: { thread_id: THREAD } };
const says = (content: string) => ({ messages: [new HumanMessage(content)] });
const contents = (messages: readonly { content?: unknown }[]): unknown[] =>
  messages.map(({ content }) => content);
const read = async (sessions: SessionStore): Promise<unknown[]> =>
  contents(await sessions.getSessionMessages(THREAD, { limit: 1_000 }));

/** Answers each question with its own words, at the gate's pleasure. */
const createWaiting = (gate: Gate, checkpointer?: BaseCheckpointSaver) =>
  new StateGraph(MessagesAnnotation)
    .addNode('wait', async ({ messages }) => {
      await gate.pass();
      return { messages: [new AIMessage(`answer to ${messages.at(-1)?.text ?? ''}`)] };
    })
    .addNode('close', ({ messages }) => ({
      messages: [new AIMessage(`end of ${messages.at(-2)?.text ?? ''}`)],
    }))
    .addEdge(START, 'wait')
    .addEdge('wait', 'close')
    .compile(checkpointer ? { checkpointer } : {});

/** Asks, and answers at the gate's pleasure. */
const createAsking = (gate: Gate, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(MessagesAnnotation)
    .addNode('ask', async () => {
      const said = interrupt<string, string>('Go on?');
      await gate.pass();
      return { messages: [new AIMessage(`told ${said}`)] };
    })
    .addEdge(START, 'ask')
    .compile({ checkpointer });

/** The same steps within a subgraph. */
const createNested = (gate: Gate, checkpointer: BaseCheckpointSaver) =>
  new StateGraph(MessagesAnnotation)
    .addNode('child', createWaiting(gate))
    .addEdge(START, 'child')
    .compile({ checkpointer });

/** The errors of those that failed. */
async function failuresOf(runs: readonly Promise<unknown>[]): Promise<unknown[]> {
  const settled = await Promise.allSettled(runs);
  return settled.flatMap((run) => (run.status === 'rejected' ? [run.reason as unknown] : []));
}

function expectRefused(error: unknown): void {
  expect(error).toBeInstanceOf(SessionConflictError);
  expect(error).toMatchObject({ code: 'session_conflict', status: 409 });
}

describeOnEachEngine('writers that come too late', (createDatabase) => {
  const instances = new Instances();
  const gates: Gate[] = [];
  beforeAll(() => instances.open(createDatabase));
  afterAll(() => instances.close());
  afterEach(() => {
    for (const gate of gates.splice(0)) gate.open();
  });

  const newGate = (): Gate => {
    const gate = new Gate();
    gates.push(gate);
    return gate;
  };

  /**
   * A run that is refused does not wait for what its tasks are still writing, and a superuser's statement on the
   * embedded engine would come between the messages of one.
   */
  const atRest = (): Promise<void> => sleep(100);

  /** No value of a channel and no write but those of checkpoints that are there. */
  async function expectNoOrphans(tenant: string): Promise<void> {
    await atRest();
    const key = threadKey(tenant, THREAD);
    const orphans = await instances.superuser(
      `SELECT 'write' AS of, checkpoint_id AS name FROM checkpoints.checkpoint_writes w
        WHERE thread_id = '${key}' AND NOT EXISTS (
          SELECT FROM checkpoints.checkpoints c WHERE c.thread_id = w.thread_id
             AND c.checkpoint_ns = w.checkpoint_ns AND c.checkpoint_id = w.checkpoint_id)
       UNION ALL
       SELECT 'value', channel || ' ' || version FROM checkpoints.checkpoint_blobs b
        WHERE thread_id = '${key}' AND NOT EXISTS (
          SELECT FROM checkpoints.checkpoints c WHERE c.thread_id = b.thread_id
             AND c.checkpoint_ns = b.checkpoint_ns
             AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version)`,
    );
    expect(orphans).toEqual([]);
  }

  /** With `async` a node runs while the checkpoint of its question is still being written. */
  async function untilSaid(tenant: string, content: string): Promise<void> {
    while (!(await instances.within(tenant, read)).includes(content)) await sleep(5);
  }

  /** Nothing is left of the tenant but what was noted for the record. */
  async function expectNothingLeft(tenant: string): Promise<void> {
    await atRest();
    const { 'shared.audit_log': audited, ...rest } = await instances.rowsOf(tenant);
    expect(rest).toEqual({});
    expect(audited).toBeGreaterThan(0);
  }

  describe.each(DURABILITIES)('%s', (durability) => {
    const config = { ...AT_HEAD, durability };

    it.each(['an empty thread', 'a thread'])('one of two runs that read the same of %s', async (of) => {
      const tenant = instances.newTenant();
      const before = of === 'a thread' ? ['before'] : [];
      if (before.length > 0)
        await instances.within(tenant, (sessions) => sessions.appendMessages(THREAD, [user('before')]));
      // Of what they wait for both have read: with `exit` nothing is written before the end of the run.
      const bothHaveRead = newGate();
      let haveRead = 0;
      const run = (name: string, instance: number) =>
        instances.within(
          tenant,
          async ({ checkpointer }) => {
            const reading = jest.spyOn(checkpointer, 'getTuple');
            const original = Object.getPrototypeOf(checkpointer) as BaseCheckpointSaver;
            reading.mockImplementation(async (asked) => {
              const tuple = await original.getTuple.call(checkpointer, asked);
              if ((haveRead += 1) >= 2) bothHaveRead.open();
              await bothHaveRead.pass();
              return tuple;
            });
            try {
              return await createChat(checkpointer).invoke(says(name), config);
            } finally {
              reading.mockRestore();
            }
          },
          instance,
        );
      const failed: string[] = [];
      const failures = await failuresOf(
        ['one', 'other'].map((name, instance) =>
          run(`question-${name}-${tenant}`, instance).catch((error: unknown) => {
            failed.push(name);
            throw error;
          }),
        ),
      );
      expect(failures).toHaveLength(1);
      expectRefused(failures[0]);
      const [loser, winner] = failed[0] === 'one' ? ['one', 'other'] : ['other', 'one'];
      expect(await instances.rowsSaying(`question-${loser}-${tenant}`)).toEqual({});
      await expectNoOrphans(tenant);
      await instances.within(tenant, async (sessions) => {
        expect((await read(sessions)).slice(0, before.length + 1)).toEqual([
          ...before,
          `question-${winner}-${tenant}`,
        ]);
        expect(await read(sessions)).toHaveLength(before.length + 3);
        await expectSameOverRest(sessions, THREAD, 'unbroken');
      });
    });

    it('a run whose newest checkpoint another one went on from', async () => {
      const tenant = instances.newTenant();
      await instances.within(tenant, (sessions) => sessions.appendMessages(THREAD, [user('before')]));
      const gate = newGate();
      const open = newGate();
      open.open();
      const late = instances.within(tenant, ({ checkpointer }) =>
        createWaiting(gate, checkpointer).invoke(says('late'), config),
      );
      await gate.reached;
      if (durability !== 'exit') await untilSaid(tenant, 'late');
      await instances.within(
        tenant,
        ({ checkpointer }) => createWaiting(open, checkpointer).invoke(says('quick'), config),
        1,
      );
      gate.open();
      const failures = await failuresOf([late]);
      expect(failures).toHaveLength(1);
      expectRefused(failures[0]);
      await expectNoOrphans(tenant);
      await instances.within(tenant, async (sessions) => {
        // What the late one asked was there when the quick one began, unless it keeps all for its end.
        const asked = durability === 'exit' ? [] : ['late'];
        expect(await read(sessions)).toEqual([
          'before',
          ...asked,
          'quick',
          'answer to quick',
          'end of quick',
        ]);
        await expectSameOverRest(sessions, THREAD, 'unbroken');
      });
    });

    it('a run during which somebody appends', async () => {
      const tenant = instances.newTenant();
      const gate = newGate();
      const late = instances.within(tenant, ({ checkpointer }) =>
        createWaiting(gate, checkpointer).invoke(says('late'), config),
      );
      await gate.reached;
      if (durability !== 'exit') await untilSaid(tenant, 'late');
      await instances.within(tenant, (sessions) => sessions.appendMessages(THREAD, [user('appended')]), 1);
      gate.open();
      const failures = await failuresOf([late]);
      expect(failures).toHaveLength(1);
      expectRefused(failures[0]);
      await expectNoOrphans(tenant);
      await instances.within(tenant, async (sessions) => {
        const asked = durability === 'exit' ? [] : ['late'];
        expect(await read(sessions)).toEqual([...asked, 'appended']);
        await expectSameOverRest(sessions, THREAD, 'unbroken');
      });
    });

    it('a run that answers a question under which somebody appends', async () => {
      const tenant = instances.newTenant();
      const gate = newGate();
      const late = instances.within(tenant, async ({ checkpointer }) => {
        const graph = createAsking(gate, checkpointer);
        await graph.invoke(says('asked'), config);
        return graph.invoke(new Command({ resume: 'yes' }), config);
      });
      await gate.reached;
      await instances.within(
        tenant,
        async (sessions) => {
          await sessions.appendMessages(THREAD, [user('appended')]);
          // Whoever reads it has it shown with the checkpoint of the question, which stays the newest.
          await sessions.checkpointer.getTuple(AT_HEAD);
        },
        1,
      );
      gate.open();
      const failures = await failuresOf([late]);
      expect(failures).toHaveLength(1);
      expectRefused(failures[0]);
      await expectNoOrphans(tenant);
      await instances.within(tenant, async (sessions) => {
        expect(await read(sessions)).toEqual(['asked', 'appended']);
        await expectSameOverRest(sessions, THREAD, 'unbroken');
      });
    });

    it('a run during which somebody takes the thread for himself', async () => {
      const tenant = instances.newTenant();
      await instances.within(tenant, (sessions) => sessions.appendMessages(THREAD, [user('before')]));
      const gate = newGate();
      const late = instances.within(tenant, ({ checkpointer }) =>
        createWaiting(gate, checkpointer).invoke(says('late'), config),
      );
      const outcome = failuresOf([late]);
      await gate.reached;
      if (durability !== 'exit') await untilSaid(tenant, 'late');
      await instances.within(
        tenant,
        (sessions) =>
          sessions.exclusive(THREAD, async () => {
            gate.open();
            const [failure, ...others] = await outcome;
            expect(failure).toBeInstanceOf(SessionBusyError);
            expect(others).toEqual([]);
          }),
        1,
      );
      await expectNoOrphans(tenant);
      await instances.within(tenant, async (sessions) => {
        expect(await read(sessions)).toEqual(durability === 'exit' ? ['before'] : ['before', 'late']);
        await expectSameOverRest(sessions, THREAD, 'unbroken');
      });
    });

    describe.each([
      ['a graph', createWaiting],
      ['a subgraph', createNested],
    ])('%s', (_, create) => {
      const cases = [
        ['on a thread', true, false],
        ['on a thread that is begun anew', true, true],
        ['on an empty thread', false, false],
        ['on an empty thread that is begun anew', false, true],
      ] as const;
      // With `exit` a run on an empty thread has nothing yet that a clear could end.
      const ending = durability === 'exit' ? cases.filter(([, isBegun]) => isBegun) : cases;
      it.each(ending)('%s that is cleared', async (_title, isBegun, isBegunAnew) => {
        const tenant = instances.newTenant();
        if (isBegun)
          await instances.within(tenant, (sessions) => sessions.appendMessages(THREAD, [user('before')]));
        const gate = newGate();
        const late = instances.within(tenant, ({ checkpointer }) =>
          create(gate, checkpointer).invoke(says('late'), config),
        );
        await gate.reached;
        if (durability !== 'exit') await untilSaid(tenant, 'late');
        await instances.within(
          tenant,
          async (sessions) => {
            await sessions.clearSession(THREAD);
            if (isBegunAnew) await sessions.appendMessages(THREAD, [user('new')]);
          },
          1,
        );
        gate.open();
        const failures = await failuresOf([late]);
        expect(failures).toHaveLength(1);
        expectRefused(failures[0]);
        if (!isBegunAnew) {
          await expectNothingLeft(tenant);
          return;
        }
        await atRest();
        const { 'shared.audit_log': audited, ...rest } = await instances.rowsOf(tenant);
        expect(audited).toBeGreaterThan(0);
        expect(rest).toEqual({ 'shared.sessions': 1, 'shared.session_messages': 1 });
        expect(await instances.within(tenant, read)).toEqual(['new']);
      });
    });
  });

  it('two updates of the newest state at once lose nothing silently', async () => {
    let refused = 0;
    for (let round = 0; round < 10; round += 1) {
      const tenant = instances.newTenant();
      await instances.within(tenant, ({ checkpointer }) =>
        createEcho(checkpointer).invoke(says('asked'), AT_HEAD),
      );
      const failed: string[] = [];
      const update = (name: string, instance: number) =>
        instances.within(
          tenant,
          async ({ checkpointer }) => {
            try {
              await createEcho(checkpointer).updateState(AT_HEAD, says(name), 'echo');
            } catch (error) {
              expectRefused(error);
              failed.push(name);
            }
          },
          instance,
        );
      await Promise.all(['one', 'other'].map(update));
      refused += failed.length;
      expect(failed.length).toBeLessThan(2);
      const there = (await instances.within(tenant, read)).slice(2);
      expect([...there, ...failed].sort()).toEqual(['one', 'other']);
      await instances.within(tenant, (sessions) => expectSameOverRest(sessions, THREAD, 'unbroken'));
      await expectNoOrphans(tenant);
    }
    // They did meet.
    expect(refused).toBeGreaterThan(0);
  });

  it('an update of an older state goes on from there', async () => {
    const tenant = instances.newTenant();
    await instances.within(tenant, async (sessions) => {
      const graph = createEcho(sessions.checkpointer);
      await graph.invoke(says('first'), AT_HEAD);
      const first = await graph.getState(AT_HEAD);
      await graph.invoke(says('second'), AT_HEAD);
      const second = await graph.getState(AT_HEAD);
      await graph.updateState(first.config, says('instead'), 'echo');
      expect(await read(sessions)).toEqual([
        ...contents((first.values as { messages: BaseMessage[] }).messages),
        'instead',
      ]);
      expect((await graph.getState(second.config)).values).toEqual(second.values);
    });
  });

  it('a message whose checkpoint was rolled back does not pass for what was written in its place', async () => {
    const tenant = instances.newTenant();
    const said = new HumanMessage('said');
    await instances.within(tenant, async (sessions, database) => {
      await sessions.appendMessages(THREAD, [user('before')]);
      const graph = createEcho(sessions.checkpointer);
      const { config: head } = await graph.getState(AT_HEAD);
      const undone = database.unitOfWork(async () => {
        await graph.updateState(head, { messages: [said] }, 'echo');
        throw new Error('on purpose');
      });
      await expect(undone).rejects.toThrow('on purpose');
      expect(await read(sessions)).toEqual(['before']);
      await sessions.appendMessages(THREAD, [user('instead')]);
      // A fork: what it goes on from does not have the message that took the place.
      await graph.updateState(head, { messages: [said] }, 'echo');
      expect(await read(sessions)).toEqual(['before', 'said']);
      await expectSameOverRest(sessions, THREAD, 'gaps');
    });
  });

  describe('a handle that was kept from before a clear, in another instance', () => {
    type Handle = Awaited<ReturnType<ReturnType<typeof createCautious>['getState']>>['config'];
    const late: [string, (sessions: SessionStore, kept: Handle) => Promise<unknown>][] = [
      ['a run', ({ checkpointer }, kept) => createEcho(checkpointer).invoke(says('late'), kept)],
      [
        'a run that writes at its end',
        ({ checkpointer }, kept) =>
          createEcho(checkpointer).invoke(says('late'), { ...kept, durability: 'exit' }),
      ],
      [
        'an update',
        ({ checkpointer }, kept) => createEcho(checkpointer).updateState(kept, says('late'), 'echo'),
      ],
      [
        'writes of a task',
        ({ checkpointer }, kept) =>
          checkpointer.putWrites(kept, [['messages', [new AIMessage('late')]]], 'a-task'),
      ],
    ];
    it.each(late)('%s is refused', async (_, write) => {
      const tenant = instances.newTenant();
      const { config: kept } = await instances.within(tenant, async ({ checkpointer }) => {
        const graph = createCautious(checkpointer);
        await graph.invoke(says('asked'), AT_HEAD);
        return graph.getState(AT_HEAD);
      });
      await instances.within(tenant, (sessions) => sessions.clearSession(THREAD));
      const failures = await failuresOf([instances.within(tenant, (sessions) => write(sessions, kept), 1)]);
      expect(failures).toHaveLength(1);
      expectRefused(failures[0]);
      await expectNothingLeft(tenant);
    });

    it('an answer to a question that is gone brings nothing back', async () => {
      const tenant = instances.newTenant();
      const { config: kept } = await instances.within(tenant, async ({ checkpointer }) => {
        const graph = createCautious(checkpointer);
        await graph.invoke(says('asked'), AT_HEAD);
        return graph.getState(AT_HEAD);
      });
      await instances.within(tenant, (sessions) => sessions.clearSession(THREAD));
      const failures = await failuresOf([
        instances.within(
          tenant,
          ({ checkpointer }) => createCautious(checkpointer).invoke(new Command({ resume: 'yes' }), kept),
          1,
        ),
      ]);
      expect(failures).toHaveLength(1);
      await expectNothingLeft(tenant);
      await expect(
        instances.within(tenant, (sessions) => sessions.getThread(THREAD), 1),
      ).rejects.toBeInstanceOf(NotFoundError);
    });
  });

  describe('clocks', () => {
    afterEach(() => {
      jest.restoreAllMocks();
    });

    it('do not say which checkpoint is the newest: what was put last is', async () => {
      const tenant = instances.newTenant();
      const turn = (question: string, instance: number) =>
        instances.within(
          tenant,
          async ({ checkpointer }) => {
            const graph = createEcho(checkpointer);
            await graph.invoke(says(question), AT_HEAD);
            const { configurable } = (await graph.getState(AT_HEAD)).config;
            return configurable?.['checkpoint_id'] as string;
          },
          instance,
        );
      const first = await turn('first', 0);
      const { now } = Date;
      jest.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
      const second = await turn('second', 1);
      jest.restoreAllMocks();
      expect(second < first).toBe(true);
      const expected = ['first', 'echo: 1 seen, last "first"', 'second', 'echo: 3 seen, last "second"'];
      for (const instance of [0, 1])
        await instances.within(
          tenant,
          async (sessions) => {
            expect(await read(sessions)).toEqual(expected);
            await expectSameOverRest(sessions, THREAD, 'unbroken');
          },
          instance,
        );
      const third = await turn('third', 0);
      expect(third > second).toBe(true);
      await instances.within(tenant, async (sessions) => {
        expect(await read(sessions)).toEqual([...expected, 'third', 'echo: 5 seen, last "third"']);
        await expectSameOverRest(sessions, THREAD, 'unbroken');
      });
    });
  });
});
