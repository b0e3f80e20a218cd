// Over 200 lines: one table of the values that LangGraph's serializer treats as its own.
import { describe, expect, it } from '@jest/globals';
import {
  AIMessage,
  AIMessageChunk,
  BaseMessage,
  HumanMessage,
  RemoveMessage,
  ToolMessage,
  ToolMessageChunk,
} from '@langchain/core/messages';
import { ChatPromptValue } from '@langchain/core/prompt_values';
import { Command, Send } from '@langchain/langgraph';
import { DeltaSnapshot, MemorySaver } from '@langchain/langgraph-checkpoint';
import fc from 'fast-check';
import { isDeepStrictEqual } from 'node:util';
import { InvalidInputError } from '../errors.js';
import { fromLangChain } from './message-codec.js';
import { conceal, reveal } from './opaque-values.js';
import { ESCAPED_KEYS, mistakenFor } from '../../test/support/escaped-keys.js';

const { serde } = new MemorySaver();
const stock = async (value: unknown): Promise<unknown> =>
  serde.loadsTyped(...(await serde.dumpsTyped(value)));
const stored = async (value: unknown): Promise<unknown> => reveal(await stock(conceal(value)));
const unknownClass = { lc: 1, type: 'constructor', id: ['x'] };
const nested = (depth: number): unknown => (depth === 0 ? 1 : { deeper: nested(depth - 1) });
const withKey = (key: string, value: unknown): object => Object.fromEntries([[key, value]]);

/** Keys and objects that mean something to the serializer, to LangChain's loader or to us. */
const key = fc.oneof(
  fc.constantFrom('lc', 'type', 'id', 'kwargs', 'value', 'args', 'method', '__proto__', 'constructor'),
  fc.constantFrom('__lc_escaped__', 'lg_name', 'node', '$triptych', 'toJSON', '0', ''),
  fc.string({ unit: 'binary', maxLength: 4 }),
);
const leaf = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.double(),
  fc.integer(),
  fc.bigInt(),
  fc.constantFrom<unknown>(null, undefined, true, false, NaN, -0, Infinity, -Infinity, '\ud800', '\0'),
  fc.constantFrom<unknown>(1, 2, 'constructor', 'undefined', 'delta_snapshot', 'secret', 'Send', 'object'),
  fc.constantFrom<unknown>(
    unknownClass,
    { lc: 2, type: 'undefined' },
    { lc: 2, type: 'delta_snapshot', value: 1 },
    { lc: 2, type: 'constructor', id: ['Set'], args: [[1]] },
    {
      lc: 1,
      type: 'constructor',
      id: ['langchain_core', 'messages', 'HumanMessage'],
      kwargs: { content: '' },
    },
    { lc: 1, type: 'secret', id: ['PATH'] },
    { __lc_escaped__: unknownClass },
    { $triptych: ['object', [['a', 1]]] },
    { $triptych: ['number', 'NaN'] },
    { $triptych: ['message', 'HumanMessage', {}] },
  ),
);
const { value: anyValue } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    { weight: 4, arbitrary: leaf },
    { weight: 2, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
    {
      weight: 4,
      arbitrary: fc
        .array(fc.tuple(key, tie('value')), { maxLength: 5 })
        .map((all) => Object.fromEntries(all)),
    },
    { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 3 }).map((all) => new Set(all)) },
    {
      weight: 1,
      arbitrary: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 3 }).map((all) => new Map(all)),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
  ),
}));

/** A message as data, so that equality means equality of every field. */
const fieldsOf = (message: unknown): unknown => {
  const { class: name, fields } = fromLangChain(message as BaseMessage).body;
  return [name, fields];
};

