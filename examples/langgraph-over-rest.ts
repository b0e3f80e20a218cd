/**
 * A LangGraph graph that keeps nothing itself: it asks a running Triptych over REST for what the model is to see,
 * and tells it what was said and what is worth knowing.
 *
 *   npm start
 *   node dist/examples/langgraph-over-rest.js "I am allergic to nuts. What is for lunch?"
 *   node dist/examples/langgraph-over-rest.js "What is for dessert?" another-thread
 */
import {
  AIMessage,
  HumanMessage,
  mapStoredMessagesToChatMessages,
  type BaseMessage,
  type StoredMessage,
} from '@langchain/core/messages';
import { Annotation, StateGraph } from '@langchain/langgraph';
import { compileContext, createTriptychClient, storeMemory, type TriptychClient } from 'triptych-client';
import { TriptychChatMessageHistory } from 'triptych-client/langchain';

const AGENT = 'waiter';
const MENU = { lunch: ['walnut salad', 'lentil soup'], dessert: ['almond cake', 'baked apple'] };

/**
 * Stands where a chat model is asked, so that the example needs no network and always says the same. With a real one
 * this is `await chatModel.invoke(prompt)`, and nothing else changes.
 */
function model(prompt: readonly BaseMessage[]): AIMessage {
  const question = prompt.at(-1)?.text ?? '';
  const isAllergic = prompt.some(({ text }) => /allergic to nuts/i.test(text));
  const [withNuts, without] = /dessert/i.test(question) ? MENU.dessert : MENU.lunch;
  return new AIMessage(isAllergic ? `Without nuts: ${without}.` : `Today: ${withNuts}.`);
}

const State = Annotation.Root({
  question: Annotation<string>,
  /** What the model sees, as it was compiled for this turn. */
  prompt: Annotation<BaseMessage[]>,
  answer: Annotation<AIMessage>,
});

/** A graph without a checkpointer: threads, memories and budgets are the service's. */
function createGraph(client: TriptychClient, threadId: string) {
  const history = new TriptychChatMessageHistory({ client, threadId });
  return new StateGraph(State)
    .addNode('compile', async ({ question }) => {
      const { data } = await compileContext({
        client,
        body: {
          threadId,
          systemPrompt: 'You are a waiter. Never recommend what a guest must not eat.',
          task: { description: question },
          modelTier: 'fast',
          agentId: AGENT,
          format: 'langchain',
        },
      });
      const { messages } = data.prompt as unknown as { messages: StoredMessage[] };
      return { prompt: mapStoredMessagesToChatMessages(messages) };
    })
    .addNode('model', ({ prompt }) => ({ answer: model(prompt) }))
    .addNode('remember', async ({ question, answer }) => {
      await history.addMessages([new HumanMessage(question), answer]);
      const fact = /\bI am [^.]+\./.exec(question)?.[0];
      if (fact)
        await storeMemory({
          client,
          body: {
            agentId: AGENT,
            content: `The guest said: ${fact}`,
            source: { threadId },
            deduplicate: true,
          },
        });
      return {};
    })
    .addEdge('__start__', 'compile')
    .addEdge('compile', 'model')
    .addEdge('model', 'remember')
    .addEdge('remember', '__end__')
    .compile();
}

/**
 * Asks the graph one question.
 * @returns the thread, oldest message first
 */
export async function askOverRest(
  client: TriptychClient,
  question: string,
  threadId: string,
): Promise<string[]> {
  await createGraph(client, threadId).invoke({ question });
  const messages = await new TriptychChatMessageHistory({ client, threadId }).getMessages();
  return messages.map(({ type, text }) => `${type}: ${text}`);
}

if (process.argv[1]?.endsWith('langgraph-over-rest.js')) {
  const baseUrl = process.env['TRIPTYCH_URL'] ?? 'http://127.0.0.1:3000';
  const apiKey = process.env['TRIPTYCH_API_KEY'];
  const client = createTriptychClient({ baseUrl, ...(apiKey ? { apiKey } : { tenantId: 'restaurant' }) });
  const [, , question = 'I am allergic to nuts. What is for lunch?', threadId = 'table-4'] = process.argv;
  void askOverRest(client, question, threadId).then((lines) => {
    console.log(lines.join('\n'));
  });
}
