import { countMessageInTurns } from '../tokens/message-tokens.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { toOpenAI, type MessageBody } from './message-codec.js';

/** What a row of the log says of the tokens of its message. */
export interface CountedRow {
  tokens: number;
  /** The encoding in which they were counted; '' where it is not known. */
  readonly encoding: string;
}

/**
 * Counts those rows again that were counted in another encoding than the counter's, which was changed since, so that
 * `tokens` is always in the one that is in force.
 */
export async function countAnew(
  counter: TokenCounter,
  rows: readonly (MessageBody & CountedRow)[],
): Promise<void> {
  for (const row of rows)
    if (row.encoding !== counter.encoding) row.tokens = await countMessageInTurns(counter, toOpenAI(row));
}
