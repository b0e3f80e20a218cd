// Over 200 lines: a catalogue, each entry of which stands alone.
import { AIMessage, HumanMessage } from '@langchain/core/messages';
import {
  Annotation,
  Command,
  END,
  interrupt,
  MessagesAnnotation,
  Send,
  START,
  StateGraph,
} from '@langchain/langgraph';
import { describeScenarios, resumeScenarios, type Scenario } from '../support/graph-scenarios.js';
import { createCautious, createChat, createDeltaChat, Notebook, reply } from '../support/graphs.js';

const says = (content: string) => ({ messages: [new HumanMessage(content)] });

const QA = Annotation.Root({ question: Annotation<string>, answer: Annotation<string> });

const shared: Scenario[] = [
  {
    title: 'a subgraph that shares the conversation',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('before', ({ messages }) => ({ messages: [reply(messages, 'before')] }))
        .addNode('child', createChat())
        .addNode('after', ({ messages }) => ({ messages: [reply(messages, 'after')] }))
        .addEdge(START, 'before')
        .addEdge('before', 'child')
        .addEdge('child', 'after')
        .addEdge('after', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['first', 'second']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a subgraph as the only node',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('child', createChat())
        .addEdge(START, 'child')
        .addEdge('child', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['first', 'second']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a subgraph that hands over to a node of its parent',
    conversation: 'unbroken',
    async script(run) {
      const child = new StateGraph(MessagesAnnotation)
        .addNode(
          'hand over',
          ({ messages }) =>
            new Command({
              goto: 'other',
              graph: Command.PARENT,
              update: { messages: [...messages, reply(messages, 'child')] },
            }),
        )
        .addEdge(START, 'hand over')
        .compile();
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('child', child, { ends: ['other'] })
        .addNode('other', ({ messages }) => ({ messages: [reply(messages, 'other')] }))
        .addEdge(START, 'child')
        .addEdge('other', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['first', 'second']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
];

const separate: Scenario[] = [
  {
    title: 'a subgraph with private messages',
    conversation: 'unbroken',
    async script(run) {
      const child = createChat();
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('consult', async ({ messages }) => {
          const inner = await child.invoke(says(`asked about ${messages.length}`));
          return { messages: [new AIMessage(`consulted: ${inner.messages.length}`)] };
        })
        .addEdge(START, 'consult')
        .addEdge('consult', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['first', 'second']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a root without messages over a subgraph that has them',
    conversation: 'none',
    async script(run) {
      const child = createChat();
      const graph = new StateGraph(QA)
        .addNode('consult', async ({ question }) => {
          const { messages } = await child.invoke(says(question));
          return { answer: messages.at(-1)?.text ?? '' };
        })
        .addEdge(START, 'consult')
        .addEdge('consult', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const question of ['first', 'second']) run.record(await graph.invoke({ question }, run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'a subgraph that remembers its own conversation',
    conversation: 'none',
    async script(run) {
      for (const question of ['first', 'second', 'third']) {
        const graph = new StateGraph(QA)
          .addNode('child', async ({ question }) => {
            const { messages } = await child.invoke(says(question));
            return { answer: messages.map(({ text }) => text).join('; ') };
          })
          .addEdge(START, 'child')
          .addEdge('child', END)
          .compile({ checkpointer: run.openCheckpointer() });
        const child = createChat(true);
        run.record(await graph.invoke({ question }, run.config));
        await run.inspect(graph);
      }
    },
  },
  {
    title: 'a subgraph as a node that remembers, beside a conversation of the root',
    conversation: 'unbroken',
    async script(run) {
      const Private = Annotation.Root({
        ...MessagesAnnotation.spec,
        seen: Annotation<number>({ reducer: (left, right) => left + right, default: () => 0 }),
      });
      const child = new StateGraph(Private)
        .addNode('count', ({ messages, seen }) => ({
          messages: [new AIMessage(`${messages.length} messages, ${seen} before`)],
          seen: 1,
        }))
        .addEdge(START, 'count')
        .addEdge('count', END)
        .compile({ checkpointer: true });
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('child', child)
        .addEdge(START, 'child')
        .addEdge('child', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['first', 'second', 'third']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
      await run.inspectNamespace(graph, 'child');
    },
  },
  {
    title: 'a delta channel below an ordinary conversation',
    conversation: 'unbroken',
    async script(run) {
      const child = createDeltaChat(true, 3);
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('child', async ({ messages }) => {
          const inner = await child.invoke(says(messages.at(-1)?.text ?? ''));
          return { messages: [new AIMessage(`${inner.messages.length} within`)] };
        })
        .addEdge(START, 'child')
        .addEdge('child', END)
        .compile({ checkpointer: run.openCheckpointer() });
      for (const text of ['first', 'second', 'third']) run.record(await graph.invoke(says(text), run.config));
      await run.inspect(graph);
    },
  },
];

const interrupts: Scenario[] = [
  ...resumeScenarios('an interrupt in a subgraph', createParent),
  {
    title: 'an interrupt two levels down',
    conversation: 'unbroken',
    async script(run) {
      const create = () =>
        new StateGraph(MessagesAnnotation)
          .addNode('middle', createParent())
          .addEdge(START, 'middle')
          .addEdge('middle', END)
          .compile({ checkpointer: run.openCheckpointer() });
      run.record(await create().invoke(says('first'), run.config));
      await run.inspect(create());
      run.record(await create().invoke(new Command({ resume: 'yes' }), run.config));
      await run.inspect(create());
    },
  },
  {
    title: 'the state of an interrupted subgraph, changed before it goes on',
    conversation: 'unbroken',
    async script(run) {
      const graph = createParent(run.openCheckpointer());
      run.record(await graph.invoke(says('first'), run.config));
      const { tasks } = await graph.getState(run.config, { subgraphs: true });
      const inner = tasks[0]?.state;
      if (inner === undefined || !('values' in inner)) throw new Error('The subgraph has no state.');
      await graph.updateState(
        { ...inner.config },
        { messages: [new AIMessage('told from outside')] },
        'plan',
      );
      await run.inspect(graph);
      run.record(await graph.invoke(new Command({ resume: 'yes' }), run.config));
      await run.inspect(graph);
    },
  },
  {
    title: 'interrupts of several tasks at once, answered by their ids',
    conversation: 'unbroken',
    async script(run) {
      const graph = new StateGraph(Notebook)
        .addNode('work', ({ notes }: { notes: string[] }) => {
          const said = interrupt<string, string>(`May I work on ${notes.join()}?`);
          return { messages: [new AIMessage(`${notes.join()}: ${said}`)], notes };
        })
        .addConditionalEdges(START, () => ['a', 'b', 'c'].map((part) => new Send('work', { notes: [part] })))
        .addEdge('work', END)
        .compile({ checkpointer: run.openCheckpointer() });
      run.record(await graph.invoke(says('first'), run.config));
      await run.inspect(graph);
      const { tasks } = await graph.getState(run.config);
      const asked = tasks.flatMap((task) => task.interrupts as { id: string; value: string }[]);
      const some = asked.slice(0, 2).map(({ id, value }) => [id, `yes, ${value}`] as const);
      run.record(await graph.invoke(new Command({ resume: Object.fromEntries(some) }), run.config));
      await run.inspect(graph);
      run.record(await graph.invoke(new Command({ resume: 'at last' }), run.config));
      await run.inspect(graph);
    },
  },
];

/** A root over a subgraph that asks before it answers. */
function createParent(checkpointer?: Parameters<typeof createCautious>[0]) {
  return new StateGraph(MessagesAnnotation)
    .addNode('before', ({ messages }) => ({ messages: [reply(messages, 'before')] }))
    .addNode('child', createCautious())
    .addEdge(START, 'before')
    .addEdge('before', 'child')
    .addEdge('child', END)
    .compile(checkpointer === undefined ? {} : { checkpointer });
}

describeScenarios('subgraphs', [...shared, ...separate, ...interrupts]);
