// Over 200 lines: every way in which a file can be wrong, with what is said about it.
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { validateMessages } from '../../../src/session/message-validation.js';
import { batchesOf } from './batches.js';
import { checkMessages, faultOf } from './chat-messages.js';
import { decodeText } from './decode-text.js';
import { digestOf, importKey } from './idempotency-key.js';
import { jsonFault } from './json-fault.js';
import { readExport } from './read-export.js';
import { stemOf, threadIdFault, threadNames } from './thread-names.js';

const hi = { role: 'user', content: 'hi' };
const ho = { role: 'assistant', content: 'ho' };
const node = (id: string, parent: string | null, children: string[], message: unknown): [string, unknown] => [
  id,
  { id, parent, children, message },
];
const said = (id: string, role: string, content: unknown, more: object = {}): unknown => ({
  ...{
    id,
    author: { role },
    content: typeof content === 'string' ? { content_type: 'text', parts: [content] } : content,
    recipient: 'all',
    metadata: {},
  },
  ...more,
});

describe('readExport', () => {
  it('reads an object with messages, a list of messages, a list of conversations and lines of them', () => {
    const texts = [
      [JSON.stringify({ messages: [hi, ho] }), 'openai', 1],
      [JSON.stringify([hi, ho], null, 2), 'openai', 1],
      [JSON.stringify([{ messages: [hi] }, { messages: [ho], id: 'x' }]), 'openai', 2],
      [`${JSON.stringify({ messages: [hi] })}\r\n\n${JSON.stringify([ho])}\n`, 'jsonl', 2],
    ] as const;
    for (const [text, format, times] of texts) {
      const found = readExport(text);
      expect([found.format, found.conversations.length]).toEqual([format, times]);
      expect(found.conversations.flatMap(({ messages }) => messages)).toEqual([hi, ho]);
    }
  });

  it('takes the branch of a ChatGPT conversation that was shown last, and says what stays behind', () => {
    const conversation = {
      title: 'Bikes',
      conversation_id: 'c-1',
      current_node: 'f',
      mapping: Object.fromEntries([
        node('r', null, ['s'], null),
        node('s', 'r', ['a'], said('s', 'system', '')),
        node('a', 's', ['b', 'x'], said('a', 'user', 'Which train?')),
        node('x', 'a', [], said('x', 'assistant', 'First try')),
        node(
          'b',
          'a',
          ['c'],
          said('b', 'assistant', { content_type: 'code', text: 'search()' }, { recipient: 'browser' }),
        ),
        node('c', 'b', ['d'], said('c', 'tool', 'found')),
        node('d', 'c', ['e'], said('d', 'assistant', 'The regional one.')),
        node(
          'e',
          'd',
          ['f'],
          said('e', 'user', {
            content_type: 'multimodal_text',
            parts: [{ content_type: 'image_asset_pointer' }, 'And this?'],
          }),
        ),
        node('f', 'e', [], said('f', 'assistant', { content_type: 'thoughts', thoughts: [] })),
      ]),
    };
    const { format, conversations } = readExport(JSON.stringify([conversation, { id: 'broken' }]));
    expect(format).toBe('chatgpt');
    expect(conversations[0]).toMatchObject({ title: 'Bikes', sourceId: 'c-1' });
    expect(conversations[0]?.messages).toEqual([
      { role: 'user', content: 'Which train?', id: 'a' },
      { role: 'assistant', content: 'The regional one.', id: 'd' },
      { role: 'user', content: 'And this?', id: 'e' },
    ]);
    expect(
      Object.fromEntries((conversations[0]?.leftOut ?? []).map(({ what, times }) => [what, times])),
    ).toEqual({
      'calls of tools': 1,
      'results of tools, which name no call': 1,
      'images, recordings and other files': 1,
      'parts of the kind thoughts': 1,
      'messages of other branches (edited or answered anew)': 1,
    });
    expect(readExport(JSON.stringify([conversation, { id: 'broken' }])).refused).toEqual([
      { at: 'conversation 2', why: 'is an object with id, without a mapping of messages' },
    ]);
  });

  it('ends on a tree that runs in a circle or has no end that was shown', () => {
    const circle = {
      current_node: 'a',
      mapping: Object.fromEntries([
        node('a', 'b', ['b'], said('a', 'user', 'one')),
        node('b', 'a', ['a'], said('b', 'user', 'two')),
      ]),
    };
    expect(readExport(JSON.stringify(circle)).conversations[0]?.messages).toHaveLength(2);
    const endless = {
      mapping: Object.fromEntries([
        node('a', null, ['x', 'b'], said('a', 'user', 'one')),
        node('b', 'a', [], said('b', 'assistant', 'two')),
        node('x', 'a', [], said('x', 'assistant', 'old')),
      ]),
    };
    expect(
      readExport(JSON.stringify(endless)).conversations[0]?.messages.map(({ content }) => content),
    ).toEqual(['one', 'two']);
  });

  it.each([
    ['', 'There is nothing in it.'],
    ['PK\u0003\u0004rest', 'This is a ZIP archive. Unpack it'],
    ['<!doctype html><p>', 'This is a web page (HTML)'],
    [
      '{"messages": [{"role": "user", "content": "hi"}',
      'This is no JSON. Line 1, column 48: the text ends here, in the middle of 2 open brackets.',
    ],
    [
      '{\n  "messages": [\n    {"role": "user" "content": "x"}\n  ]\n}',
      'Line 3, column 21: a comma or } is missing before “"”.',
    ],
    [
      "[{'role': 'user'}]",
      "Line 1, column 3: the name of a field in double quotes should stand here, not “'”.",
    ],
    ['{"data": []}', 'This is an object with data, not an export of chats.'],
    ['[1, 2]', 'This is a list of which the first is a number, not a message.'],
    ['[]', 'This is an empty list'],
    ['"text"', 'This is a text, not an export of chats.'],
  ])('says what is wrong with %j and where', (text, message) => {
    expect(() => readExport(text)).toThrow(message);
  });

  it('reads the good lines of a file, and says which are not and why', () => {
    const { conversations, refused } = readExport(
      `{"messages":[}\n${JSON.stringify({ messages: [hi] })}\n{"a":1}\n${JSON.stringify({ messages: [ho] })}`,
    );
    expect(conversations).toHaveLength(2);
    expect(refused).toEqual([
      { at: 'line 1', why: 'is no JSON: column 14, a value should stand here, not “}”' },
      { at: 'line 3', why: 'is an object with a, without messages' },
    ]);
  });

  it('says which numbers would change, in values and not in texts', () => {
    const long = '12345678901234567890';
    const { notes } = readExport(`[{"role":"user","content":": ${long} ,","n": ${long} }]`);
    expect(notes).toEqual([
      `One number has more digits than can be kept, such as ${long} on line 1. Put them in quotes, or they change.`,
    ]);
    expect(readExport(`[{"role":"user","content":"[${long}]"}]`).notes).toEqual([]);
  });
});

