import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { mapStoredMessagesToChatMessages, type StoredMessage } from '@langchain/core/messages';
import { FakeListChatModel } from '@langchain/core/utils/testing';
import * as fc from 'fast-check';
import { OpenAI } from 'openai';
import { type Message } from '../src/session/message.js';
import { formatPrompt, renderPrompt } from '../src/working-context/format-prompt.js';
import { toChatMessages } from '../src/working-context/langchain-prompt.js';
import { assemblePrompt } from '../src/working-context/prompt.js';
import { PROMPT_FORMATS } from '../src/working-context/prompt-format.js';
import { type PromptParts } from '../src/working-context/working-context.js';
import { anyParts, PNG } from './support/any-prompt-parts.js';
import { messagesApiFaults } from './support/messages-api-rules.js';
import { RecordingModelServer } from './support/recording-model-server.js';

const messages: Message[] = [
  { role: 'system', content: 'Speak French.' },
  {
    role: 'user',
    name: 'Ada',
    content: [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: `data:image/png;base64,${PNG}` } },
    ],
  },
  {
    role: 'assistant',
    content: null,
    tool_calls: [
      { id: 'call.1', type: 'function', function: { name: 'look', arguments: '{"at":"the image"}' } },
      { id: 'call.2', type: 'function', function: { name: 'look', arguments: 'twice' } },
    ],
  },
  { role: 'tool', tool_call_id: 'call.1', content: 'a cat 🐈' },
  { role: 'tool', tool_call_id: 'call.2', content: '' },
  { role: 'assistant', content: 'Un chat.' },
];
const parts: PromptParts = {
  systemPrompt: 'Be kind.',
  messages,
  context: '<memories>\n{"id":"m","who":"Ada","text":"likes cats"}\n</memories>',
  task: { description: 'Name it.', style: 'short' },
};

// The clients' own types, checked as this file is compiled.
const openAI = formatPrompt(parts, 'openai').messages satisfies OpenAI.Chat.ChatCompletionMessageParam[];
const anthropic = formatPrompt(parts, 'anthropic') satisfies Pick<
  Anthropic.MessageCreateParams,
  'system' | 'messages'
>;
const langchain = formatPrompt(parts, 'langchain').messages satisfies StoredMessage[];

describe('a prompt sent by the provider’s own client', () => {
  let server: RecordingModelServer;
  beforeAll(async () => {
    server = await RecordingModelServer.start();
  });
  afterAll(() => server.close());
  beforeEach(() => {
    server.bodies.length = 0;
  });

  it('arrives at a chat-completions API as it was', async () => {
    const client = new OpenAI({ apiKey: 'key', baseURL: `${server.url}/v1`, maxRetries: 0 });
    const answer = await client.chat.completions.create({ model: 'm', messages: openAI });
    expect(answer.choices[0]?.message.content).toBe('ok');
    expect(server.bodies).toEqual([{ model: 'm', messages: assemblePrompt(parts) }]);
  });

  it('arrives at Anthropic’s API as it was, and breaks none of its rules', async () => {
    const client = new Anthropic({ apiKey: 'key', baseURL: server.url, maxRetries: 0 });
    const answer = await client.messages.create({ model: 'm', max_tokens: 10, ...anthropic });
    expect(answer.content).toEqual([{ type: 'text', text: 'ok' }]);
    expect(server.bodies).toEqual([{ model: 'm', max_tokens: 10, ...anthropic }]);
    await expect(
      client.messages.create({ model: 'm', max_tokens: 10, messages: anthropic.messages.slice(1) }),
    ).rejects.toThrow(/^400 .*first message must use/);
  });

  it('arrives as it was, whatever the history', async () => {
    const openai = new OpenAI({ apiKey: 'key', baseURL: `${server.url}/v1`, maxRetries: 0 });
    const claude = new Anthropic({ apiKey: 'key', baseURL: server.url, maxRetries: 0 });
    await fc.assert(
      fc.asyncProperty(anyParts, async (parts) => {
        server.bodies.length = 0;
        const prompts = [formatPrompt(parts, 'openai'), formatPrompt(parts, 'anthropic')] as const;
        await openai.chat.completions.create({ model: 'm', ...prompts[0] });
        await claude.messages.create({ model: 'm', max_tokens: 10, ...prompts[1] });
        expect(server.bodies).toEqual([
          JSON.parse(JSON.stringify({ model: 'm', ...prompts[0] })),
          { model: 'm', max_tokens: 10, ...prompts[1] },
        ]);
      }),
      { numRuns: 50 },
    );
  });

  it('is taken by a model of LangChain', async () => {
    const model = new FakeListChatModel({ responses: ['ok'] });
    for (const messages of [toChatMessages(parts), mapStoredMessagesToChatMessages(langchain)])
      expect((await model.invoke(messages)).content).toBe('ok');
  });
});

