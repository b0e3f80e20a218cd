import {
  BaseMessage,
  coerceMessageLikeToMessage,
  RemoveMessage,
  type BaseMessageLike,
} from '@langchain/core/messages';

/** The id of LangGraph's order to remove every message before it. */
const REMOVE_ALL = '__remove_all__';

/** Whether a value is a list of messages; an order to remove one is none. */
export function isConversation(value: unknown): value is BaseMessage[] {
  return (
    Array.isArray(value) &&
    value.every((item) => BaseMessage.isInstance(item) && !RemoveMessage.isInstance(item))
  );
}

/**
 * The conversation after what the tasks of a step wrote to it, by the rules of LangGraph's
 * `messagesDeltaReducer`: a message replaces the one of its id, and any other comes last. That function is
 * in a package which takes longer to load than all of this service.
 * @param writes in the order of the tasks; each is one message-like value or a list of them
 */
export function conversationAfter(before: readonly BaseMessage[], writes: readonly unknown[]): BaseMessage[] {
  // A message of no id is never replaced: a key of its own.
  const after = new Map<unknown, BaseMessage>(before.map((message) => [message.id ?? message, message]));
  for (const written of writes.flat() as BaseMessageLike[]) {
    const message = coerceMessageLikeToMessage(written);
    if (!RemoveMessage.isInstance(message)) after.set(message.id ?? message, message);
    else if (message.id === REMOVE_ALL) after.clear();
    else after.delete(message.id);
  }
  return [...after.values()];
}
