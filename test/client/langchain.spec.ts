import {
  AIMessage,
  AIMessageChunk,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  RemoveMessage,
  SystemMessage,
  ToolMessage,
  type BaseMessage,
} from '@langchain/core/messages';
import { ChatPromptTemplate, MessagesPlaceholder } from '@langchain/core/prompts';
import { RunnableLambda, RunnableWithMessageHistory } from '@langchain/core/runnables';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createTriptychClient, readMessages, type TriptychClient } from 'triptych-client';
import { toLangChainMessage, toOpenAIMessage, TriptychChatMessageHistory } from 'triptych-client/langchain';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';

/** What a reader sees of a message. */
const shown = (message: BaseMessage): object => {
  const { content, name, id, additional_kwargs } = message;
  const response_metadata: unknown = message.response_metadata;
  const { tool_calls, invalid_tool_calls, usage_metadata } = message as AIMessage;
  const { tool_call_id, status } = message as ToolMessage;
  const { role } = message as ChatMessage;
  const all = { content, name, id, additional_kwargs, response_metadata, tool_calls, invalid_tool_calls };
  const rest = {
    usage_metadata,
    tool_call_id,
    status,
    artifact: (message as ToolMessage).artifact as unknown,
    role,
  };
  return { type: message.type, ...(JSON.parse(JSON.stringify({ ...all, ...rest })) as object) };
};

const CONVERSATION: BaseMessage[] = [
  new SystemMessage({ content: 'You are a waiter.', id: 'rules' }),
  new SystemMessage({
    content: 'Speak French.',
    id: 'more-rules',
    additional_kwargs: { __openai_role__: 'developer' },
  }),
  new HumanMessage({
    id: 'question',
    name: 'ada',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
    ],
  }),
  new AIMessage({
    id: 'calls',
    content: '',
    tool_calls: [
      { type: 'tool_call', id: 'call-1', name: 'look', args: { at: 'picture', depth: { levels: [1, 2] } } },
    ],
    invalid_tool_calls: [
      {
        type: 'invalid_tool_call',
        id: 'call-2',
        name: 'look',
        args: '{"at":',
        error: 'The arguments are not a JSON object.',
      },
    ],
  }),
  new ToolMessage({ id: 'seen', content: 'A lemon.', tool_call_id: 'call-1', name: 'look' }),
  new FunctionMessage({ id: 'old', content: '42', name: 'count' }),
  new AIMessage({ id: 'answer', content: 'A lemon.', additional_kwargs: { refusal: 'I may not eat it.' } }),
  new ChatMessage({ id: 'generic', role: 'user', content: 'Thank you.' }),
];
const WITH_METADATA: BaseMessage[] = [
  new AIMessage({
    id: 'metered',
    content: 'Yes.',
    usage_metadata: { input_tokens: 3, output_tokens: 1, total_tokens: 4 },
    response_metadata: { finish_reason: 'stop' },
    additional_kwargs: { reasoning: 'short', tool_calls: [] },
  }),
  new ToolMessage({
    id: 'failed',
    content: 'Closed.',
    tool_call_id: 'call-9',
    status: 'error',
    artifact: { tried: ['door'] },
  }),
  new ChatMessage({ id: 'critic', role: 'critic', content: 'Too salty.' }),
];

describe('LangChain messages in the form of OpenAI', () => {
  it('are what that form says', () => {
    expect(CONVERSATION.map((message) => toOpenAIMessage(message))).toMatchObject([
      { role: 'system', content: 'You are a waiter.', id: 'rules' },
      { role: 'developer', content: 'Speak French.' },
      { role: 'user', name: 'ada', content: [{ type: 'text' }, { type: 'image_url' }] },
      {
        role: 'assistant',
        content: '',
        tool_calls: [
          {
            id: 'call-1',
            type: 'function',
            function: { name: 'look', arguments: '{"at":"picture","depth":{"levels":[1,2]}}' },
          },
          { id: 'call-2', type: 'function', function: { name: 'look', arguments: '{"at":' } },
        ],
      },
      { role: 'tool', content: 'A lemon.', tool_call_id: 'call-1', name: 'look' },
      { role: 'function', content: '42', name: 'count' },
      { role: 'assistant', content: 'A lemon.', refusal: 'I may not eat it.' },
      { role: 'user', content: 'Thank you.' },
    ]);
    const image = { type: 'image', mimeType: 'image/png', data: new Uint8Array([1, 2, 255]) };
    expect(toOpenAIMessage(new HumanMessage({ content: [image] })).content).toEqual([
      { type: 'image', mimeType: 'image/png', data: 'AQL/' },
    ]);
    expect(toOpenAIMessage(new AIMessageChunk({ content: 'Yes', id: 'run-1' }))).toEqual({
      role: 'assistant',
      content: 'Yes',
      id: 'run-1',
    });
    expect(() => toOpenAIMessage(new RemoveMessage({ id: 'rules' }))).toThrow(TypeError);
  });

  it('are the same again', () => {
    const known = CONVERSATION.slice(0, -1);
    for (const message of known) {
      const again = toLangChainMessage(toOpenAIMessage(message));
      expect(shown(again)).toEqual(shown(message));
      expect(again.constructor).toBe(message.constructor);
    }
    for (const message of [...known, ...WITH_METADATA]) {
      const again = toLangChainMessage(toOpenAIMessage(message, { keepMetadata: true }));
      expect(shown(again)).toEqual(shown(message));
    }
    for (const message of WITH_METADATA) expect(toOpenAIMessage(message)).not.toHaveProperty('langchain');
  });

  it('keep the arguments of any call', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.string(),
        fc.string(),
        (args, id, content) => {
          const call = {
            type: 'tool_call' as const,
            id,
            name: 'tool',
            args: JSON.parse(JSON.stringify(args)) as Record<string, unknown>,
          };
          const message = new AIMessage({ content, tool_calls: [call] });
          expect(shown(toLangChainMessage(toOpenAIMessage(message)))).toEqual(shown(message));
        },
      ),
    );
  });
});