describe('renderPrompt', () => {
  it('says what a format has no room for', () => {
    expect(renderPrompt(parts, 'openai').degraded).toEqual([]);
    expect(renderPrompt(parts, 'langchain').degraded).toEqual([]);
    expect(renderPrompt(parts, 'anthropic').degraded).toEqual([
      { code: 'unsupported_content', detail: 'The name of the speaker is left out: messages.1.name' },
    ]);
  });

  it.each(PROMPT_FORMATS)('makes plain JSON in the format %s', (format) => {
    const prompt = formatPrompt(parts, format);
    expect(JSON.parse(JSON.stringify(prompt))).toEqual(prompt);
  });
});

describe('messagesApiFaults', () => {
  const { messages: sound } = anthropic;
  const changed = (change: (messages: typeof sound) => unknown): string[] => {
    const copy = structuredClone(sound);
    change(copy);
    return messagesApiFaults({ messages: copy });
  };
  const block = (at: number, place: number) => (copy: typeof sound) => copy[at]?.content[place] as object;

  it.each<[string, (copy: typeof sound) => unknown]>([
    ['no user at the beginning', (copy) => copy.shift()],
    ['no user at the end', (copy) => copy.pop()],
    ['a message without blocks', (copy) => copy[0]?.content.splice(0)],
    ['a blank text', (copy) => Object.assign(block(0, 0)(copy), { text: ' \n' })],
    ['half a character', (copy) => Object.assign(block(0, 0)(copy), { text: '\ud800' })],
    [
      'a kind of image that it cannot read',
      (copy) =>
        ((copy[0]?.content[1] as { source: object }).source = {
          type: 'base64',
          media_type: 'image/tiff',
          data: PNG,
        }),
    ],
    [
      'data that is not base64',
      (copy) =>
        ((copy[0]?.content[1] as { source: object }).source = {
          type: 'base64',
          media_type: 'image/png',
          data: 'abc',
        }),
    ],
    [
      'an address without TLS',
      (copy) =>
        ((copy[0]?.content[1] as { source: object }).source = { type: 'url', url: 'http://example.com' }),
    ],
    ['an id that it refuses', (copy) => Object.assign(block(1, 0)(copy), { id: 'call.1' })],
    ['an id that comes twice', (copy) => Object.assign(block(1, 0)(copy), { id: 'call_2' })],
    ['a name that it refuses', (copy) => Object.assign(block(1, 0)(copy), { name: 'a.b' })],
    ['an input that is no object', (copy) => Object.assign(block(1, 0)(copy), { input: 'x' })],
    ['a call without its result', (copy) => copy[2]?.content.shift()],
    ['a result without its call', (copy) => copy[1]?.content.shift()],
    ['a text behind a call', (copy) => copy[1]?.content.push({ type: 'text', text: 'x' })],
    ['a text before a result', (copy) => copy[2]?.content.unshift({ type: 'text', text: 'x' })],
    ['two messages of one role', (copy) => copy.splice(3, 1)],
  ])('knows %s', (_name, change) => {
    expect(messagesApiFaults({ messages: sound })).toEqual([]);
    expect(changed(change)).not.toEqual([]);
  });
});
