/**
 * A LangGraph agent whose threads are Triptych's sessions: it calls a tool, and goes on after a restart.
 *
 *   npm run build
 *   node dist/examples/langgraph-agent.js "My tomatoes stand in bed 3. Do they need water?"
 *   node dist/examples/langgraph-agent.js "And what grows there?"
 */
import 'reflect-metadata';
import { AIMessage, HumanMessage, ToolMessage, type BaseMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { MessagesAnnotation, StateGraph, type BaseCheckpointSaver } from '@langchain/langgraph';
import { ToolNode } from '@langchain/langgraph/prebuilt';
import { NestFactory } from '@nestjs/core';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
// A host application writes: from 'triptych'
import { ContextManager, ContextModule, TenantContext } from '../src/index.js';

const readMoisture = tool(({ bed }) => `Bed ${bed}: ${10 + bed * 4} % moisture.`, {
  name: 'read_moisture',
  description: 'The moisture of the soil in one bed of the garden, in percent.',
  schema: z.object({ bed: z.number().int().min(1).max(12) }),
});

/**
 * Stands where a chat model is asked, so that the example needs no network and always says the same. With a
 * real one this is `await chatModel.bindTools([readMoisture]).invoke(messages)`, and nothing else changes.
 */
function model(messages: readonly BaseMessage[]): AIMessage {
  const last = messages.at(-1);
  if (last instanceof ToolMessage) {
    const moisture = Number(/(\d+) %/.exec(last.text)?.[1]);
    return new AIMessage(`${last.text} ${moisture < 30 ? 'Water it today.' : 'It can wait.'}`);
  }
  const bed = Number(/bed (\d+)/i.exec(last?.text ?? '')?.[1]);
  if (bed > 0)
    return new AIMessage({
      content: '',
      tool_calls: [{ id: `call-${messages.length}`, name: readMoisture.name, args: { bed } }],
    });
  const told = messages.map(({ text }) => /My (\w+) stand in (bed \d+)/i.exec(text)).findLast(Boolean);
  return new AIMessage(told ? `You told me: ${told[1]}, in ${told[2]}.` : 'You have not told me yet.');
}

/** Any graph with a `messages` channel will do; only the checkpointer is Triptych's. */
function createAgent(checkpointer: BaseCheckpointSaver) {
  return new StateGraph(MessagesAnnotation)
    .addNode('model', ({ messages }) => ({ messages: [model(messages)] }))
    .addNode('tools', new ToolNode([readMoisture]))
    .addEdge('__start__', 'model')
    .addConditionalEdges('model', ({ messages }) =>
      (messages.at(-1) as AIMessage).tool_calls?.length ? 'tools' : '__end__',
    )
    .addEdge('tools', 'model')
    .compile({ checkpointer });
}

/** One line of a conversation. */
export interface Line {
  seq: number;
  role: string;
  text: string;
}

/**
 * Opens the folder, says one thing to the agent on the thread, and closes the folder again.
 * @returns the whole thread as the session tier holds it, earlier runs included
 */
export async function runAgent(question: string, dataDir: string, threadId = 'garden'): Promise<Line[]> {
  const app = await NestFactory.createApplicationContext(ContextModule.forRoot({ database: { dataDir } }), {
    logger: ['error', 'warn'],
    abortOnError: false,
  });
  try {
    const context = app.get(ContextManager);
    const agent = createAgent(context.session.checkpointer);
    return await app.get(TenantContext).run('allotment', async () => {
      await agent.invoke(
        { messages: [new HumanMessage(question)] },
        { configurable: { thread_id: threadId } },
      );
      const messages = await context.session.getSessionMessages(threadId);
      return messages.map(({ seq, role, content, tool_calls }) => ({
        seq,
        role,
        text: tool_calls
          ? tool_calls.map((call) => `${call.function?.name}(${call.function?.arguments})`).join(', ')
          : typeof content === 'string'
            ? content
            : JSON.stringify(content),
      }));
    });
  } finally {
    await app.close();
  }
}

if (process.argv[1]?.endsWith('langgraph-agent.js')) {
  const question = process.argv[2] ?? 'My tomatoes stand in bed 3. Do they need water?';
  const dataDir = process.env['DATA_DIR'] ?? join(tmpdir(), 'triptych-garden');
  void runAgent(question, dataDir).then((lines) => {
    for (const { seq, role, text } of lines) console.log(`#${seq} ${role.padEnd(9)} ${text}`);
  });
}
