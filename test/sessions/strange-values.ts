import fc from 'fast-check';

/** Texts that some layer below could alter: any character, escapes, what looks like JSON or a token. */
export const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 12 }).map((all) => all.replaceAll('\0', '').toWellFormed()),
  fc.string({ unit: 'grapheme', maxLength: 6 }),
  fc.constantFrom(
    '',
    ' ',
    '\\',
    '\\u0000',
    '\\ud800',
    '"',
    '\u2028\u2029',
    '\ufeff',
    '\uffff',
    '\u007f\u0085',
  ),
  fc.constantFrom('e\u0301', '\u00e9', '👩‍👩‍👧', '<|endoftext|>', 'null', '{"lc":1}', "'; --", '$1', '{}', '%s'),
);

/** Keys that mean something to JavaScript, to LangGraph's serializer, to LangChain or to us. */
const key = fc.oneof(
  fc.constantFrom('lc', 'type', 'id', 'kwargs', 'value', 'args', 'method', 'constructor', 'toString'),
  fc.constantFrom('__lc_escaped__', 'lg_name', 'node', '$triptych', 'toJSON', 'length', '0', '-1', ''),
  // Refused where JSON is kept; fast-check is fond of it.
  text.filter((name) => name !== '__proto__'),
);

/** Objects that LangGraph's serializer, LangChain's loader or our own records look like. */
const lookalike = fc.constantFrom<unknown>(
  { lc: 1, type: 'constructor', id: ['x'] },
  { lc: 1, type: 'constructor', id: ['langchain_core', 'messages', 'HumanMessage'], kwargs: { content: '' } },
  { lc: 1, type: 'secret', id: ['PATH'] },
  { lc: 1, type: 'not_implemented', id: ['x'] },
  { lc: 2, type: 'undefined' },
  { lc: 2, type: 'delta_snapshot', value: 1 },
  { lc: 2, type: 'constructor', id: ['Set'], args: [[1]] },
  { lc: 2, type: 'constructor', id: ['Error'], args: ['x'] },
  { lg_name: 'Send', node: 'n', args: 1, more: 2 },
  { __lc_escaped__: { lc: 1 } },
  { $triptych: ['object', [['a', 1]]] },
  { $triptych: ['number', 'NaN'] },
  { $triptych: ['message', 'HumanMessage', {}] },
);

const number = fc.oneof(
  // JSON has one zero.
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => (value === 0 ? 0 : value)),
  fc.integer(),
  fc.constantFrom(2 ** 53, -(2 ** 53), 2 ** 64, 1e23, 5e-324, Number.MAX_VALUE, 0.1 + 0.2),
);

function valueOf(
  leaf: fc.Arbitrary<unknown>,
  keys: fc.Arbitrary<string>,
  maxDepth: number,
): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth },
      { weight: 4, arbitrary: leaf },
      { weight: 1, arbitrary: fc.array(tie('value'), { maxLength: 4 }) },
      {
        weight: 3,
        arbitrary: fc
          .array(fc.tuple(keys, tie('value')), { maxLength: 4 })
          .map((entries) => Object.fromEntries(entries) as unknown),
      },
    ),
  })).value;
}

/** Any JSON that can be kept. */
export const json = valueOf(
  fc.oneof(
    { weight: 3, arbitrary: text },
    { weight: 3, arbitrary: number },
    { weight: 2, arbitrary: lookalike },
    { weight: 1, arbitrary: fc.constantFrom(null, true, false) },
  ),
  key,
  4,
);

/** Any value of JavaScript's that a program may hand over, whether it can be kept or not. */
export const anything = valueOf(
  fc.oneof(
    { weight: 3, arbitrary: json },
    { weight: 2, arbitrary: fc.double() },
    { weight: 2, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) },
    { weight: 1, arbitrary: fc.bigInt() },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 4 }) },
    { weight: 1, arbitrary: fc.array(json, { maxLength: 3 }).map((items) => new Set(items)) },
    { weight: 1, arbitrary: fc.array(fc.tuple(json, json), { maxLength: 3 }).map((all) => new Map(all)) },
    { weight: 2, arbitrary: fc.constantFrom(undefined, NaN, -0, Infinity, -Infinity, '\ud800', 'a\0b') },
  ),
  fc.oneof(
    { weight: 4, arbitrary: key },
    { weight: 1, arbitrary: fc.constantFrom('__proto__', '\ud800', '\0') },
  ),
  4,
);

/** Arguments of a tool call as models write them, whole, broken, and worse. */
export const argumentsText = fc.oneof(
  json.map((value) => JSON.stringify({ value })),
  json.map((value) => JSON.stringify(value)),
  text,
  fc.constantFrom('', ' { "a" : 1.0 } ', '{"a":12345678901234567890}', '{"a":1e400}', '{"a":1,"a":2}', '[]'),
  fc.constantFrom('{"a":"\\ud800"}', '{"a":"\\u0000"}', '{"__proto__":{"a":1}}', '{"a":', 'null'),
  fc.constant(`${'{"a":'.repeat(40)}1${'}'.repeat(40)}`),
);
