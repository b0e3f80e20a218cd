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
  SystemMessage,
  SystemMessageChunk,
  ToolMessage,
  ToolMessageChunk,
} from '@langchain/core/messages';
import { createHash } from 'node:crypto';
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
    SystemMessage,
    SystemMessageChunk,
    ToolMessage,
    ToolMessageChunk,
  }),
);
const CLASS_OF_TYPE: Readonly<Record<string, string>> = {
  ai: 'AIMessage',
  human: 'HumanMessage',
  system: 'SystemMessage',
  tool: 'ToolMessage',
  function: 'FunctionMessage',
};
const ROLE_OF_TYPE: Readonly<Record<string, MessageRole>> = {
  ai: 'assistant',
  human: 'user',
  system: 'system',
  developer: 'developer',
  tool: 'tool',
  function: 'function',
};
/** Where LangChain's own OpenAI integration keeps a role that it has no class for. */
const ROLE_KWARG = '__openai_role__';
/** Fields of a Message that a LangChain message has a place for; others travel in `additional_kwargs`. */
const PLACED = new Set(['role', 'content', 'name', 'tool_calls', 'tool_call_id', 'id']);

/** The message as a graph sees it, under the id that the log gives it. */
export function toLangChain(message: MessageBody, id: string): BaseMessage {
  return message.format === 'openai' ? fromOpenAI(message.body, id) : revive(message.body, id);
}

/** The message as REST answers it: what was posted, or an OpenAI view of what a graph wrote. */
export function toOpenAI(message: MessageBody): Message {
  return message.format === 'openai' ? message.body : openAIView(revive(message.body));
}

/** A message that a graph wrote, as it is kept. */
export function fromLangChain(message: BaseMessage): MessageBody {
  const name = (message.constructor as { lc_name?: () => string }).lc_name?.() ?? '';
  // `lc_*` are LangChain's own bookkeeping; every other own field is the message.
  const fields = Object.entries(message).filter(([key]) => !key.startsWith('lc_') && key !== 'type');
  return {
    format: 'langchain',
    body: {
      class: CLASSES.has(name) ? name : (CLASS_OF_TYPE[message.type] ?? 'ChatMessage'),
      fields: Object.fromEntries(fields),
    },
  };
}

/**
 * SHA-256 of a message as a graph sees it after reading it back: equal for a message that was read from
 * the log and handed back unchanged, whichever form it is kept in.
 */
export function digestOf(message: BaseMessage): Buffer {
  const { body } = fromLangChain(message);
  const settled = fromLangChain(revive(JSON.parse(JSON.stringify(body)) as LangChainBody)).body;
  return createHash('sha256').update(JSON.stringify(settled)).digest();
}

function revive({ class: name, fields }: LangChainBody, id = fields['id']): BaseMessage {
  const Class = CLASSES.get(name) ?? ChatMessage;
  return new Class({ ...structuredClone(fields), id } as never);
}

function fromOpenAI(message: Message, id: string): BaseMessage {
  const { role, name } = message;
  const extra = Object.entries(message).filter(([key]) => !PLACED.has(key));
  const fields = {
    content: structuredClone(message.content ?? ''),
    additional_kwargs: structuredClone(Object.fromEntries(extra)),
    ...(name !== undefined && { name }),
    id,
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

/** Arguments are JSON text in OpenAI's form and an object in LangChain's; text that is no object stays text. */
function toolCalls(calls: ToolCall[] | undefined): object {
  if (!calls) return {};
  const tool_calls: object[] = [];
  const invalid_tool_calls: object[] = [];
  for (const call of calls) {
    const { id, function: target } = call;
    try {
      const args = JSON.parse(target?.arguments ?? '') as unknown;
      if (typeof args !== 'object' || args === null || Array.isArray(args)) throw new TypeError('no object');
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

function openAIView(message: BaseMessage): Message {
  const role = message.additional_kwargs[ROLE_KWARG];
  const view: Message = {
    role: (role as MessageRole | undefined) ?? ROLE_OF_TYPE[message.type] ?? chatRole(message),
    content: message.content,
  };
  if (message.name !== undefined) view.name = message.name;
  if (AIMessage.isInstance(message)) {
    const calls = [
      ...(message.tool_calls ?? []).map(({ id, name, args }) => callView(id, name, JSON.stringify(args))),
      ...(message.invalid_tool_calls ?? []).map(({ id, name, args }) => callView(id, name ?? '', args ?? '')),
    ];
    if (calls.length > 0) view.tool_calls = calls;
  }
  if (ToolMessage.isInstance(message)) view.tool_call_id = message.tool_call_id;
  return view;
}

function callView(id: string | undefined, name: string, args: string): ToolCall {
  return { id: id ?? '', type: 'function', function: { name, arguments: args } };
}

/** LangChain's generic chat message names its role itself. */
function chatRole(message: BaseMessage): MessageRole {
  return ((message as Partial<ChatMessage>).role ?? 'user') as MessageRole;
}
