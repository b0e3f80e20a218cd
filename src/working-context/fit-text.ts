import { type TokenCounter } from '../tokens/token-counter.js';

/**
 * The longest start of `text` for which `cost` stays within `cap`, or `''`. `cost` is the tokens of the whole
 * that the text becomes part of: about those of the text and a constant.
 */
export function fitText(
  counter: TokenCounter,
  text: string,
  cap: number,
  cost: (text: string) => number,
): string {
  let room = cap - cost('');
  for (let excess = 1; room > 0; room -= excess, excess *= 2) {
    const fitted = counter.truncate(text, room, 'start');
    if (cost(fitted) <= cap) return fitted;
  }
  return '';
}