describe('checkMessages', () => {
  it('leaves out what the service sets itself and ids that stand twice', () => {
    const stored = { ...hi, id: 'a', seq: 1, tokens: 8, createdAt: '2026-01-01T00:00:00Z' };
    const { messages, leftOut } = checkMessages([stored, { ...ho, id: 'a' }]);
    expect(messages).toEqual([{ ...hi, id: 'a' }, ho]);
    expect(leftOut.map(({ times }) => times)).toEqual([1, 1]);
  });

  it.each([
    [7, 'is no object'],
    [{ content: 'x' }, 'has no role'],
    [{ role: 'human', content: 'x' }, 'has the role “human”'],
    [{ role: 'user', content: null }, 'has no content'],
    [{ role: 'user', content: 'a\0b' }, 'holds NUL'],
    [{ role: 'user', content: '\ud800' }, 'half a character'],
    [{ role: 'tool', content: 'x' }, 'has no tool_call_id'],
    [{ role: 'user', content: [{ type: 'text' }] }, 'part 1'],
    [
      {
        role: 'assistant',
        tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: {} } }],
      },
      'no JSON text',
    ],
  ])('refuses %j', (message, why) => {
    expect(faultOf(message)).toContain(why);
  });

  it('agrees with the service on any message', () => {
    const text = fc.oneof(
      fc.string(),
      fc.constantFrom('', 'user', 'assistant', 'tool', 'a\0', '\ud800', 'text'),
    );
    const message = fc.record(
      {
        role: fc.oneof(fc.constantFrom('user', 'assistant', 'tool', 'system'), text),
        content: fc.oneof(
          text,
          fc.constant(null),
          fc.array(
            fc.record(
              { type: fc.oneof(fc.constant('text'), text), text: fc.oneof(text, fc.integer()) },
              { requiredKeys: [] },
            ),
          ),
        ),
        name: fc.oneof(text, fc.integer()),
        id: fc.oneof(text, fc.constant('x'.repeat(300))),
        tool_call_id: text,
        tool_calls: fc.oneof(
          fc.integer(),
          fc.array(
            fc.record(
              {
                id: text,
                type: fc.oneof(fc.constant('function'), text),
                function: fc.record(
                  { name: text, arguments: fc.oneof(text, fc.object()) },
                  { requiredKeys: [] },
                ),
              },
              { requiredKeys: [] },
            ),
          ),
        ),
        more: fc.jsonValue(),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(message, (message) => {
        const refuses = (): boolean => {
          try {
            validateMessages([message]);
            return false;
          } catch {
            return true;
          }
        };
        expect(faultOf(message) !== undefined).toBe(refuses());
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses what is nested one level deeper than the service takes', () => {
    const nested = (levels: number): unknown => {
      let value: unknown = 1;
      for (let level = 0; level < levels; level++) value = [value];
      return { ...hi, more: value };
    };
    for (let levels = 25; levels < 36; levels++) {
      let isRefused = false;
      try {
        validateMessages([nested(levels)]);
      } catch {
        isRefused = true;
      }
      expect([levels, faultOf(nested(levels)) !== undefined]).toEqual([levels, isRefused]);
    }
  });
});

describe('jsonFault', () => {
  it('agrees with JSON.parse on what is JSON', () => {
    const isJson = (text: string): boolean => {
      try {
        JSON.parse(text);
        return true;
      } catch {
        return false;
      }
    };
    const nearly = fc
      .tuple(
        fc.json({ maxDepth: 4 }),
        fc.nat(),
        fc.constantFrom('', ',', '}', ']', '"', '\\', '\n', 'e', '-', '0', '.', 'null'),
      )
      .map(
        ([text, at, put]) =>
          text.slice(0, at % (text.length + 1)) +
          put +
          text.slice((at % (text.length + 1)) + (put === '' ? 1 : 0)),
      );
    fc.assert(
      fc.property(fc.oneof(nearly, fc.json()), (text) => {
        expect(jsonFault(text) === undefined).toBe(isJson(text));
      }),
      { numRuns: 5_000 },
    );
  });
});

describe('batchesOf', () => {
  it('cuts by number and by bytes, leaves nothing out and keeps the order', () => {
    const messages = Array.from({ length: 500 }, (_, n) => ({
      role: 'user',
      content: n % 50 === 0 ? 'é'.repeat(40_000) : 'x',
    }));
    const batches = batchesOf(messages, { count: 120, bytes: 100_000 });
    expect(batches[0]?.from).toBe(0);
    batches.forEach(({ from, to }, index) => {
      expect(to - from).toBeLessThanOrEqual(120);
      expect(from).toBe(index === 0 ? 0 : batches[index - 1]?.to);
      if (to - from > 1)
        expect(Buffer.byteLength(JSON.stringify(messages.slice(from, to)))).toBeLessThanOrEqual(100_002);
    });
    expect(batches.at(-1)?.to).toBe(500);
    expect(batchesOf([])).toEqual([]);
  });
});

describe('thread names', () => {
  it('are the id, else the title, else the number, and no two alike', () => {
    expect(
      threadNames([
        { sourceId: 'a', title: 'x' },
        { sourceId: undefined, title: 'Čaj & tea!' },
        { sourceId: undefined, title: undefined },
        { sourceId: 'a', title: undefined },
      ]),
    ).toEqual(['a', 'caj-tea', '3', 'a-2']);
    expect([stemOf('/tmp/My Chats (2).jsonl'), stemOf('.json'), stemOf('<script>.json')]).toEqual([
      'my-chats-2',
      'import',
      'script',
    ]);
    expect([threadIdFault('<script>'), threadIdFault('.')].map((fault) => fault === undefined)).toEqual([
      true,
      false,
    ]);
  });
});

describe('importKey', () => {
  it('is the same for the same messages of the same conversation, another for others, and a header can carry it', () => {
    const digests = [[hi], [ho], [hi, ho], [ho, hi], [hi, hi]].map(digestOf);
    expect(new Set(digests).size).toBe(5);
    const [digest = '', other = ''] = digests;
    const keys = [
      importKey('t', digest, 0, 1),
      importKey('t', digest, 0, 2),
      importKey('t', digest, 1, 2),
      importKey('u', digest, 0, 1),
      importKey('t', other, 0, 1),
      importKey('t', digestOf([{ ...hi }]), 0, 1),
    ];
    expect(keys[5]).toBe(keys[0]);
    expect(new Set(keys).size).toBe(5);
    expect(importKey('ü\n', digest, 0, 1)).toMatch(/^[\x21-\x7e]{20,255}$/);
    const many = new Set(Array.from({ length: 20_000 }, (_, n) => importKey('t', digest, n, n + 1)));
    expect(many.size).toBe(20_000);
  });
});

describe('decodeText', () => {
  it('reads UTF-8 with and without a mark, and UTF-16 with one', () => {
    for (const bytes of [Buffer.from('é[]'), Buffer.from('\ufeffé[]'), Buffer.from('\ufeffé[]', 'utf16le')])
      expect(decodeText(new Uint8Array(bytes))).toBe('é[]');
  });

  it('says which byte is of no character', () => {
    const bytes = Buffer.concat([Buffer.from('{"a":"ü'), Buffer.from([0xfc]), Buffer.from('"}')]);
    expect(() => decodeText(new Uint8Array(bytes))).toThrow('byte 9 is of no character');
    expect(() => decodeText(new Uint8Array([0x1f, 0x8b, 1]))).toThrow('gzip');
  });
});
