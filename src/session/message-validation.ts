import { requireStorable } from '../database/storable.js';
import { InvalidInputError, type Violation } from '../errors.js';
import { MESSAGE_ROLES, type MessageRole } from './message.js';

export const MAX_MESSAGES = 1_000;
export const MAX_MESSAGE_ID = 256;
/** What a stored message carries beside the message; the service sets them. */
const SET_BY_THE_SERVICE = ['seq', 'tokens', 'createdAt'];

/**
 * Checks messages against the chat-completions form. Fields that the form does not know are kept; known
 * ones must be of their type, so that a model's API will not refuse later what was accepted here.
 * @throws InvalidInputError that names up to 20 places
 */
export function validateMessages(messages: unknown): void {
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MAX_MESSAGES)
    throw new InvalidInputError([
      { field: 'messages', message: `must be a list of 1 to ${MAX_MESSAGES} messages` },
    ]);
  const violations = messages.flatMap((message, index) => [...faults(message, `messages.${index}`)]);
  if (violations.length > 0) throw new InvalidInputError(violations.slice(0, 20));
  // One level more: LangChain's form of a message keeps fields that it does not know one level deeper.
  requireStorable(messages, 'messages', 1);
}

function* faults(message: unknown, at: string): Generator<Violation> {
  if (typeof message !== 'object' || message === null || Array.isArray(message)) {
    yield { field: at, message: 'must be an object' };
    return;
  }
  const { role, content, name, id, tool_calls, tool_call_id } = message as Record<string, unknown>;
  if (!MESSAGE_ROLES.includes(role as MessageRole))
    yield { field: `${at}.role`, message: `must be one of ${MESSAGE_ROLES.join(', ')}` };
  yield* contentFaults(content, `${at}.content`, role === 'assistant');
  yield* textFaults(name, `${at}.name`);
  yield* textFaults(id, `${at}.id`, MAX_MESSAGE_ID);
  yield* textFaults(tool_call_id, `${at}.tool_call_id`, MAX_MESSAGE_ID);
  if (role === 'tool' && tool_call_id === undefined)
    yield { field: `${at}.tool_call_id`, message: 'is required of a tool message' };
  if (tool_calls !== undefined) yield* toolCallFaults(tool_calls, `${at}.tool_calls`);
  for (const field of SET_BY_THE_SERVICE)
    if (field in message) yield { field: `${at}.${field}`, message: 'is set by the service; leave it out' };
}

function* contentFaults(content: unknown, at: string, optional: boolean): Generator<Violation> {
  if (typeof content === 'string' || (optional && (content === null || content === undefined))) return;
  if (!Array.isArray(content)) {
    yield { field: at, message: 'must be text or a list of parts' };
    return;
  }
  for (const [index, part] of content.entries())
    if (!isObject(part) || typeof part['type'] !== 'string')
      yield { field: `${at}.${index}`, message: 'must be an object with a type' };
    else if (part['type'] === 'text' && typeof part['text'] !== 'string')
      yield { field: `${at}.${index}.text`, message: 'must be text' };
}

function* textFaults(value: unknown, at: string, maximum = Infinity): Generator<Violation> {
  if (value === undefined) return;
  if (typeof value !== 'string' || value === '') yield { field: at, message: 'must be a non-empty string' };
  else if (value.length > maximum) yield { field: at, message: `must have at most ${maximum} characters` };
}

function* toolCallFaults(calls: unknown, at: string): Generator<Violation> {
  if (!Array.isArray(calls)) {
    yield { field: at, message: 'must be a list' };
    return;
  }
  for (const [index, call] of calls.entries()) {
    const target: unknown = isObject(call) ? call['function'] : undefined;
    if (!isObject(call) || typeof call['id'] !== 'string' || typeof call['type'] !== 'string')
      yield { field: `${at}.${index}`, message: 'must be an object with an id and a type' };
    else if (call['type'] === 'function' && !(isObject(target) && typeof target['name'] === 'string'))
      yield { field: `${at}.${index}.function`, message: 'must name a function' };
    else if (isObject(target) && typeof target['arguments'] !== 'string')
      yield { field: `${at}.${index}.function.arguments`, message: 'must be JSON text' };
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
