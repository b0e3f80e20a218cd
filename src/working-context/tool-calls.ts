import { parseJson } from '../database/parse-json.js';
import { isPlainObject, unstorable } from '../database/storable.js';
import { type Message, type ToolCall } from '../session/message.js';

/** What a call asks for, in whichever of the forms of the chat-completions API it is written. */
export interface CalledTool {
  name: string;
  input: Record<string, unknown>;
}

/** Levels of objects that may stand above the input of a call wherever it is sent or kept. */
const DEPTH_OF_INPUT = 4;

/**
 * The tool and its input as an object. Arguments that are no JSON object, or one that not every reader could
 * keep (half a character, NUL, a key `__proto__`, too many levels), become `{ arguments: text }`, so that nothing
 * the model said is lost. Blank arguments are none. The text of a custom tool becomes `{ input: text }`.
 */
export function calledTool({ id: _id, type, function: target, ...others }: ToolCall): CalledTool {
  if (target) return { name: textOf(target.name), input: inputOf(textOf(target.arguments)) };
  const { custom } = others;
  if (isPlainObject(custom))
    return { name: textOf(custom['name']), input: { input: wellFormed(textOf(custom['input'])) } };
  return { name: type, input: inputOf(JSON.stringify(others)) };
}

function inputOf(text: string): Record<string, unknown> {
  if (text.trim() === '') return {};
  try {
    const input = parseJson(text);
    if (isPlainObject(input) && unstorable(input, 'input', DEPTH_OF_INPUT).next().done === true) return input;
  } catch {
    // No JSON: kept as text below.
  }
  return { arguments: wellFormed(text) };
}

/**
 * The messages with the older form of a call (`function_call`, answered by a `function` message of that name)
 * written as `tool_calls` and `tool` messages. As many messages as before, each in its place.
 */
export function withToolCalls(messages: readonly Message[]): Message[] {
  const taken = new Set(messages.flatMap(({ tool_calls: calls }) => calls?.map(({ id }) => id) ?? []));
  let counter = 0;
  let called: { name: string; id: string } | undefined;
  return messages.map((message) => {
    const { role, name, function_call: call, ...others } = message;
    if (role === 'function' && called?.name === name) {
      return { ...others, role: 'tool', tool_call_id: called?.id };
    }
    if (role === 'tool' || role === 'function') return message;
    called = undefined;
    if (role !== 'assistant' || !isPlainObject(call) || typeof call['name'] !== 'string') return message;
    let id: string;
    do id = `function_call_${(counter += 1)}`;
    while (taken.has(id));
    called = { name: call['name'], id };
    const target = { name: call['name'], arguments: textOf(call['arguments']) };
    const tool_calls = [...(message.tool_calls ?? []), { id, type: 'function', function: target }];
    return { role, ...(name !== undefined && { name }), ...others, tool_calls };
  });
}

/** The text as every reader of JSON takes it: half a character and NUL become U+FFFD. */
function wellFormed(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : value == null ? '' : JSON.stringify(value);
}
