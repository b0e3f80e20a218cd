import { HumanMessage, type BaseMessage } from '@langchain/core/messages';
import { Command, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { describeOnEachEngine } from '../support/engines.js';
import { DURABILITIES, expectSameOverRest, GraphHome } from '../support/graph-scenarios.js';
import { createCautious, createDeltaChat, createEcho, createFlaky } from '../support/graphs.js';

const says = (content: string) => ({ messages: [new HumanMessage(content)] });
const contents = ({ messages }: { messages: BaseMessage[] }) => messages.map(({ content }) => content);
const posted = (content: string) => ({ role: 'user', content }) as const;

describeOnEachEngine('graphs on a thread that others append to', (createDatabase) => {
  const home = new GraphHome();
  beforeAll(() => home.open(createDatabase));
  afterAll(() => home.close());

  describe.each(DURABILITIES)('%s', (durability) => {
    /** Runs a test in the scope of a tenant, on a thread of its own. */
    const onThread = (title: string, test: (threadId: string, config: Config) => Promise<void>) => {
      const threadId = `${title} · ${durability}`;
      it(title, () =>
        home.inTenant(() => test(threadId, { configurable: { thread_id: threadId }, durability })),
      );
    };
    interface Config {
      configurable: { thread_id: string };
      durability: typeof durability;
    }

    onThread('begins with what was appended before', async (threadId, config) => {
      await home.sessions.appendMessages(threadId, [posted('one'), posted('two')]);
      const ran = await createEcho(home.sessions.checkpointer).invoke(says('three'), config);
      expect(contents(ran)).toEqual(['one', 'two', 'three', 'echo: 3 seen, last "three"']);
      await expectSameOverRest(home.sessions, threadId, 'unbroken');
    });

    onThread('sees what was appended between its turns', async (threadId, config) => {
      const graph = createEcho(home.sessions.checkpointer);
      const expected: unknown[] = [];
      for (let turn = 1; turn <= 3; turn += 1) {
        const ran = await graph.invoke(says(`asked ${turn}`), config);
        expected.push(`asked ${turn}`, `echo: ${expected.length + 1} seen, last "asked ${turn}"`);
        expect(contents(ran)).toEqual(expected);
        const other = await home.openStore();
        await other.appendMessages(threadId, [posted(`a${turn}`), posted(`b${turn}`)]);
        await home.sessions.appendMessages(threadId, [posted(`c${turn}`)]);
        expected.push(`a${turn}`, `b${turn}`, `c${turn}`);
        const state = await graph.getState(config);
        expect(contents(state.values as never)).toEqual(expected);
        expect(state.next).toEqual([]);
        await expectSameOverRest(home.sessions, threadId, 'unbroken');
      }
    });

    onThread('reads an older checkpoint without what was appended later', async (threadId, config) => {
      const graph = createEcho(home.sessions.checkpointer);
      await graph.invoke(says('asked'), config);
      const before = await graph.getState(config);
      await home.sessions.appendMessages(threadId, [posted('appended')]);
      expect((await graph.getState(before.config)).values).toEqual(before.values);
      const forked = await graph.invoke(says('forked'), { ...before.config, durability });
      expect(contents(forked)).not.toContain('appended');
      expect(contents(forked)).toHaveLength(4);
      await expectSameOverRest(home.sessions, threadId, 'gaps');
    });

    onThread('goes on with a question that was open, and sees the append', async (threadId, config) => {
      await createCautious(home.sessions.checkpointer).invoke(says('asked'), config);
      await home.sessions.appendMessages(threadId, [posted('appended')]);
      const graph = createCautious((await home.openStore()).checkpointer);
      expect((await graph.getState(config)).next).toEqual(['ask']);
      const ran = await graph.invoke(new Command({ resume: 'yes' }), config);
      expect(contents(ran)).toEqual([
        'asked',
        'plan: 1 seen, last "asked"',
        'appended',
        'asked, told "yes"',
        'act: 4 seen, last "asked, told "yes""',
      ]);
      await expectSameOverRest(home.sessions, threadId, 'unbroken');
    });

    onThread(
      'still shows a question that was open, and takes the answer by its id',
      async (threadId, config) => {
        const graph = createCautious(home.sessions.checkpointer);
        const asked = await graph.invoke(says('asked'), config);
        const [question] = (asked as unknown as { __interrupt__: { id: string }[] }).__interrupt__;
        await home.sessions.appendMessages(threadId, [posted('appended')]);
        const { tasks } = await graph.getState(config);
        expect(tasks.flatMap(({ interrupts }) => interrupts)).toEqual([question]);
        const ran = await graph.invoke(new Command({ resume: { [question?.id ?? '']: 'yes' } }), config);
        expect(contents(ran)).toContain('asked, told "yes"');
      },
    );

    onThread('goes on within a subgraph that asked, and sees the append', async (threadId, config) => {
      const plans = { count: 0 };
      const create = () =>
        new StateGraph(MessagesAnnotation)
          .addNode('child', createCautious(undefined, plans))
          .addEdge(START, 'child')
          .compile({ checkpointer: home.sessions.checkpointer });
      await create().invoke(says('asked'), config);
      await home.sessions.appendMessages(threadId, [posted('appended')]);
      expect((await create().getState(config)).next).toEqual(['child']);
      const ran = await create().invoke(new Command({ resume: 'yes' }), config);
      expect(contents(ran)).toContain('appended');
      expect(contents(ran)).toContain('asked, told "yes"');
      // What the subgraph had done before it asked is not done again.
      expect(plans.count).toBe(1);
      await expectSameOverRest(home.sessions, threadId, 'unbroken');
    });

    onThread('does not lose what a node did whose sibling failed', async (threadId, config) => {
      const runs = { steady: 0, flaky: 0 };
      const create = (works: boolean) => createFlaky({ works, runs }, home.sessions.checkpointer);
      await expect(create(false).invoke(says('asked'), config)).rejects.toThrow('Out of order.');
      await home.sessions.appendMessages(threadId, [posted('appended')]);
      const ran = await create(true).invoke(null, config);
      expect(contents(ran)).toContain('appended');
      expect(ran.notes.toSorted()).toEqual(['flaky', 'join', 'steady']);
      expect(runs).toEqual({ steady: 1, flaky: 2 });
      await expectSameOverRest(home.sessions, threadId, 'unbroken');
    });

    onThread('keeps a delta channel whole', async (threadId, config) => {
      const graph = createDeltaChat(home.sessions.checkpointer);
      const first = await graph.invoke(says('asked'), config);
      expect(first.messages).toHaveLength(3);
      await home.sessions.appendMessages(threadId, [posted('appended')]);
      const state = await graph.getState(config);
      expect(contents(state.values as never)).toEqual([...contents(first), 'appended']);
    });
  });
});
