import { wholeTextOf } from '../session/message-text.js';
import { type Message } from '../session/message.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { fitText } from './fit-text.js';

/** Stands at the end of every message that was shortened, for the model to see. */
export function shorteningMark(tokens: number): string {
  return `\n[… shortened: the whole message has ${tokens} tokens]`;
}

/**
 * The message in at most `cap` tokens: the start of its text and a visible mark. Parts that are not text are
 * left out. `undefined` when not even the mark fits.
 *
 * @param tokens - of the whole message
 */
export function shortenMessage<M extends Message>(
  counter: TokenCounter,
  message: M,
  tokens: number,
  cap: number,
): M | undefined {
  const mark = shorteningMark(tokens);
  const withText = (text: string): M => ({ ...message, content: text + mark });
  const cost = (text: string): number => countMessage(counter, withText(text));
  if (cost('') > cap) return undefined;
  return withText(fitText(counter, wholeTextOf(message), cap, cost));
}

/**
 * The largest size to which the larger ones must shrink for all to fit into `room`: the smaller stay whole,
 * and none shrinks below the others that shrink.
 */
export function evenLimit(sizes: readonly number[], room: number): number {
  let left = room;
  let count = sizes.length;
  for (const size of [...sizes].sort((a, b) => a - b)) {
    if (size * count > left) return Math.floor(left / count);
    left -= size;
    count--;
  }
  return Infinity;
}
