// Over 200 lines: a catalogue, each entry of which stands alone.
import {
  AIMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  type BaseMessage,
} from '@langchain/core/messages';
import {
  Annotation,
  Command,
  END,
  MessagesAnnotation,
  REMOVE_ALL_MESSAGES,
  Send,
  START,
  StateGraph,
} from '@langchain/langgraph';
import { describeScenarios, resumeScenarios, type Run, type Scenario } from '../support/graph-scenarios.js';
import {
  branch,
  createCautious,
  createChat,
  createDeltaChat,
  createEcho,
  createEditor,
  createFlaky,
  createToolAgent,
  Notebook,
  reply,
} from '../support/graphs.js';

const human = (content: string, id?: string) => new HumanMessage({ content, ...(id && { id }) });
const says = (content: string, id?: string) => ({ messages: [human(content, id)] });

/** Applies one edit per turn, each by the node of the graph. */
async function editTurnByTurn(
  run: Run,
  edits: readonly ((messages: BaseMessage[]) => BaseMessage[] | BaseMessage)[],
): Promise<void> {
  for (const [turn, edit] of edits.entries()) {
    const graph = createEditor(edit, run.openCheckpointer());
    run.record(await graph.invoke(says(`turn ${turn}`, `h${turn}`), run.config));
    await run.inspect(graph);
  }
}

