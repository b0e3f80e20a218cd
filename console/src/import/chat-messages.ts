import { isObject, LeftOutCount, type ImportMessage, type LeftOut, type Refusal } from './conversation.js';

const ROLES = ['system', 'developer', 'user', 'assistant', 'tool', 'function'];
const MAX_ID = 256;
/** Levels of lists and objects in a message, so that the list of messages around it is the first of 31. */
const MAX_DEPTH = 30;

export interface CheckedMessages {
  messages: ImportMessage[];
  refused: Refusal[];
  leftOut: LeftOut[];
}

/**
 * Sorts out what the service would refuse (docs/http.md, «Sessions»), so that one message does not keep the others from being
 * imported, and takes off what the service sets itself.
 */
export function checkMessages(list: readonly unknown[]): CheckedMessages {
  const messages: ImportMessage[] = [];
  const refused: Refusal[] = [];
  const leftOut = new LeftOutCount();
  const ids = new Set<string>();
  for (const [index, value] of list.entries()) {
    const fault = faultOf(value);
    if (fault !== undefined) {
      refused.push({ at: `message ${index + 1}`, why: fault });
      continue;
    }
    const { seq, tokens, createdAt, ...message } = value as ImportMessage;
    if ([seq, tokens, createdAt].some((field) => field !== undefined))
      leftOut.add('places, token counts and times of an earlier store');
    const { id } = message;
    if (id !== undefined && ids.has(id)) {
      leftOut.add('ids that stand twice in a conversation');
      delete message['id'];
    } else if (id !== undefined) ids.add(id);
    messages.push(message);
  }
  return { messages, refused, leftOut: leftOut.list };
}

/** Why the service would refuse a message; undefined where it takes it. */
export function faultOf(message: unknown): string | undefined {
  if (!isObject(message)) return 'is no object';
  const { role, content, name, id, tool_calls: calls, tool_call_id: callId } = message;
  if (role === undefined) return 'has no role';
  if (typeof role !== 'string' || !ROLES.includes(role))
    return `has the role ${shown(role)}, which is none of ${ROLES.join(', ')}`;
  return (
    contentFault(content, role) ??
    textFault('name', name) ??
    textFault('id', id, MAX_ID) ??
    textFault('tool_call_id', callId, MAX_ID) ??
    (role === 'tool' && callId === undefined ? 'is of a tool and has no tool_call_id' : undefined) ??
    (calls === undefined ? undefined : callsFault(calls)) ??
    unstorable(message, 0)
  );
}

function contentFault(content: unknown, role: string): string | undefined {
  if (typeof content === 'string') return undefined;
  if (content === null || content === undefined)
    return role === 'assistant' ? undefined : 'has no content, which only an assistant may leave out';
  if (!Array.isArray(content)) return 'has a content that is neither text nor a list of parts';
  const wrong = content.findIndex(
    (part) =>
      !isObject(part) ||
      typeof part['type'] !== 'string' ||
      (part['type'] === 'text' && typeof part['text'] !== 'string'),
  );
  return wrong < 0 ? undefined : `has a content whose part ${wrong + 1} is no object with a type, or no text`;
}

function textFault(field: string, value: unknown, maximum = Infinity): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '') return `has a ${field} that is no text, or an empty one`;
  return value.length > maximum ? `has a ${field} of more than ${maximum} characters` : undefined;
}

function callsFault(calls: unknown): string | undefined {
  if (!Array.isArray(calls)) return 'has tool_calls that are no list';
  for (const [index, call] of calls.entries()) {
    const target: unknown = isObject(call) ? call['function'] : undefined;
    const at = `has a tool call ${index + 1}`;
    if (!isObject(call) || typeof call['id'] !== 'string' || typeof call['type'] !== 'string')
      return `${at} without an id or a type`;
    if (call['type'] === 'function' && !(isObject(target) && typeof target['name'] === 'string'))
      return `${at} that names no function`;
    if (isObject(target) && typeof target['arguments'] !== 'string')
      return `${at} whose arguments are no JSON text`;
  }
  return undefined;
}

/** What a database could not give back as it came. */
function unstorable(value: unknown, depth: number): string | undefined {
  if (typeof value === 'string') {
    if (value.includes('\0')) return 'holds NUL (U+0000), which cannot be stored';
    return value.isWellFormed() ? undefined : 'holds half a character (a lone surrogate)';
  }
  if (typeof value === 'number')
    return Number.isFinite(value) ? undefined : 'holds a number that is not finite';
  if (typeof value !== 'object' || value === null) return undefined;
  if (depth >= MAX_DEPTH) return `is nested more than ${MAX_DEPTH} levels deep`;
  for (const [key, inner] of Object.entries(value)) {
    if (key === '__proto__') return 'has a field named __proto__';
    const fault = unstorable(key, depth) ?? unstorable(inner, depth + 1);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function shown(value: unknown): string {
  const text = typeof value === 'string' ? `“${value}”` : JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
