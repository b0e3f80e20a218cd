// Over 200 lines: one table of classes, and every way in and out of it.
import {
  AIMessage,
  AIMessageChunk,
  type BaseMessage,
  ChatMessage,
  ChatMessageChunk,
  FunctionMessage,
  FunctionMessageChunk,
  HumanMessage,
  HumanMessageChunk,
  RemoveMessage,
  SystemMessage,
  SystemMessageChunk,
  ToolMessage,
  ToolMessageChunk,
} from '@langchain/core/messages';
import { createHash } from 'node:crypto';
import { parseJson } from '../database/parse-json.js';
import { isPlainObject, requireStorable, unstorable } from '../database/storable.js';
import type { Message, MessageRole, ToolCall } from './message.js';

/**
 * A message is kept in the form in which it was written, OpenAI's or LangChain's, and the other form is
 * derived from it. So whoever wrote a message reads back exactly that, and nothing is stored twice.
 */
export type MessageBody =
  | { readonly format: 'openai'; readonly body: Message }
  | { readonly format: 'langchain'; readonly body: LangChainBody };

/** A LangChain message as plain data. Its values are never revived as objects of any class. */
export interface LangChainBody {
  readonly class: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

type MessageClass = new (fields: never) => BaseMessage;

const CLASSES = new Map<string, MessageClass>(
  Object.entries({
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    ChatMessageChunk,
    FunctionMessage,
    FunctionMessageChunk,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
  }),
);
const CLASS_OF_TYPE: Readonly<Record<string, string>> = {
  ai: 'AIMessage',
  human: 'HumanMessage',
  remove: 'RemoveMessage',
  system: 'SystemMessage',
  tool: 'ToolMessage',
  function: 'FunctionMessage',
};
const ROLE_OF_CLASS: Readonly<Record<string, MessageRole>> = {
  AIMessage: 'assistant',
  HumanMessage: 'user',
  SystemMessage: 'system',
  ToolMessage: 'tool',
  FunctionMessage: 'function',
};
/** Where LangChain's own OpenAI integration keeps a role that it has no class for. */
const ROLE_KWARG = '__openai_role__';
/** Fields of a Message that a LangChain message has a place for; others travel in `additional_kwargs`. */
const PLACED = new Set(['role', 'content', 'name', 'tool_calls', 'tool_call_id', 'id']);

/** Levels of a kept message above the arguments of a call. */
const DEPTH_OF_ARGS = 4;

/**
 * The message as a graph sees it, under the id that the log gives it. It shares its values with `message`, which
 * whoever goes on to change it must have for himself.
 * @param id - absent for a message that is not of the log
 */
export function toLangChain(message: MessageBody, id?: string): BaseMessage {
  if (message.format === 'openai') return fromOpenAI(message.body, id);
  const { class: name, fields } = message.body;
  return reviveMessage({ class: name, fields: { ...fields, id } });
}

/** The message as REST answers it: what was posted, or an OpenAI view of what a graph wrote. */
export function toOpenAI(message: MessageBody): Message {
  return message.format === 'openai' ? message.body : openAIView(message.body);
}

/** A message that a graph wrote, as it is kept. */
export function fromLangChain(message: BaseMessage): { readonly format: 'langchain'; body: LangChainBody } {
  const name = (message.constructor as { lc_name?: () => string }).lc_name?.() ?? '';
  // `lc_*` are LangChain's own bookkeeping; every other own field is the message, unless it is code.
  const fields = Object.entries(message).filter(
    ([key, value]) => !key.startsWith('lc_') && key !== 'type' && typeof value !== 'function',
  );
  return {
    format: 'langchain',
    body: {
      class: CLASSES.has(name) ? name : (CLASS_OF_TYPE[message.type] ?? 'ChatMessage'),
      fields: Object.fromEntries(fields),
    },
  };
}

/**
 * The message again, with exactly these fields. The constructor never sees them: some guess at what they
 * were given (tool calls out of `additional_kwargs`, content blocks out of the provider), and some throw.
 */
export function reviveMessage({ class: name, fields }: LangChainBody): BaseMessage {
  const Class = CLASSES.get(name) ?? ChatMessage;
  const message = new Class({ content: '' } as never);
  for (const [key, value] of Object.entries(fields))
    Object.defineProperty(message, key, { value, configurable: true, enumerable: true, writable: true });
  // What LangChain's own serializer goes by.
  message.lc_kwargs = { ...message.lc_kwargs, ...fields };
  return message;
}

/**
 * SHA-256 of a message as a graph sees it after reading it back: equal for a message that was read from
 * the log and handed back unchanged, whichever form it is kept in.
 * @throws InvalidInputError when the message is no JSON
 */
export function digestOf(message: BaseMessage): Buffer {
  const settled = fromLangChain(reviveMessage(plainCopy(fromLangChain(message).body))).body;
  return createHash('sha256').update(JSON.stringify(settled)).digest();
}

function plainCopy(body: LangChainBody): LangChainBody {
  try {
    return parseJson(JSON.stringify(body)) as LangChainBody;
  } catch (error) {
    requireStorable(body, 'message');
    throw error;
  }
}

/** Levels of a field that LangChain's loader surely reads; it gives up at 50 of the whole. */
const LOADABLE_DEPTH = 40;
/** The classes that LangChain loads as they were, each with the fields of an empty message. */
const LOADABLE = new Map<unknown, Readonly<Record<string, unknown>>>(
  [AIMessage, ChatMessage, FunctionMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage].map(
    (Class: MessageClass) => [Class, Object.fromEntries(Object.entries(new Class({ content: '' } as never)))],
  ),
);

/**
 * Whether LangChain's own serializer gives the message back as it is, provided that nothing in it looks
 * like one of its records. It writes the fields that the constructor was given, loses what was set later,
 * turns what is not JSON into something else, and has no name for some fields of chunks.
 */
export function isKeptByLangChain(message: BaseMessage): boolean {
  const empty = LOADABLE.get(message.constructor);
  if (!empty || !isPlainObject(message.additional_kwargs) || !isPlainObject(message.response_metadata))
    return false;
  // Content of that version is built anew from content and tool calls.
  if ('output_version' in message.response_metadata) return false;
  const given = message.lc_kwargs as Readonly<Record<string, unknown>>;
  return (
    Object.keys(given).every((key) => key in empty) &&
    Object.entries(message).every(([key, value]: [string, unknown]) => {
      if (key.startsWith('lc_') || key === 'type') return true;
      if (!(key in given)) return JSON.stringify(value) === JSON.stringify(empty[key]);
      return value === undefined ? empty[key] === undefined : isPlainJson(value, LOADABLE_DEPTH);
    })
  );
}

function isPlainJson(value: unknown, depth: number): boolean {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return value !== undefined && typeof value !== 'bigint';
  if (depth === 0) return false;
  if (Array.isArray(value)) return value.every((item) => isPlainJson(item, depth - 1));
  return isPlainObject(value) && Object.values(value).every((item) => isPlainJson(item, depth - 1));
}

function fromOpenAI(message: Message, id?: string): BaseMessage {
  const { role, name } = message;
  const extra = Object.entries(message).filter(([key]) => !PLACED.has(key));
  const fields = {
    content: message.content ?? '',
    additional_kwargs: Object.fromEntries(extra),
    ...(name !== undefined && { name }),
    ...(id !== undefined && { id }),
  };
  switch (role) {
    case 'user':
      return new HumanMessage(fields);
    case 'assistant':
      return new AIMessage({ ...fields, ...toolCalls(message.tool_calls) });
    case 'tool':
      return new ToolMessage({ ...fields, tool_call_id: message.tool_call_id ?? '' });
    case 'function':
      return new FunctionMessage({ ...fields, name: name ?? '' });
    case 'developer':
      fields.additional_kwargs[ROLE_KWARG] = 'developer';
      return new SystemMessage(fields);
    case 'system':
      return new SystemMessage(fields);
  }
}

/**
 * Arguments are JSON text in OpenAI's form and an object in LangChain's. Text that is no object stays text,
 * and so does one whose object could not be kept (escapes of NUL, a key `__proto__`, too many levels): a
 * graph must be able to hand the message back.
 */
function toolCalls(calls: ToolCall[] | undefined): object {
  if (!calls) return {};
  const tool_calls: object[] = [];
  const invalid_tool_calls: object[] = [];
  for (const call of calls) {
    const { id, function: target } = call;
    try {
      const args = parseJson(target?.arguments ?? '');
      if (!isKeepableArgs(args)) throw new TypeError('no object');
      tool_calls.push({ type: 'tool_call', id, name: target?.name, args });
    } catch {
      invalid_tool_calls.push({
        type: 'invalid_tool_call',
        id,
        name: target?.name,
        args: target?.arguments,
        error: 'The arguments are not a JSON object.',
      });
    }
  }
  return { tool_calls, invalid_tool_calls };
}

function isKeepableArgs(args: unknown): boolean {
  return (
    isPlainObject(args) &&
    !Array.isArray(args) &&
    unstorable(args, 'args', DEPTH_OF_ARGS).next().done === true
  );
}

/** An OpenAI view of whatever fields there are: no graph can make a thread unreadable. */
function openAIView({ class: name, fields }: LangChainBody): Message {
  const { content, tool_calls: calls, invalid_tool_calls: invalid } = fields;
  const view: Message = { role: roleOf(name, fields), content: content as Message['content'] };
  if (typeof fields['name'] === 'string') view.name = fields['name'];
  if (view.role === 'assistant') {
    const all = [...listOf(calls), ...listOf(invalid)].map(callView);
    if (all.length > 0) view.tool_calls = all;
  }
  if (view.role === 'tool') view.tool_call_id = textOf(fields['tool_call_id']);
  return view;
}

function roleOf(name: string, { role, additional_kwargs }: LangChainBody['fields']): MessageRole {
  const known = ROLE_OF_CLASS[name.replace(/Chunk$/, '')];
  const isDeveloper = isPlainObject(additional_kwargs) && additional_kwargs[ROLE_KWARG] === 'developer';
  if (known === 'system' && isDeveloper) return 'developer';
  // LangChain's generic chat message names its role itself.
  return known ?? ((textOf(role) || 'user') as MessageRole);
}

function callView({ id, name, args }: Readonly<Record<string, unknown>>): ToolCall {
  const text = typeof args === 'string' ? args : args == null ? '' : JSON.stringify(args);
  return { id: textOf(id), type: 'function', function: { name: textOf(name), arguments: text } };
}

function listOf(value: unknown): Readonly<Record<string, unknown>>[] {
  return Array.isArray(value) ? value.filter(isPlainObject) : [];
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