const chats: Scenario[] = [
  {
    title: 'a chat of several turns',
    conversation: 'unbroken',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      for (let turn = 1; turn <= 4; turn += 1) {
        run.record(await graph.invoke(says(`turn ${turn}`), run.config));
        await run.inspect(graph);
      }
    },
  },
  {
    title: 'a chat whose every turn is another process',
    conversation: 'unbroken',
    async script(run) {
      for (let turn = 1; turn <= 4; turn += 1) {
        const graph = createChat(run.openCheckpointer());
        run.record(await graph.invoke(says(`turn ${turn}`), run.config));
        await run.inspect(graph);
      }
    },
  },
  {
    title: 'an id that a reducer of its own lets stand several times',
    conversation: 'gaps',
    async script(run) {
      const steps = [['a'], ['a', 'b', 'a'], ['a'], ['b', 'b', 'a', 'a'], ['b', 'a'], ['a', 'a', 'b']];
      for (const [turn, ids] of steps.entries()) {
        const graph = new StateGraph(
          Annotation.Root({ messages: Annotation<BaseMessage[]>({ reducer: (_, next) => next }) }),
        )
          .addNode('repeat', ({ messages }) => ({ messages: [...messages, ...messages] }))
          .addNode('write', () => ({
            messages: ids.map((id, at) => human(`${id}${at % 2}, ${turn % 2}`, id)),
          }))
          .addEdge(START, 'repeat')
          .addEdge('repeat', 'write')
          .addEdge('write', END)
          .compile({ checkpointer: run.openCheckpointer() });
        run.record(await graph.invoke(says('ask', 'ask'), run.config));
        await run.inspect(graph);
      }
    },
  },
  {
    title: 'a conversation that is said twice',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(
        Annotation.Root({ messages: Annotation<BaseMessage[]>({ reducer: (_, next) => next }) }),
      )
        .addNode('repeat', ({ messages }) => ({ messages: [...messages, ...messages] }))
        .addEdge(START, 'repeat')
        .addEdge('repeat', END)
        .compile({ checkpointer: run.openCheckpointer() });
      run.record(await graph.invoke({ messages: [human('one', 'h1'), human('two', 'h2')] }, run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'messages that a node changes in place',
    conversation: 'unbroken',
    async script(run) {
      const change = (messages: BaseMessage[]): BaseMessage[] => {
        const [first, second] = messages as [BaseMessage, BaseMessage | undefined];
        first.content = `heard ${messages.length}`;
        const deep = second?.additional_kwargs['seen'] as { by: number[] } | undefined;
        deep?.by.push(messages.length);
        return second ? [first, second] : [first];
      };
      const seen = { seen: { by: [] } };
      const graph = createEditor(change, run.openCheckpointer());
      run.record(await graph.invoke(says('one', 'h1'), run.config));
      const two = new HumanMessage({ id: 'h2', content: 'two', additional_kwargs: seen });
      run.record(await graph.invoke({ messages: [two] }, run.config));
      const other = createEditor(change, run.openCheckpointer());
      for (const id of ['h3', 'h4']) {
        run.record(await other.invoke(says(id, id), run.config));
        // Not the history: with `async` LangGraph may put a checkpoint after the next node has changed its messages.
        run.record((await createEditor(change, run.openCheckpointer()).getState(run.config)).values);
      }
    },
  },
  {
    title: 'messages of every kind, with all that they carry',
    conversation: 'unbroken',
    async script(run) {
      const graph = createEditor(
        () =>
          new AIMessage({
            content: [{ type: 'text', text: 'parts 🧵' }],
            name: 'ada',
            additional_kwargs: { reasoning: { steps: [1, 2.5, null] } },
            response_metadata: { model: 'm', logprobs: null },
            usage_metadata: { input_tokens: 1, output_tokens: 2, total_tokens: 3 },
          }),
        run.openCheckpointer(),
      );
      const image = { type: 'image_url', image_url: { url: 'https://example.org/a.png' } };
      const messages = [new SystemMessage('Be brief.'), new HumanMessage({ content: [image], name: 'bob' })];
      run.record(await graph.invoke({ messages }, run.config));
      run.record(await graph.invoke({ messages: [{ role: 'user', content: 'as plain data' }] }, run.config));
      run.record(await graph.invoke({ messages: ['as a string'] as never }, run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a loop of tool calls',
    conversation: 'unbroken',
    async script(run) {
      const graph = createToolAgent(run.openCheckpointer());
      for (const question of ['first', 'second']) run.record(await graph.invoke(says(question), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a replaced message',
    conversation: 'unbroken',
    async script(run) {
      await editTurnByTurn(run, [
        () => human('zero, again', 'h0'),
        () => [human('zero, a third time', 'h0'), new AIMessage({ id: 'a1', content: 'one' })],
        () => new AIMessage({ id: 'a1', content: 'one, again' }),
        () => human('turn 0', 'h0'),
      ]);
    },
  },
  {
    title: 'removed messages',
    conversation: 'gaps',
    async script(run) {
      await editTurnByTurn(run, [
        () => new AIMessage({ id: 'a0', content: 'zero' }),
        () => [new RemoveMessage({ id: 'h0' }), new AIMessage({ id: 'a1', content: 'one' })],
        () => new RemoveMessage({ id: 'h2' }),
        () => [new RemoveMessage({ id: 'a1' }), human('zero is back', 'h0'), human('three', 'h3')],
      ]);
    },
  },
  {
    title: 'all messages removed, and a summary in their place',
    conversation: 'gaps',
    async script(run) {
      const all = new RemoveMessage({ id: REMOVE_ALL_MESSAGES });
      await editTurnByTurn(run, [
        (messages) => reply(messages),
        (messages) => [all, new SystemMessage(`${messages.length} messages, in short`)],
        (messages) => reply(messages),
        () => [all],
        (messages) => [...messages, reply(messages)],
      ]);
    },
  },
  {
    title: 'a conversation put into another order, and cut',
    conversation: 'gaps',
    async script(run) {
      const all = new RemoveMessage({ id: REMOVE_ALL_MESSAGES });
      await editTurnByTurn(run, [
        (messages) => reply(messages),
        (messages) => [all, ...messages.toReversed()],
        (messages) => [all, ...messages.slice(1)],
        (messages) => [all, ...messages.toSorted((a, b) => String(a.id).localeCompare(String(b.id)))],
      ]);
    },
  },
  {
    title: 'a long thread',
    conversation: 'unbroken',
    async script(run) {
      const graph = createEcho(run.openCheckpointer());
      for (let turn = 1; turn <= 120; turn += 1) {
        const { messages } = await graph.invoke(says(`turn ${turn}`), run.config);
        run.record(messages.length, messages.at(-1));
      }
      await run.inspect(graph, { limit: 4 });
    },
  },
];

const parallel: Scenario[] = [
  {
    title: 'parallel branches that all write messages',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(Notebook)
        .addNode('left', branch('left'))
        .addNode('middle', branch('middle'))
        .addNode('right', branch('right'))
        .addNode('join', branch('join'))
        .addEdge(START, 'left')
        .addEdge(START, 'middle')
        .addEdge(START, 'right')
        .addEdge(['left', 'middle', 'right'], 'join')
        .addEdge('join', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['once', 'twice']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a fan-out by Send',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(Notebook)
        .addNode('split', () => ({ notes: ['split'] }))
        .addNode('work', ({ notes }: { notes: string[] }) => ({
          messages: [new AIMessage(`worked on ${notes.join()}`)],
          notes,
        }))
        .addNode('join', branch('join'))
        .addEdge(START, 'split')
        .addConditionalEdges('split', ({ messages }) =>
          ['a', 'b', 'c'].map((part) => new Send('work', { notes: [`${part}${messages.length}`] })),
        )
        .addEdge('work', 'join')
        .addEdge('join', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['once', 'twice']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a node that fails beside one that does not, and is run again',
    conversation: 'unbroken',
    async script(run) {
      const runs = { steady: 0, flaky: 0 };
      const create = (works: boolean) => createFlaky({ works, runs }, run.openCheckpointer());
      const broken = create(false);
      run.record(await createChat(run.openCheckpointer()).invoke(says('before'), run.config));
      run.record(await broken.invoke(says('go'), run.config).catch((error: unknown) => String(error)));
      await run.inspect(broken);
      run.record(await broken.invoke(null, run.config).catch((error: unknown) => String(error)));
      const repaired = create(true);
      await run.inspect(repaired);
      run.record(await repaired.invoke(null, run.config), runs);
      await run.inspect(repaired);
    },
  },
];

const interrupts: Scenario[] = [
  ...resumeScenarios('an interrupt', createCautious),
  {
    title: 'an interrupt, given up for a new question',
    conversation: 'unbroken',
    async script(run) {
      const graph = createCautious(run.openCheckpointer());
      run.record(await graph.invoke(says('first'), run.config));
      run.record(await graph.invoke(says('never mind'), run.config));
      run.record(await graph.invoke(new Command({ resume: 'yes', update: says('by command') }), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a stop before a node and after one',
    conversation: 'unbroken',
    async script(run) {
      const graph = createChat(run.openCheckpointer());
      run.record(await graph.invoke(says('first'), { ...run.config, interruptBefore: ['answer'] }));
      await run.inspect(graph);
      run.record(await graph.invoke(null, run.config));
      run.record(await graph.invoke(says('second'), { ...run.config, interruptAfter: ['think'] }));
      run.record(await graph.invoke(null, run.config));
      await run.inspect(graph);
    },
  },
];

const Strings = Annotation.Root({
  messages: Annotation<string[]>({ reducer: (left, right) => [...left, ...right], default: () => [] }),
});

const otherChannels: Scenario[] = [
  {
    title: 'MessagesDeltaValue',
    conversation: 'delta',
    async script(run) {
      const graph = createDeltaChat(run.openCheckpointer());
      for (const text of ['first', 'second', 'third']) {
        run.record(await graph.invoke(says(text), run.config));
        await run.inspect(graph);
      }
    },
  },
  {
    title: 'a delta channel across its snapshots, in other processes',
    conversation: 'delta',
    async script(run) {
      for (let turn = 1; turn <= 6; turn += 1) {
        const graph = createDeltaChat(run.openCheckpointer(), 4);
        run.record(await graph.invoke(says(`turn ${turn}`), run.config));
        await run.inspect(graph);
      }
      const graph = createDeltaChat(run.openCheckpointer(), 4);
      run.record(
        await graph.invoke({ messages: [new RemoveMessage({ id: REMOVE_ALL_MESSAGES })] }, run.config),
      );
      run.record(await graph.invoke(says('anew'), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a channel named messages that holds strings',
    conversation: 'none',
    async script(run) {
      const graph = new StateGraph(Strings)
        .addNode('say', ({ messages }) => ({ messages: [`${messages.length} seen`] }))
        .addEdge(START, 'say')
        .addEdge('say', END)
        .compile({ checkpointer: run.openCheckpointer() });
      run.record(await graph.invoke({ messages: [] }, run.config));
      run.record(await graph.invoke({ messages: ['one', 'two'] }, run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a thread that begins without a message',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('wait', () => ({}))
        .addEdge(START, 'wait')
        .addEdge('wait', END)
        .compile({ checkpointer: run.openCheckpointer() });
      run.record(await graph.invoke({ messages: [] }, run.config));
      await run.inspect(graph);
      run.record(await createEcho(run.openCheckpointer()).invoke(says('now'), run.config));
      await run.inspect(graph);
    },
  },
];

describeScenarios('graphs', [...chats, ...parallel, ...interrupts, ...otherChannels]);
