import type { StoredMessage } from '../session/message.js';

/** A summary is written anew for so many messages, or for so many tokens of fewer. */
const ENOUGH_MESSAGES = 8;
const ENOUGH_TOKENS = 1_000;
/** At a time: messages, tokens of them all, and tokens of each. */
export const MAX_MESSAGES = 100;
export const MAX_TOKENS = 16_000;
export const MAX_MESSAGE_TOKENS = 4_000;
/** What a model is given that could not do with more. */
export const FEWEST_TOKENS = 1_000;

/** Without the instructions at the head of a thread: the history shows them for ever. */
export function withoutLeading(messages: readonly StoredMessage[]): readonly StoredMessage[] {
  const first = messages.findIndex(({ role }) => role !== 'system' && role !== 'developer');
  return first < 0 ? [] : messages.slice(first);
}

/** Whether messages are worth a request to a model. */
export function isEnough(messages: readonly StoredMessage[]): boolean {
  const tokens = messages.reduce((sum, message) => sum + message.tokens, 0);
  return messages.length >= ENOUGH_MESSAGES || tokens >= ENOUGH_TOKENS;
}

/** As many of the oldest as have `maxTokens` together, and one at least; none counts for more than it is shown with. */
export function firstOf(
  messages: readonly StoredMessage[],
  maxTokens: number,
  maxMessageTokens: number,
): readonly StoredMessage[] {
  let total = 0;
  const end = messages.findIndex(
    ({ tokens }, index) => (total += Math.min(tokens, maxMessageTokens)) > maxTokens && index > 0,
  );
  return end < 0 ? messages : messages.slice(0, end);
}
