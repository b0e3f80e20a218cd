// Over 200 lines: one test for each rule of the Messages API.
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { anyParts, anyTurn, PDF, PNG } from '../../test/support/any-prompt-parts.js';
import { messagesApiFaults } from '../../test/support/messages-api-rules.js';
import { type ContentPart, type Message } from '../session/message.js';
import { countMessage } from '../tokens/message-tokens.js';
import { TiktokenCounter } from '../tokens/tiktoken-counter.js';
import { type AnthropicMessage, type AnthropicPrompt, anthropicPrompt } from './anthropic-prompt.js';
import { assemblePrompt } from './prompt.js';
import { type PromptParts } from './working-context.js';

function parts(messages: Message[], change: Partial<PromptParts> = {}): PromptParts {
  return { systemPrompt: '', messages, context: '', task: { description: 'Go.' }, ...change };
}
function rendered(messages: Message[]): AnthropicMessage[] {
  const { prompt } = anthropicPrompt(parts(messages));
  expect(messagesApiFaults(prompt)).toEqual([]);
  return prompt.messages;
}
function losses(messages: Message[]): string[] {
  return anthropicPrompt(parts(messages)).degraded.map(({ detail }) => detail);
}
const user = (content: Message['content']): Message => ({ role: 'user', content });
const assistant = (content: Message['content']): Message => ({ role: 'assistant', content });
const call = (...ids: string[]): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'find', arguments: '{"q":1}' } })),
});
const calling = (argumentsText: string): Message => ({
  role: 'assistant',
  content: '',
  tool_calls: [{ id: 'c', type: 'function', function: { name: 'find', arguments: argumentsText } }],
});
const result = (id: string, content: Message['content']): Message => ({
  role: 'tool',
  tool_call_id: id,
  content,
});
const text = (said: string): { type: 'text'; text: string } => ({ type: 'text', text: said });
const task = { role: 'user', content: [text('Go.')] };

