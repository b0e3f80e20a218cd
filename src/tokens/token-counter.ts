/** Which end of a text survives a cut. */
export type Keep = 'start' | 'end';

/**
 * Measures texts in the tokens of a model family. The class is the port and its injection token.
 *
 * A counter is deterministic, never throws for any string (lone surrogates, NUL and texts that look like
 * control tokens included) and **adds up over lines**: when `a` ends in a character that is not white space
 * and `b` begins with one that is neither white space nor `/`, then
 * `count(a + '\n' + b) = count(a + '\n') + count(b)`. Who renders one item per line may count each line once.
 */
export abstract class TokenCounter {
  /** Name of the encoding; counts of two encodings are not comparable. */
  abstract readonly encoding: string;

  /** Tokens of `text`: 0 for the empty text, else at least 1. */
  abstract count(text: string): number;

  /**
   * The same count without holding up whoever else waits for the event loop: it runs every 10 ms or so, however long
   * the text is. A short text is counted at once. Of several texts: the sum.
   *
   * A counter that does not override this counts in one go.
   */
  countInTurns(texts: string | readonly string[]): Promise<number> {
    const all = typeof texts === 'string' ? [texts] : texts;
    return Promise.resolve(all.reduce((total, text) => total + this.count(text), 0));
  }

  /**
   * The start or the end of `text` in at most `maxTokens` tokens, so `count(result) <= maxTokens` always;
   * `text` itself when it fits, `''` when `maxTokens` is below 1 or not a number. No character is cut apart:
   * not a surrogate pair, nor what a reader takes for one character (a flag, an emoji sequence, a letter and
   * its accents) as far as it is shorter than 512 UTF-16 units.
   */
  abstract truncate(text: string, maxTokens: number, keep: Keep): string;
}
