import { describe, expect, it } from '@jest/globals';
import {
  AIMessage,
  type BaseMessage,
  coerceMessageLikeToMessage,
  HumanMessage,
  mapStoredMessagesToChatMessages,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages';
import * as fc from 'fast-check';
import { anyParts } from '../../test/support/any-prompt-parts.js';
import { type Message } from '../session/message.js';
import { fromLangChain } from '../session/message-codec.js';
import { langChainPrompt, toChatMessages } from './langchain-prompt.js';
import { assemblePrompt } from './prompt.js';
import { type PromptParts } from './working-context.js';

function parts(messages: Message[]): PromptParts {
  return { systemPrompt: 'Be kind.', messages, context: '', task: { description: 'Go.' } };
}
/** A message as whoever receives it over HTTP makes it. */
function received(prompt: PromptParts): BaseMessage[] {
  const wire = JSON.parse(JSON.stringify(langChainPrompt(prompt))) as ReturnType<typeof langChainPrompt>;
  return mapStoredMessagesToChatMessages(wire.messages);
}
const fieldsOf = (message: BaseMessage): unknown =>
  JSON.parse(JSON.stringify(fromLangChain(message).body)) as unknown;

const conversation: Message[] = [
  { role: 'user', name: 'Ada', content: [{ type: 'text', text: 'Look.' }] },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      { id: 'a', type: 'function', function: { name: 'find', arguments: '{"q":{"lc":1}}' } },
      { id: 'b', type: 'function', function: { name: 'find', arguments: 'not JSON' } },
      { id: 'c', type: 'custom', custom: { name: 'sql', input: 'select 1' } },
    ],
  },
  { role: 'tool', tool_call_id: 'a', content: '1' },
  { role: 'tool', tool_call_id: 'b', content: '2' },
  { role: 'tool', tool_call_id: 'c', content: '3' },
  { role: 'assistant', content: 'And more.', function_call: { name: 'old', arguments: '{}' } },
  { role: 'function', name: 'old', content: '4' },
];

describe('toChatMessages', () => {
  it('makes messages of LangChain of the whole prompt', () => {
    const messages = toChatMessages(parts(conversation));
    expect(messages.map(({ type }) => type)).toEqual([
      ...['system', 'human', 'ai', 'tool', 'tool', 'tool', 'ai', 'tool', 'human'],
    ]);
    expect(messages[0]).toEqual(new SystemMessage('Be kind.'));
    expect(messages[1]).toMatchObject({ name: 'Ada', content: [{ type: 'text', text: 'Look.' }] });
    expect(messages[2]).toMatchObject({
      content: '',
      tool_calls: [
        { id: 'a', name: 'find', args: { q: { lc: 1 } } },
        { id: 'b', name: 'find', args: { arguments: 'not JSON' } },
        { id: 'c', name: 'sql', args: { input: 'select 1' } },
      ],
      invalid_tool_calls: [],
    });
    expect(messages[6]).toMatchObject({ tool_calls: [{ id: 'function_call_1', name: 'old', args: {} }] });
    expect(messages[6]?.additional_kwargs).toEqual({});
    expect(messages[7]).toEqual(new ToolMessage({ content: '4', tool_call_id: 'function_call_1' }));
    expect(messages.map(({ id }) => id)).toEqual(messages.map(() => undefined));
  });

  it('leaves a result of the older form as it is when its call is over', () => {
    const late: Message = { role: 'function', name: 'old', content: '5' };
    const messages = toChatMessages(parts([...conversation, { role: 'user', content: 'x' }, late]));
    expect(messages.at(-2)).toMatchObject({ type: 'function', name: 'old', content: '5' });
  });

  it('keeps a role that LangChain has no class for', () => {
    const critic = { role: 'critic', content: 'Hm.' } as unknown as Message;
    expect(toChatMessages(parts([critic]))[1]).toMatchObject({ type: 'generic', role: 'critic' });
    expect(received(parts([critic]))[1]).toMatchObject({ type: 'generic', role: 'critic', content: 'Hm.' });
  });
});

describe('langChainPrompt', () => {
  it('is what `mapStoredMessagesToChatMessages` reads, with records that look like LangChain’s own', () => {
    expect(received(parts(conversation)).map(fieldsOf)).toEqual(
      toChatMessages(parts(conversation)).map(fieldsOf),
    );
    expect(received(parts(conversation))[2]).toMatchObject({
      tool_calls: [{ args: { q: { lc: 1 } } }, {}, {}],
    });
  });

  it('comes through HTTP as it was, for every history', () => {
    fc.assert(
      fc.property(anyParts, (prompt) => {
        const messages = toChatMessages(prompt);
        expect(received(prompt).map(fieldsOf)).toEqual(messages.map(fieldsOf));
        expect(messages.map(coerceMessageLikeToMessage)).toEqual(messages);
      }),
      { numRuns: 300 },
    );
  });

  it('says what the prompt says, for every history, and leaves no call without an input', () => {
    fc.assert(
      fc.property(anyParts, (prompt) => {
        const assembled = assemblePrompt(prompt);
        const messages = toChatMessages(prompt);
        expect(messages.map(({ content }) => content)).toEqual(assembled.map(({ content }) => content ?? ''));
        for (const [index, message] of messages.entries()) {
          if (!AIMessage.isInstance(message)) continue;
          const calls = assembled[index]?.tool_calls?.length ?? 0;
          const older = assembled[index]?.['function_call'] === undefined ? 0 : 1;
          expect(message.invalid_tool_calls).toEqual([]);
          expect(message.tool_calls).toHaveLength(calls + older);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('is what LangChain makes itself of messages in OpenAI’s form', () => {
    const sound: Message[] = [
      { role: 'developer', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.com/a.png' } }] },
      {
        role: 'assistant',
        content: 'Hm.',
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'find', arguments: '{"q":1}' } }],
      },
      { role: 'tool', tool_call_id: 'a', content: '1' },
    ];
    const coerced = assemblePrompt(parts(sound)).map((message) =>
      coerceMessageLikeToMessage(message as Parameters<typeof coerceMessageLikeToMessage>[0]),
    );
    expect(received(parts(sound)).map(fieldsOf)).toEqual(coerced.map(fieldsOf));
    expect(coerced.at(-1)).toBeInstanceOf(HumanMessage);
  });
});
