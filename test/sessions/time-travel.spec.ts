// Over 200 lines: a catalogue, each entry of which stands alone.
import { AIMessage, HumanMessage, RemoveMessage } from '@langchain/core/messages';
import { Command, MessagesAnnotation, START, StateGraph, type StateSnapshot } from '@langchain/langgraph';
import { describeScenarios, type Run, type Scenario } from '../support/graph-scenarios.js';
import { createCautious, createChat, createEcho } from '../support/graphs.js';

const says = (content: string, id?: string) => ({
  messages: [new HumanMessage({ content, ...(id && { id }) })],
});
const answers = (content: string, id?: string) => ({
  messages: [new AIMessage({ content, ...(id && { id }) })],
});

type Chat = ReturnType<typeof createChat>;

/** Three turns, and the head after each. */
async function talk(run: Run, graph: Chat): Promise<[StateSnapshot, StateSnapshot, StateSnapshot]> {
  const heads: StateSnapshot[] = [];
  for (const text of ['first', 'second', 'third']) {
    await graph.invoke(says(text, `h-${text}`), run.config);
    heads.push(await graph.getState(run.config));
  }
  return heads as [StateSnapshot, StateSnapshot, StateSnapshot];
}

/** The newest state in which `node` is next; with `exit` the middle of a run is not kept, and the oldest serves. */
async function before(run: Run, graph: Chat, node: string): Promise<StateSnapshot> {
  let oldest: StateSnapshot | undefined;
  for await (const state of graph.getStateHistory(run.config)) {
    if (state.next.includes(node)) return state;
    oldest = state;
  }
  if (!oldest) throw new Error('There is no history.');
  return oldest;
}

const replays: Scenario[] = [
  {
    title: 'a run again from the middle of the last turn',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      await talk(run, graph);
      run.record(await graph.invoke(null, run.from(await before(run, graph, 'answer'))));
      await run.inspect(graph);
      run.record(await graph.invoke(says('on'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'another question to an old checkpoint',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      const [first, second, third] = await talk(run, graph);
      run.record(await graph.invoke(says('instead of the second'), run.from(first)));
      await run.inspect(graph);
      run.record(await graph.invoke(says('on'), run.config));
      for (const state of [first, second, third]) run.record((await graph.getState(state.config)).values);
      await run.inspect(graph);
    },
  },
  {
    title: 'an old checkpoint and the head, asked in turns',
    conversation: 'gaps',
    async script(run) {
      const graph = createEcho(run.openCheckpointer());
      await graph.invoke(says('root', 'root'), run.config);
      const root = await graph.getState(run.config);
      await graph.invoke(says('left', 'same id'), run.config);
      let left = await graph.getState(run.config);
      await graph.invoke(says('right', 'same id'), run.from(root));
      let right = await graph.getState(run.config);
      for (let turn = 1; turn <= 3; turn += 1) {
        run.record(await graph.invoke(says(`left ${turn}`), run.from(left)));
        left = await graph.getState(run.config);
        run.record(await graph.invoke(says(`right ${turn}`), run.from(right)));
        right = await graph.getState(run.config);
      }
      run.record((await graph.getState(left.config)).values, (await graph.getState(right.config)).values);
      await run.inspect(graph);
    },
  },
  {
    title: 'an interrupt answered once more, and otherwise',
    conversation: 'gaps',
    async script(run) {
      const graph = createCautious(run.openCheckpointer());
      await graph.invoke(says('first'), run.config);
      const asked = await graph.getState(run.config);
      run.record(await graph.invoke(new Command({ resume: 'yes' }), run.config));
      run.record(await graph.invoke(new Command({ resume: 'no' }), run.from(asked)));
      await run.inspect(graph);
      run.record(await graph.invoke(null, run.from(asked)));
      run.record(await graph.invoke(new Command({ resume: 'perhaps' }), run.config));
      await run.inspect(graph);
    },
  },
];

const updates: Scenario[] = [
  {
    title: 'an update of the head',
    conversation: 'unbroken',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      await talk(run, graph);
      await graph.updateState(run.config, answers('added'), 'answer');
      await run.inspect(graph);
      await graph.updateState(run.config, says('THIRD', 'h-third'), 'think');
      await run.inspect(graph);
      run.record(await graph.invoke(null, run.config));
      run.record(await graph.invoke(says('on'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'an update of the head that removes',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      await talk(run, graph);
      const remove = { messages: [new RemoveMessage({ id: 'h-second' })] };
      await graph.updateState(run.config, remove, 'answer');
      run.record(await graph.invoke(says('on'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'an update of an old checkpoint, run from there and then from the head',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      const [first, second, third] = await talk(run, graph);
      const fork = await graph.updateState(second.config, says('SECOND', 'h-second'), START);
      await run.inspect(graph);
      run.record(await graph.invoke(null, run.from({ config: fork })));
      run.record(await graph.invoke(says('on'), run.config));
      for (const state of [first, second, third]) run.record((await graph.getState(state.config)).values);
      await run.inspect(graph);
    },
  },
  {
    title: 'an update of an old checkpoint that removes, left for the other branch',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      const [, second, third] = await talk(run, graph);
      const remove = { messages: [new RemoveMessage({ id: 'h-first' })] };
      const fork = await graph.updateState(second.config, remove, 'answer');
      run.record((await graph.getState(run.config)).values);
      run.record(await graph.invoke(says('on'), run.from(third)));
      run.record((await graph.getState(fork)).values);
      await run.inspect(graph);
    },
  },
  {
    title: 'an update of the first checkpoint of all',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      await talk(run, graph);
      const states: StateSnapshot[] = [];
      for await (const state of graph.getStateHistory(run.config)) states.push(state);
      const oldest = states.at(-1) as StateSnapshot;
      await graph.updateState(oldest.config, says('a new beginning', 'h-first'), 'think');
      await run.inspect(graph);
      run.record(await graph.invoke(says('on'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'an update of a thread that is not there yet',
    conversation: 'unbroken',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      await graph.updateState(run.config, says('seeded', 'seed'), 'answer');
      await run.inspect(graph);
      run.record(await graph.invoke(says('on'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'an update that changes nothing, and a copy of an old checkpoint',
    conversation: 'gaps',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      const [first] = await talk(run, graph);
      await graph.updateState(run.config, null);
      await run.inspect(graph);
      await graph.updateState(first.config, null, '__copy__');
      await run.inspect(graph);
      run.record(await graph.invoke(says('on'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'an update while a subgraph waits for an answer',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('child', createCautious())
        .addEdge(START, 'child')
        .compile({ checkpointer: run.openCheckpointer() });
      run.record(await graph.invoke(says('first'), run.config));
      await graph.updateState(run.config, answers('by the way'), START);
      await run.inspect(graph);
      run.record(await graph.invoke(new Command({ resume: 'yes' }), run.config));
      await run.inspect(graph);
    },
  },
];

describeScenarios('time travel', [...replays, ...updates]);
