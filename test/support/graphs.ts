import { AIMessage, type BaseMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import {
  Annotation,
  DeltaValue,
  END,
  interrupt,
  messagesDeltaReducer,
  MessagesAnnotation,
  MessagesDeltaValue,
  START,
  StateGraph,
  StateSchema,
} from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { setImmediate } from 'node:timers/promises';
import { z } from 'zod/v4';

/** Real graphs whose models are functions of what they are shown: the same input, the same messages. */

/** `checkpointer: true` gives a subgraph a memory of its own; none lets it share its parent's. */
type Saver = BaseCheckpointSaver | true;

const compiled = (checkpointer: Saver | undefined) => (checkpointer === undefined ? {} : { checkpointer });

export function reply(messages: readonly BaseMessage[], by = 'model'): AIMessage {
  return new AIMessage(`${by}: ${messages.length} seen, last "${messages.at(-1)?.text ?? ''}"`);
}

/** Two steps a turn: the model thinks, then answers. Without ids, as models give them. */
export function createChat(checkpointer?: Saver) {
  return new StateGraph(MessagesAnnotation)
    .addNode('think', ({ messages }) => ({ messages: [reply(messages, 'thought')] }))
    .addNode('answer', ({ messages }) => ({ messages: reply(messages, 'answer') }))
    .addEdge(START, 'think')
    .addEdge('think', 'answer')
    .addEdge('answer', END)
    .compile(compiled(checkpointer));
}

/** One step a turn. */
export function createEcho(checkpointer?: Saver) {
  return new StateGraph(MessagesAnnotation)
    .addNode('echo', ({ messages }) => ({ messages: [reply(messages, 'echo')] }))
    .addEdge(START, 'echo')
    .addEdge('echo', END)
    .compile(compiled(checkpointer));
}

/** A graph whose only node does with the conversation what the turn's edit says. */
export function createEditor(
  edit: (messages: BaseMessage[]) => BaseMessage[] | BaseMessage,
  checkpointer?: Saver,
) {
  return new StateGraph(MessagesAnnotation)
    .addNode('edit', ({ messages }) => ({ messages: edit(messages) }))
    .addEdge(START, 'edit')
    .addEdge('edit', END)
    .compile(compiled(checkpointer));
}

const multiply = tool(({ a, b }: { a: number; b: number }) => `${a * b}`, {
  name: 'multiply',
  description: 'Multiplies two numbers.',
  schema: z.object({ a: z.number(), b: z.number() }),
});

/** Calls its tool once, then twice at a time, then answers. */
export function createToolAgent(checkpointer?: Saver) {
  const call = (n: number, key: string) => ({
    id: `call-${n}${key}`,
    name: 'multiply',
    args: { a: n, b: 7 },
    type: 'tool_call' as const,
  });
  return new StateGraph(MessagesAnnotation)
    .addNode('model', ({ messages }) => {
      const n = messages.length;
      const round = messages.slice(messages.findLastIndex(({ type }) => type === 'human')).length;
      if (round === 1) return { messages: [new AIMessage({ content: '', tool_calls: [call(n, 'a')] })] };
      if (round === 3)
        return {
          messages: [new AIMessage({ content: 'Twice.', tool_calls: [call(n, 'a'), call(n, 'b')] })],
        };
      return { messages: [reply(messages)] };
    })
    .addNode('tools', new ToolNode([multiply]))
    .addEdge(START, 'model')
    .addConditionalEdges('model', ({ messages }) =>
      (messages.at(-1) as AIMessage).tool_calls?.length ? 'tools' : END,
    )
    .addEdge('tools', 'model')
    .compile(compiled(checkpointer));
}

/** Asks before it answers. Counts how often it plans. */
export function createCautious(checkpointer?: Saver, plans = { count: 0 }) {
  return new StateGraph(MessagesAnnotation)
    .addNode('plan', ({ messages }) => {
      plans.count += 1;
      return { messages: [reply(messages, 'plan')] };
    })
    .addNode('ask', ({ messages }) => {
      const said = interrupt<{ question: string }, string>({ question: `Go on after ${messages.length}?` });
      return { messages: [new AIMessage(`asked, told "${said}"`)] };
    })
    .addNode('act', ({ messages }) => ({ messages: [reply(messages, 'act')] }))
    .addEdge(START, 'plan')
    .addEdge('plan', 'ask')
    .addEdge('ask', 'act')
    .addEdge('act', END)
    .compile(compiled(checkpointer));
}

/** The same two steps as `createChat` on a delta channel: LangGraph's own, or with a snapshot every n updates. */
export function createDeltaChat(checkpointer?: Saver, snapshotFrequency?: number) {
  const messages =
    snapshotFrequency === undefined
      ? MessagesDeltaValue
      : new DeltaValue(
          z.custom<BaseMessage[]>().default(() => []),
          {
            inputSchema: z.custom<BaseMessage | BaseMessage[]>(),
            reducer: messagesDeltaReducer,
            snapshotFrequency,
          },
        );
  return new StateGraph(new StateSchema({ messages, turns: z.number().default(0) }))
    .addNode('think', (state) => ({ messages: [reply(state.messages, 'thought')] }))
    .addNode('answer', (state) => ({
      messages: [reply(state.messages, 'answer')],
      turns: state.turns + 1,
    }))
    .addEdge(START, 'think')
    .addEdge('think', 'answer')
    .addEdge('answer', END)
    .compile(compiled(checkpointer));
}

/** A state with more than a conversation. */
export const Notebook = Annotation.Root({
  ...MessagesAnnotation.spec,
  notes: Annotation<string[]>({ reducer: (left, right) => [...left, ...right], default: () => [] }),
});

/** A branch that writes what it has seen, and a note. */
export const branch = (name: string) => (state: typeof Notebook.State) => ({
  messages: [reply(state.messages, name)],
  notes: [name],
});

/** Two branches, of which one fails after the other is done. Counts how often each is run. */
export function createFlaky(
  { works, runs }: { works: boolean; runs: { steady: number; flaky: number } },
  checkpointer: BaseCheckpointSaver,
) {
  return new StateGraph(Notebook)
    .addNode('steady', (state) => {
      runs.steady += 1;
      return branch('steady')(state);
    })
    .addNode('flaky', async (state) => {
      runs.flaky += 1;
      // Its sibling is done by then: it waits for nothing but the microtasks of this process.
      for (let turn = 0; turn < 5; turn += 1) await setImmediate();
      if (!works) throw new Error('Out of order.');
      return branch('flaky')(state);
    })
    .addNode('join', branch('join'))
    .addEdge(START, 'steady')
    .addEdge(START, 'flaky')
    .addEdge(['steady', 'flaky'], 'join')
    .addEdge('join', END)
    .compile({ checkpointer });
}