describeOnEachEngine('TriptychChatMessageHistory', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let client: TriptychClient;

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    client = createTriptychClient({ baseUrl: service.url, tenantId: 'restaurant' });
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  it('gives back what was added, in order, and nothing after it was cleared', async () => {
    const history = new TriptychChatMessageHistory({ client, threadId: 'all', keepMetadata: true });
    expect(await history.getMessages()).toEqual([]);
    await history.clear();
    await history.addMessages([]);
    expect(await history.getMessages()).toEqual([]);
    await history.addMessages([...CONVERSATION.slice(0, -1), ...WITH_METADATA]);
    await history.addUserMessage('And a coffee.');
    await history.addAIMessage('At once.');
    const messages = await history.getMessages();
    expect(messages.slice(0, -2).map(shown)).toEqual(
      [...CONVERSATION.slice(0, -1), ...WITH_METADATA].map(shown),
    );
    expect(messages.slice(-2).map(({ type, text }) => [type, text])).toEqual([
      ['human', 'And a coffee.'],
      ['ai', 'At once.'],
    ]);
    const [first] = messages;
    await expect(history.addMessage(first as BaseMessage)).rejects.toMatchObject({
      code: 'message_id_taken',
    });
    await history.clear();
    expect(await history.getMessages()).toEqual([]);
    expect(JSON.stringify(history)).not.toContain(service.url);
  });

  it('has more than a page and more than a request', async () => {
    const history = new TriptychChatMessageHistory({ client, threadId: 'long' });
    const texts = Array.from({ length: 2_001 }, (_, index) => `message ${index}`);
    await history.addMessages(texts.map((text) => new HumanMessage(text)));
    expect((await history.getMessages()).map(({ text }) => text)).toEqual(texts);
  });

  it('is the history of a RunnableWithMessageHistory', async () => {
    const prompt = ChatPromptTemplate.fromMessages([
      ['system', 'You are a waiter.'],
      new MessagesPlaceholder('history'),
      ['human', '{question}'],
    ]);
    const model = RunnableLambda.from((input: { messages: BaseMessage[] }) => {
      const before = input.messages.filter(({ type }) => type === 'human').map(({ text }) => text);
      return new AIMessage(`Asked so far: ${before.join(' ')}`);
    });
    // eslint-disable-next-line @typescript-eslint/no-deprecated -- what users of chat histories have
    const chain = new RunnableWithMessageHistory({
      runnable: prompt.pipe(RunnableLambda.from((value) => ({ messages: value.messages }))).pipe(model),
      getMessageHistory: (threadId: string) => new TriptychChatMessageHistory({ client, threadId }),
      inputMessagesKey: 'question',
      historyMessagesKey: 'history',
    });
    const ask = async (question: string, sessionId: string): Promise<string> =>
      (await chain.invoke({ question }, { configurable: { sessionId } })).text;
    expect(await ask('Tea?', 'table-1')).toBe('Asked so far: Tea?');
    expect(await ask('Cake?', 'table-1')).toBe('Asked so far: Tea? Cake?');
    expect(await ask('Soup?', 'table-2')).toBe('Asked so far: Soup?');
    const { data } = await readMessages({ client, path: { threadId: 'table-1' } });
    expect(data.messages.map(({ role, content }) => `${role}: ${JSON.stringify(content)}`)).toEqual([
      'user: "Tea?"',
      'assistant: "Asked so far: Tea?"',
      'user: "Cake?"',
      'assistant: "Asked so far: Tea? Cake?"',
    ]);
  });
});