describe('anthropicPrompt', () => {
  it('puts every system message behind the system prompt, and memories and task into the last message', () => {
    const { prompt, degraded } = anthropicPrompt(
      parts(
        [
          { role: 'system', content: 'Speak French.' },
          user('hi'),
          assistant('salut'),
          { role: 'developer', content: [text('Be brief.'), text(' ')] },
          user('more'),
        ],
        { systemPrompt: 'Be kind.', context: '<memories>…', task: { description: 'Answer.', style: 'dry' } },
      ),
    );
    expect(prompt).toEqual({
      system: [text('Be kind.'), text('Speak French.'), text('Be brief.')],
      messages: [
        { role: 'user', content: [text('hi')] },
        { role: 'assistant', content: [text('salut')] },
        { role: 'user', content: [text('more'), text('<memories>…'), text('Answer.\n\n{"style":"dry"}')] },
      ],
    });
    expect(degraded).toEqual([]);
  });

  it('has no system member when there is nothing to put into it', () => {
    expect(anthropicPrompt(parts([], { systemPrompt: ' \n' })).prompt).toEqual({ messages: [task] });
  });

  it('sends all results of a call in one message behind it, and what comes next in the same', () => {
    expect(
      rendered([
        user('Look.'),
        { ...call('a', 'b'), content: 'One moment.' },
        result('b', '2'),
        result('a', ''),
        user('So?'),
      ]),
    ).toEqual([
      { role: 'user', content: [text('Look.')] },
      {
        role: 'assistant',
        content: [
          text('One moment.'),
          { type: 'tool_use', id: 'a', name: 'find', input: { q: 1 } },
          { type: 'tool_use', id: 'b', name: 'find', input: { q: 1 } },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a' },
          { type: 'tool_result', tool_use_id: 'b', content: [text('2')] },
          text('So?'),
          text('Go.'),
        ],
      },
    ]);
  });

  it.each([
    ['{"a":{"b":[1]}}', { a: { b: [1] } }],
    ['', {}],
    [' ', {}],
    ['[1]', { arguments: '[1]' }],
    ['null', { arguments: 'null' }],
    ['{"a":', { arguments: '{"a":' }],
    ['{"__proto__":1}', { arguments: '{"__proto__":1}' }],
    [String.raw`{"a":"\ud800"}`, { arguments: String.raw`{"a":"\ud800"}` }],
    ['x\ud800', { arguments: 'x\ufffd' }],
  ])('reads the arguments %j', (argumentsText, input) => {
    const [, called] = rendered([user('x'), calling(argumentsText), result('c', 'r')]);
    expect(called?.content).toEqual([{ type: 'tool_use', id: 'c', name: 'find', input }]);
  });

  it('keeps arguments as text that are nested too deeply to be written again', () => {
    const deep = '{"a":'.repeat(20_000) + '1' + '}'.repeat(20_000);
    const [, called] = rendered([user('x'), calling(deep), result('c', 'r')]);
    expect(called?.content).toMatchObject([{ input: { arguments: deep } }]);
  });

  it('takes calls of custom tools and of kinds that it does not know', () => {
    const tool_calls = [
      { id: 'a', type: 'custom', custom: { name: 'sql', input: 'select 1' } },
      { id: 'b', type: 'search', search: { q: 'x' } },
    ];
    const [, called] = rendered([
      user('x'),
      { role: 'assistant', tool_calls },
      result('a', '1'),
      result('b', '2'),
    ]);
    expect(called?.content).toEqual([
      { type: 'tool_use', id: 'a', name: 'sql', input: { input: 'select 1' } },
      { type: 'tool_use', id: 'b', name: 'search', input: { search: { q: 'x' } } },
    ]);
  });

  it('gives each call an id that is accepted and its own, near to what it was', () => {
    const messages = rendered([
      user('x'),
      call('functions.find:0', 'functions_find_0', ''),
      result('functions_find_0', 'second'),
      result('functions.find:0', 'first'),
      result('', 'third'),
      call('a', 'a'),
      result('a', 'fourth'),
      result('a', 'fifth'),
      call('a'),
      result('a', 'sixth'),
      result('a', 'and more'),
    ]);
    const blocks = messages.flatMap(({ content }) => content as { id?: string; tool_use_id?: string }[]);
    const ids = ['functions_find_0', 'functions_find_0_2', 'call', 'a', 'a_2', 'a_3'];
    expect(blocks.flatMap(({ id }) => id ?? [])).toEqual(ids);
    expect(blocks.filter((block) => block.tool_use_id !== undefined)).toEqual(
      [['first'], ['second'], ['third'], ['fourth'], ['fifth'], ['sixth', 'and more']].map((said, index) => ({
        type: 'tool_result',
        tool_use_id: ids[index],
        content: said.map(text),
      })),
    );
  });

  it('changes the name of a tool as little as it must, and says so', () => {
    const names = [`mcp.server/${'x'.repeat(200)}`, '', 'find'];
    const tool_calls = names.map((name, index) => ({
      id: `${index}`,
      type: 'function',
      function: { name, arguments: '{}' },
    }));
    const results = names.map((_name, index) => result(`${index}`, 'r'));
    const messages = [user('x'), { role: 'assistant' as const, tool_calls }, ...results];
    expect(rendered(messages)[1]?.content).toMatchObject([
      { name: `mcp_server_${'x'.repeat(117)}` },
      { name: 'unnamed' },
      { name: 'find' },
    ]);
    expect(losses(messages)).toEqual([
      'The name of a tool is changed to one that is accepted: messages.1.tool_calls.0, messages.1.tool_calls.1',
    ]);
  });

  it('takes the older form of calls', () => {
    expect(
      rendered([
        user('x'),
        { role: 'assistant', content: 'Hm.', function_call: { name: 'find', arguments: '{"q":2}' } },
        { role: 'function', name: 'find', content: 'r' },
        assistant('Done.'),
      ]).slice(1),
    ).toEqual([
      {
        role: 'assistant',
        content: [text('Hm.'), { type: 'tool_use', id: 'function_call_1', name: 'find', input: { q: 2 } }],
      },
      {
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: 'function_call_1', content: [text('r')] }],
      },
      { role: 'assistant', content: [text('Done.')] },
      task,
    ]);
  });

  it('tells the older form of a call from a newer one beside it', () => {
    const messages = rendered([
      user('x'),
      { ...call('function_call_1'), function_call: { name: 'old', arguments: '{}' } },
      { role: 'function', name: 'old', content: 'of the older' },
      result('function_call_1', 'of the newer'),
    ]);
    expect(messages[2]?.content.slice(0, 2)).toEqual([
      { type: 'tool_result', tool_use_id: 'function_call_1', content: [text('of the newer')] },
      { type: 'tool_result', tool_use_id: 'function_call_2', content: [text('of the older')] },
    ]);
  });

  it.each<[string, ContentPart, object]>([
    [
      'data of an image',
      { type: 'image_url', image_url: { url: `data:image/PNG;base64,${PNG}`, detail: 'low' } },
      { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
    ],
    [
      'the other name of JPEG',
      { type: 'image_url', image_url: `data:image/jpg;charset=x;base64,${PNG}` },
      { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: PNG } },
    ],
    [
      'an address of an image',
      { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
      { type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } },
    ],
    [
      'a PDF',
      { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF}` } },
      {
        type: 'document',
        source: { type: 'base64', media_type: 'application/pdf', data: PDF },
        title: 'a.pdf',
      },
    ],
    [
      'an image as Anthropic writes it',
      { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: PNG } },
      { type: 'image', source: { type: 'base64', media_type: 'image/webp', data: PNG } },
    ],
    [
      'an image as LangChain writes it',
      { type: 'image', source_type: 'base64', mime_type: 'image/gif', data: PNG },
      { type: 'image', source: { type: 'base64', media_type: 'image/gif', data: PNG } },
    ],
    [
      'a document at an address',
      { type: 'file', source_type: 'url', mimeType: 'application/pdf', url: 'https://example.com/a.pdf' },
      { type: 'document', source: { type: 'url', url: 'https://example.com/a.pdf' } },
    ],
    ['a refusal', { type: 'refusal', refusal: 'No.' }, text('No.')],
  ])('takes %s', (_name, part, block) => {
    expect(rendered([user([part])])[0]?.content).toEqual([block, text('Go.')]);
    expect(losses([user([part])])).toEqual([]);
  });

  it.each<[string, ContentPart, string]>([
    ['audio', { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }, 'audio'],
    ['an SVG', { type: 'image_url', image_url: { url: `data:image/svg+xml;base64,${PNG}` } }, 'image'],
    ['what is no base64', { type: 'image_url', image_url: { url: 'data:image/png;base64,a=b=' } }, 'image'],
    ['an image without data', { type: 'image_url', image_url: { url: 'data:image/png;base64,' } }, 'image'],
    ['a data URL of plain text', { type: 'image_url', image_url: { url: 'data:image/png,abcd' } }, 'image'],
    ['an address without TLS', { type: 'image_url', image_url: { url: 'http://example.com/a' } }, 'image'],
    [
      'an address with half a character',
      { type: 'image_url', image_url: { url: 'https://example.com/\ud800' } },
      'image',
    ],
    ['no address at all', { type: 'image_url', image_url: null }, 'image'],
    ['a file of the provider', { type: 'file', file: { file_id: 'file-1' } }, 'file'],
    [
      'a table at an address',
      { type: 'file', mimeType: 'text/csv', url: 'https://example.com/a.csv' },
      'file',
    ],
    ['a call that was never made', { type: 'tool_use', id: 'z', name: 'x', input: {} }, 'content'],
  ])('says in place of %s that it is not shown', (_name, part, kind) => {
    const messages = [user([text('See:'), part])];
    expect(rendered(messages)[0]?.content).toEqual([text('See:'), text(`[${kind} not shown]`), text('Go.')]);
    expect(losses(messages)).toEqual([
      `A part of kind «${kind}» is replaced by a note: messages.0.content.1`,
    ]);
  });

  it('shows an image to the user alone, and from a tool', () => {
    const image = { type: 'image_url', image_url: { url: 'https://example.com/a.png' } };
    const messages = [
      user('x'),
      assistant([image]),
      user('y'),
      call('c'),
      result('c', [image]),
      { role: 'system' as const, content: [image] },
    ];
    const { prompt, degraded } = anthropicPrompt(parts(messages));
    expect(messagesApiFaults(prompt)).toEqual([]);
    expect(prompt.messages[1]?.content).toEqual([text('[image not shown]')]);
    expect(prompt.system).toEqual([text('[image not shown]')]);
    expect(prompt.messages.at(-1)?.content[0]).toMatchObject({
      content: [{ type: 'image', source: { type: 'url', url: 'https://example.com/a.png' } }],
    });
    expect(degraded).toEqual([
      {
        code: 'unsupported_content',
        detail: 'A part of kind «image» is replaced by a note: messages.1.content.0, messages.5.content.0',
      },
    ]);
  });

  it('takes what a model of Anthropic wrote through LangChain', () => {
    const content = [
      { type: 'thinking', thinking: 'Hm.', signature: 'x' },
      text('I will look.'),
      { type: 'tool_use', id: 'c', name: 'find', input: {} },
    ];
    const messages = [user('x'), { ...call('c'), content }, result('c', 'r')];
    expect(rendered(messages)[1]?.content).toEqual([
      text('I will look.'),
      { type: 'tool_use', id: 'c', name: 'find', input: { q: 1 } },
    ]);
    expect(losses(messages)).toEqual(['Reasoning is left out: messages.1.content.0']);
  });

  it('says what a refusal says, and that names and sounds are not sent', () => {
    const messages: Message[] = [
      { role: 'user', name: 'Ada', content: 'x' },
      { role: 'assistant', content: null, refusal: 'I cannot.' },
      { role: 'user', name: 'Bo', content: 'y' },
      { role: 'assistant', content: null, audio: { id: 'a' } },
      { role: 'critic' as Message['role'], content: 'z' },
    ];
    expect(rendered(messages)).toEqual([
      { role: 'user', content: [text('x')] },
      { role: 'assistant', content: [text('I cannot.')] },
      { role: 'user', content: [text('y'), text('z'), text('Go.')] },
    ]);
    expect(losses(messages)).toEqual([
      'The name of the speaker is left out: messages.0.name, messages.2.name',
      'Spoken words are left out: messages.3.audio',
      'Another role is sent as the user: messages.4.role',
    ]);
  });

  it('leaves out what may not stand where it stands', () => {
    const messages: Message[] = [
      user(' '),
      assistant('I speak first.'),
      call('a'),
      result('a', 'r'),
      user('hi'),
      result('b', 'no call'),
      call('c', 'd'),
      result('c', 'only one'),
      assistant(''),
      call('e'),
      { role: 'assistant', function_call: { name: 'old', arguments: '' } },
      { role: 'function', name: 'other', content: 'of another' },
      user('bye'),
    ];
    expect(rendered(messages)).toEqual([
      { role: 'user', content: [text('hi')] },
      { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'find', input: { q: 1 } }] },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c', content: [text('only one')] },
          text('bye'),
          text('Go.'),
        ],
      },
    ]);
    expect(losses(messages)).toEqual([
      'A result without a call is left out: messages.5, messages.11',
      'What the assistant said before the user is left out: messages.1, messages.2',
      'A call without a result is left out: messages.6.tool_calls.1, messages.9.tool_calls.0, messages.10.tool_calls.0',
    ]);
  });

  it('ends with the user even when the task is blank', () => {
    const { prompt, degraded } = anthropicPrompt(
      parts([user('x'), assistant('y')], { task: { description: '\u0085\u001f\ufeff ' } }),
    );
    expect(prompt.messages.at(-1)).toEqual({ role: 'user', content: [text('[empty task]')] });
    expect(degraded).toHaveLength(1);
  });

  it('names twenty places at most', () => {
    const [detail] = losses(Array.from({ length: 25 }, () => ({ ...user('x'), name: 'Ada' })));
    expect(detail).toMatch(/messages\.19\.name and 5 more$/);
  });
});

const counter = new TiktokenCounter();

/** By the formula of `countMessage`: each message 3, its role, its texts, and the JSON of what is no text. */
function countPrompt({ system, messages }: AnthropicPrompt): number {
  const tokens = (value: unknown): number =>
    counter.count(typeof value === 'string' ? value : JSON.stringify(value));
  const countBlock = (block: AnthropicMessage['content'][number]): number => {
    if (block.type === 'text') return tokens(block.text);
    if (block.type === 'tool_use') return tokens(block.id) + tokens(block.name) + tokens(block.input);
    if (block.type !== 'tool_result') return tokens(block);
    return (block.content ?? []).reduce((sum, each) => sum + countBlock(each), tokens(block.tool_use_id));
  };
  return [...(system ? [{ role: 'system', content: system }] : []), ...messages]
    .map(({ role, content }) => content.reduce((sum, block) => sum + countBlock(block), 3 + tokens(role)))
    .reduce((a, b) => a + b, 0);
}

describe('anthropicPrompt, for every history', () => {
  const always = (check: (prompt: AnthropicPrompt, parts: PromptParts) => void, numRuns = 500): void => {
    fc.assert(
      fc.property(anyParts, (parts) => {
        check(anthropicPrompt(parts).prompt, parts);
      }),
      { numRuns },
    );
  };

  it('makes what the Messages API takes', () => {
    always((prompt) => {
      expect(messagesApiFaults(prompt)).toEqual([]);
      expect(JSON.parse(JSON.stringify(prompt))).toEqual(prompt);
    });
  });

  it('loses no text that may stand where it stands', () => {
    const said = (messages: Message[]): string[] =>
      messages.flatMap(({ role, content }) =>
        role === 'user' || role === 'system' || role === 'developer'
          ? (typeof content === 'string' ? [content] : (content ?? []).map((part) => part['text'])).filter(
              (one): one is string => typeof one === 'string' && /\p{L}/u.test(one),
            )
          : [],
      );
    always((prompt, { messages }) => {
      const blocks = [prompt.system ?? [], ...prompt.messages.map(({ content }) => content)].flat();
      const shown = blocks.flatMap((block) => (block.type === 'text' ? block.text : []));
      for (const one of said(messages)) expect(shown).toContain(one.toWellFormed());
    });
  });

  it('has no more tokens than the form that is counted, but for 4 with each image, document or blank task', () => {
    always((prompt, parts) => {
      const counted = assemblePrompt(parts).reduce((sum, message) => sum + countMessage(counter, message), 0);
      const blocks = prompt.messages.flatMap(({ content }) => [...content]);
      const inside = blocks.flatMap((block) =>
        block.type === 'tool_result' ? (block.content ?? []) : block,
      );
      const media = inside.filter(({ type }) => type === 'image' || type === 'document').length;
      const blank = inside.some((block) => block.type === 'text' && block.text === '[empty task]') ? 1 : 0;
      expect(countPrompt(prompt)).toBeLessThanOrEqual(counted + 4 * (media + blank));
    }, 200);
  });

  it('answers every call with its own results', () => {
    always((_prompt, { messages }) => {
      // Each result says which message it is, so that it can be told where it arrived.
      const marked = messages.map((message, index) =>
        message.role === 'tool' ? { ...message, content: `result ${index}` } : message,
      );
      const blocks = anthropicPrompt(parts(marked)).prompt.messages.flatMap(({ content }) => [...content]);
      const base = (id: string): string => id.replaceAll(/[^a-zA-Z0-9_-]/g, '_') || 'call';
      for (const block of blocks) {
        if (block.type !== 'tool_result') continue;
        for (const told of block.content ?? []) {
          if (told.type !== 'text') continue;
          const index = Number(/^result (\d+)$/.exec(told.text)?.[1]);
          if (Number.isNaN(index)) continue;
          expect(block.tool_use_id.startsWith(base(messages[index]?.tool_call_id ?? ''))).toBe(true);
        }
      }
    });
  });

  it('keeps the beginning as it was when something is said after it', () => {
    fc.assert(
      fc.property(anyParts, fc.array(anyTurn, { maxLength: 4 }), (parts, more) => {
        // Calls of before are closed: what comes later cannot answer them.
        const closed = [...parts.messages, user('next')];
        const before = anthropicPrompt({ ...parts, messages: closed }).prompt.messages;
        const after = anthropicPrompt({ ...parts, messages: [...closed, ...more.flat()] }).prompt.messages;
        const stable = before.slice(0, -1);
        expect(after.slice(0, stable.length)).toEqual(stable);
      }),
      { numRuns: 300 },
    );
  });

  it('changes nothing of what it is given', () => {
    fc.assert(
      fc.property(anyParts, (parts) => {
        const before = JSON.stringify(parts);
        anthropicPrompt(parts);
        expect(JSON.stringify(parts)).toBe(before);
      }),
      { numRuns: 200 },
    );
  });
});
