import { type BaseMessage, ChatMessage, type StoredMessage } from '@langchain/core/messages';
import { type Message, MESSAGE_ROLES } from '../session/message.js';
import { fromLangChain, toLangChain } from '../session/message-codec.js';
import { assemblePrompt } from './prompt.js';
import { calledTool, withToolCalls } from './tool-calls.js';
import { type PromptParts } from './working-context.js';

/** Plain JSON; `mapStoredMessagesToChatMessages` of `@langchain/core` makes messages of it. */
export interface LangChainPrompt {
  messages: StoredMessage[];
}

/**
 * The prompt as LangChain's messages, for a model or a graph in this process. Every call of a tool has an object
 * for its input, and the older form of calls is written as the newer one, so that integrations of all providers
 * take them. The messages have no ids and share their values with the parts.
 */
export function toChatMessages(parts: PromptParts): BaseMessage[] {
  return withToolCalls(assemblePrompt(parts)).map((message) => {
    const { role } = message;
    const body = withInputObjects(message);
    if (MESSAGE_ROLES.includes(role)) return toLangChain({ format: 'openai', body });
    return new ChatMessage({ role, content: body.content ?? '' });
  });
}

export function langChainPrompt(parts: PromptParts): LangChainPrompt {
  return { messages: toChatMessages(parts).map(storedMessage) };
}

/** What is no object would come as an invalid call, which integrations leave out, and its result with no call. */
function withInputObjects(message: Message): Message {
  if (!message.tool_calls) return message;
  const tool_calls = message.tool_calls.map((call) => {
    const { name, input } = calledTool(call);
    return { id: call.id, type: 'function', function: { name, arguments: JSON.stringify(input) } };
  });
  return { ...message, tool_calls };
}

/** By its fields: `toDict` would escape whatever in a message looks like one of LangChain's own records. */
function storedMessage(message: BaseMessage): StoredMessage {
  const { fields } = fromLangChain(message).body;
  const data = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
  return { type: message.type, data: data as unknown as StoredMessage['data'] };
}
