import {
  AIMessage,
  ChatMessage,
  FunctionMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
  type BaseMessage,
} from '@langchain/core/messages';
import type { Message, NewMessage } from './generated/types.gen.js';

/** What LangChain knows of a message and OpenAI's form has no room for, kept as a field of the message. */
const METADATA = 'langchain';
/** Where LangChain's own OpenAI integration keeps a role that it has no class for. */
const ROLE_KWARG = '__openai_role__';
/** Fields of an OpenAI message that LangChain keeps in `additional_kwargs`. */
const OPENAI_KWARGS = ['audio', 'function_call', 'refusal'];
/** Fields that a LangChain message has a place for, and those that the service sets. */
const PLACED = new Set([
  ...['role', 'content', 'name', 'tool_calls', 'tool_call_id', 'id'],
  ...['seq', 'tokens', 'createdAt', METADATA],
]);
const ROLES: Readonly<Record<string, Message['role']>> = {
  human: 'user',
  ai: 'assistant',
  system: 'system',
  tool: 'tool',
  function: 'function',
};

type Fields = Readonly<Record<string, unknown>>;
type NewToolCall = NonNullable<NewMessage['tool_calls']>[number];

/**
 * The message as the service takes it. Parts of a content are passed on as they are, binary data in base64. The chunk
 * of a streamed answer becomes a whole message.
 * @param keepMetadata - whether `additional_kwargs`, `response_metadata`, `usage_metadata`, `status` and `artifact` are
 * kept as well, in a field `langchain`. A prompt in OpenAI's form has that field too, and OpenAI's own API refuses it.
 * @throws TypeError for a message that says nothing, but tells a graph to remove others
 */
export function toOpenAIMessage(message: BaseMessage, { keepMetadata = false } = {}): NewMessage {
  if (message.type === 'remove') throw new TypeError('A history cannot keep a RemoveMessage.');
  const { additional_kwargs: kwargs, id, name } = message;
  const { tool_calls, invalid_tool_calls, tool_call_id, ...rest } = message as unknown as {
    readonly tool_calls?: readonly LangChainCall[];
    readonly invalid_tool_calls?: readonly LangChainCall[];
    readonly tool_call_id?: string;
  } & Fields;
  const role = roleOf(message);
  const calls = role === 'assistant' ? [...(tool_calls ?? []), ...(invalid_tool_calls ?? [])] : [];
  const metadata = keepMetadata ? metadataOf(message, rest) : undefined;
  return {
    role,
    content: plain(message.content) as NonNullable<NewMessage['content']>,
    ...(id && { id }),
    ...(name && { name }),
    ...(calls.length > 0 && { tool_calls: calls.map(toOpenAICall) }),
    ...(role === 'tool' && tool_call_id && { tool_call_id }),
    ...Object.fromEntries(
      OPENAI_KWARGS.filter((key) => kwargs[key] != null).map((key) => [key, kwargs[key]]),
    ),
    ...(metadata && { [METADATA]: metadata }),
  };
}

/** The message of a thread as LangChain has it, under its id; fields that LangChain has no place for in `additional_kwargs`. */
export function toLangChainMessage(message: Message): BaseMessage {
  const { role, name, id } = message;
  const { kwargs, role: genericRole, ...metadata } = (message[METADATA] ?? {}) as Metadata;
  const extra = Object.entries(message).filter(([key]) => !PLACED.has(key));
  const fields = {
    content: (message.content ?? '') as string,
    additional_kwargs: { ...Object.fromEntries(extra), ...kwargs },
    ...metadata,
    ...(name !== undefined && { name }),
    ...(typeof id === 'string' && { id }),
  };
  if (genericRole !== undefined) return new ChatMessage({ ...fields, role: genericRole });
  switch (role) {
    case 'user':
      return new HumanMessage(fields);
    case 'assistant':
      return new AIMessage({ ...fields, ...toLangChainCalls(message.tool_calls ?? []) });
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

interface LangChainCall {
  readonly id?: string;
  readonly name?: string;
  readonly args?: unknown;
}

interface Metadata {
  readonly kwargs?: Record<string, unknown>;
  /** Of a chat message whose role OpenAI does not know. */
  readonly role?: string;
  readonly [field: string]: unknown;
}

function roleOf(message: BaseMessage): Message['role'] {
  const { additional_kwargs, role } = message as BaseMessage & { role?: string };
  if (message.type === 'system' && additional_kwargs[ROLE_KWARG] === 'developer') return 'developer';
  const known = ROLES[message.type];
  if (known) return known;
  // LangChain's generic chat message names its role itself.
  return [...Object.values(ROLES), 'developer'].includes(role ?? '') ? (role as Message['role']) : 'user';
}

function metadataOf(message: BaseMessage, fields: Fields): Metadata | undefined {
  const { role } = fields as { role?: string };
  const kwargs = Object.entries(message.additional_kwargs).filter(
    ([key]) => !OPENAI_KWARGS.includes(key) && key !== ROLE_KWARG,
  );
  const kept = Object.entries({
    kwargs: kwargs.length > 0 ? Object.fromEntries(kwargs) : undefined,
    role: message.type === 'generic' && role !== roleOf(message) ? role : undefined,
    response_metadata:
      Object.keys(message.response_metadata).length > 0 ? message.response_metadata : undefined,
    usage_metadata: fields['usage_metadata'],
    status: fields['status'],
    artifact: fields['artifact'],
  }).filter(([, value]) => value !== undefined);
  return kept.length > 0 ? (plain(Object.fromEntries(kept)) as Metadata) : undefined;
}

/** A call that the model wrote badly has text for its arguments, in both forms. */
function toOpenAICall({ id, name, args }: LangChainCall): NewToolCall {
  const text = typeof args === 'string' ? args : JSON.stringify(args ?? {});
  return { id: id ?? '', type: 'function', function: { name: name ?? '', arguments: text } };
}

function toLangChainCalls(
  calls: NonNullable<Message['tool_calls']>,
): Pick<AIMessage, 'tool_calls' | 'invalid_tool_calls'> {
  const tool_calls: NonNullable<AIMessage['tool_calls']> = [];
  const invalid_tool_calls: NonNullable<AIMessage['invalid_tool_calls']> = [];
  for (const { id, function: target } of calls) {
    const { name = '', arguments: text = '' } = target ?? {};
    const args = objectOf(text);
    if (args) tool_calls.push({ type: 'tool_call', id, name, args });
    else
      invalid_tool_calls.push({
        type: 'invalid_tool_call',
        id,
        name,
        args: text,
        error: 'The arguments are not a JSON object.',
      });
  }
  return { tool_calls, invalid_tool_calls };
}

function objectOf(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** A copy that is JSON. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return base64(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function base64(bytes: Uint8Array): string {
  let binary = '';
  for (const byte of bytes) binary += String.fromCharCode(byte);
  return btoa(binary);
}