describe('conceal and reveal', () => {
  it('give back any value through the serializer', async () => {
    await fc.assert(
      fc.asyncProperty(anyValue, async (value) => isDeepStrictEqual(await stored(value), value)),
      { numRuns: 4_000 },
    );
  });

  it('give back a message with any values in its fields, alone and beside others', async () => {
    const message = fc
      .record({ content: anyValue, extra: anyValue, metadata: anyValue, args: anyValue, artifact: anyValue })
      .chain(({ content, extra, metadata, args, artifact }) => {
        const common = {
          id: 'm',
          content: [{ type: 'text', text: 'x', content }],
          additional_kwargs: { extra },
          response_metadata: { metadata },
        };
        return fc.constantFrom<BaseMessage>(
          new HumanMessage(common),
          new AIMessage({ ...common, tool_calls: [{ id: '1', name: 'f', args: { args } }] }),
          new AIMessageChunk({ ...common, tool_calls: [{ id: '1', name: 'f', args: { args } }] }),
          new ToolMessage({ ...common, tool_call_id: '1', artifact }),
          new ToolMessageChunk({ ...common, tool_call_id: '1', artifact }),
        );
      });
    await fc.assert(
      fc.asyncProperty(message, anyValue, async (given, beside) => {
        const [read, other] = (await stored([given, { beside }])) as [unknown, unknown];
        return (
          BaseMessage.isInstance(read) &&
          read.constructor === given.constructor &&
          isDeepStrictEqual(fieldsOf(read), fieldsOf(given)) &&
          isDeepStrictEqual(other, { beside })
        );
      }),
      { numRuns: 1_000 },
    );
  });

  it.each<[string, unknown]>([
    ['text', 'x'],
    ['undefined', undefined],
    ['plain data', { a: [1, 'x', null, true, undefined, { b: {} }], type: 'constructor', id: ['x'] }],
    [
      'a plain message',
      new AIMessage({ content: 'x', tool_calls: [{ id: '1', name: 'f', args: { a: 1 } }] }),
    ],
    ['an order to remove', new RemoveMessage({ id: 'x' })],
    ['collections', new Map<unknown, unknown>([[{ a: 1 }, new Set([1, 'x'])]])],
    ['bytes', { bytes: new Uint8Array([1, 2]) }],
    ['a task', new Send('node', { a: 1 })],
    ['a command', new Command({ goto: [new Send('node', { a: 1 })], update: { a: 1 } })],
    ['a snapshot', new DeltaSnapshot([1])],
    ['dates, errors and patterns', [new Date(0), new Error('x'), /x/g]],
    [
      'an instance of some class',
      new (class Point {
        x = 1;
        move = (): void => undefined;
      })(),
    ],
    ['a value of LangChain', new ChatPromptValue([new HumanMessage('x')])],
  ])('leave %s as it is', async (_name, value) => {
    expect(conceal(value)).toBe(value);
    const read = await stock(value);
    expect(reveal(read)).toBe(read);
  });

  it('treat what is inside of a task, a command and a snapshot as the serializer treats them', async () => {
    const args = { a: unknownClass };
    expect(await stored(new Send('node', args))).toEqual({ node: 'node', args });
    expect(await stored(new Send('node', args, { timeout: 5 }))).toEqual({
      ...((await stock(new Send('node', {}, { timeout: 5 }))) as object),
      args,
    });
    expect(await stored(new Command({ goto: [new Send('node', args), 'b'], update: args }))).toEqual({
      lg_name: 'Command',
      update: args,
      resume: undefined,
      goto: [{ node: 'node', args }, 'b'],
    });
    const snapshot = await stored(new DeltaSnapshot([new HumanMessage('x'), args]));
    expect(snapshot).toBeInstanceOf(DeltaSnapshot);
    expect((snapshot as DeltaSnapshot).value).toEqual([expect.any(HumanMessage), args]);
    expect(
      await stored(
        new (class Box {
          inside = unknownClass;
        })(),
      ),
    ).toEqual({ inside: unknownClass });
    expect(await stored({ toJSON: () => [unknownClass, new Date(0)] })).toEqual([
      unknownClass,
      '1970-01-01T00:00:00.000Z',
    ]);
  });

  it.each(ESCAPED_KEYS)('give back, behind the key %j, the key %j', async (first, key) => {
    JSON.parse(JSON.stringify({ [first]: 1, [mistakenFor(key)]: 0 }));

    const value = { [first]: 1, [key]: 2 };
    expect(Object.keys((await stored(value)) as object)).toEqual([first, key]);
    expect(conceal([value])).toEqual([{ $triptych: ['object', Object.entries(value)] }]);
    const message = new AIMessage({ content: '', tool_calls: [{ id: '1', name: 'f', args: value }] });
    expect(((await stored(message)) as AIMessage).tool_calls?.[0]?.args).toEqual(value);
  });

  it('keep what was set on a message after it was made, and messages of classes of their own', async () => {
    const renamed = new HumanMessage('x');
    renamed.name = 'Ada';
    class Note extends HumanMessage {
      mood = 'calm';
    }
    const note = new Note('x');
    const deep = new HumanMessage({ content: [{ type: 'x', y: nested(60) }] as never });
    const wrapped = new HumanMessage({ content: [{ type: 'x', y: { __lc_escaped__: 1 } }] as never });
    const blocks = new AIMessage({ content: 'x', response_metadata: { output_version: 'v1' } });
    blocks.content = 'y';
    const read = (await stored([renamed, note, deep, wrapped, blocks])) as BaseMessage[];
    expect(read.map(fieldsOf)).toEqual([renamed, note, deep, wrapped, blocks].map(fieldsOf));
    expect(read[1]).toBeInstanceOf(HumanMessage);
  });

  it('give back deep values up to the limit', async () => {
    const deep = (depth: number): unknown => (depth === 0 ? 1 : { lc: deep(depth - 1) });
    expect(await stored(deep(255))).toEqual(deep(255));
    expect(await stored(nested(255))).toEqual(nested(255));
  });

  const ring: Record<string, unknown> = {};
  ring['me'] = [ring];
  class Foreign {
    lc_serializable = true;
    toJSON = (): object => ({ lc: 1, type: 'constructor', id: ['my', 'Foreign'], kwargs: {} });
  }
  it.each<[string, unknown, string]>([
    ['a function', { a: [{ b: (): void => undefined }] }, 'a.0.b'],
    ['a symbol', [Symbol('x')], '0'],
    ['a value inside itself', { ring }, 'ring.me.0'],
    ['too many levels', nested(400), 'deeper.deeper'],
    ['an instance that LangChain cannot load', { a: new Foreign() }, 'a'],
    [
      'what LangChain would misread',
      [new ChatPromptValue([new HumanMessage({ content: [unknownClass] as never })])],
      '0',
    ],
  ])('refuse %s, and name the place', (_name, value, place) => {
    expect(() => conceal(value)).toThrow(InvalidInputError);
    expect(() => conceal(value)).toThrow(new RegExp(`^${place.replaceAll('.', '\\.')}`));
  });

  it('leave the value itself alone', () => {
    const value = { a: withKey('lc', 1), b: new HumanMessage({ content: [unknownClass] as never }) };
    const before = structuredClone(value.a);
    conceal(value);
    expect(value.a).toEqual(before);
    expect(value.b.content).toEqual([unknownClass]);
  });

  it.each([
    { $triptych: 1 },
    { $triptych: [] },
    { $triptych: ['object', 1] },
    { $triptych: ['bigint', 'x'] },
    { $triptych: ['surprise', 1] },
  ])('reveal a record of another writer as it stands: %j', (value) => {
    expect(reveal(value)).toBe(value);
  });
});
