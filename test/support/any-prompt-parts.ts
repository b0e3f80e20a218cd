import * as fc from 'fast-check';
import { type ContentPart, type Message } from '../../src/session/message.js';
import { type PromptParts } from '../../src/working-context/working-context.js';

/** Base64 of the first bytes of such a file. */
export const PNG = 'iVBORw0KGgo=';
export const PDF = 'JVBERi0xLjQ=';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.constantFrom('', ' ', '\n\t', '\u00a0', '\u0085', 'a', '中文', '👩‍🚀', '\ud800', 'x\udc00y', '"}]', '\0'),
);
const anyAddress = fc.oneof(
  anyText,
  fc.constantFrom('https://example.com/a', 'http://example.com/a', 'https://', 'https://example.com/\ud800'),
  fc
    .tuple(
      fc.constantFrom('image/png', 'image/tiff', 'application/pdf', 'IMAGE/GIF', ''),
      fc.constantFrom(PNG, PDF, '', '=', 'abc', 'ab==', 'a===', 'ab=c', 'ab cd'),
    )
    .map(([type, data]) => `data:${type};base64,${data}`),
);
const anyPart: fc.Arbitrary<ContentPart> = fc.oneof(
  fc.record({ type: fc.constant('text'), text: anyText }),
  fc.record({ type: fc.constant('image_url'), image_url: fc.record({ url: anyAddress }) }),
  fc.record({
    type: fc.constant('file'),
    file: fc.record({ file_data: anyAddress, filename: anyText }),
  }),
  fc.record({ type: fc.constantFrom('image', 'document'), source: fc.record({ url: anyAddress }) }),
  fc.record({
    type: fc.constantFrom('thinking', 'input_audio', 'tool_use', 'refusal', 'constructor', ''),
    id: fc.constantFrom('a', 'b.c'),
    refusal: anyText,
  }),
);
const anyContent: fc.Arbitrary<Message['content']> = fc.oneof(
  anyText,
  fc.constantFrom(null, undefined),
  fc.array(anyPart, { maxLength: 3 }),
);
const anyId = fc.constantFrom('a', 'b.c', 'b_c', 'b_c_2', 'b:c', '', '函数', '\ud800', '__proto__');
const anyCall = fc.record({
  id: anyId,
  type: fc.constant('function'),
  function: fc.record({
    name: fc.oneof(anyText, fc.constant('find')),
    arguments: fc.oneof(
      anyText,
      fc.json(),
      fc.dictionary(anyText, anyText).map((value) => JSON.stringify(value)),
    ),
  }),
});
const anyMessage: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    role: fc.constantFrom('user' as const, 'system' as const, 'developer' as const),
    content: anyContent,
  }),
  fc.record({ role: fc.constant('assistant' as const), content: anyContent }),
  fc.record({
    role: fc.constant('assistant' as const),
    content: anyContent,
    tool_calls: fc.array(anyCall, { maxLength: 3 }),
  }),
  fc.record({
    role: fc.constant('assistant' as const),
    function_call: fc.record({ name: anyId, arguments: anyText }),
  }),
  fc.record({ role: fc.constant('tool' as const), tool_call_id: anyId, content: anyContent }),
  fc.record({ role: fc.constant('function' as const), name: anyId, content: anyContent }),
);
/** Calls with all their results, and whatever else a history may hold. */
export const anyTurn: fc.Arbitrary<Message[]> = fc.oneof(
  anyMessage.map((one) => [one]),
  fc
    .tuple(fc.array(anyCall, { minLength: 1, maxLength: 4 }), anyContent, anyContent)
    .map(([tool_calls, said, found]): Message[] => [
      { role: 'assistant', content: said, tool_calls },
      ...tool_calls.map(({ id }): Message => ({ role: 'tool', tool_call_id: id, content: found })),
    ]),
);
export const anyParts: fc.Arbitrary<PromptParts> = fc.record({
  systemPrompt: anyText,
  messages: fc.array(anyTurn, { maxLength: 10 }).map((turns) => turns.flat()),
  context: anyText,
  task: fc.record({ description: anyText }),
});
