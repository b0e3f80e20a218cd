import { once } from 'node:events';
import type { StoredMessage } from '../session/message.js';
import { SummaryFailedError, type Summarizer } from '../summaries/summarizer.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { FEWEST_TOKENS, firstOf, MAX_MESSAGE_TOKENS, MAX_TOKENS } from './folding-batch.js';
import { spokenMessage } from './spoken-message.js';

export interface SummaryWriterParts {
  readonly summarizer: Summarizer;
  readonly counter: TokenCounter;
  /** Of a summary. */
  readonly maxTokens: number;
  /** Ends what is under way. */
  readonly signal: AbortSignal;
}

export interface WrittenSummary {
  readonly text: string;
  readonly tokens: number;
  /** The messages that it tells of, the oldest of those that were there. */
  readonly batch: readonly StoredMessage[];
}

/** Asks the summarizer for as much as it can do at a time, and makes what it answers fit to be stored. */
export class SummaryWriter {
  /** What it is given at a time: less after a failure, which may have been for the length, and then more again. */
  #atATime = MAX_TOKENS;

  constructor(private readonly parts: SummaryWriterParts) {}

  /**
   * @param messages oldest first; one at least
   * @throws SummaryFailedError, and whatever a summarizer of the application's own throws
   */
  async write(previous: string | undefined, messages: readonly StoredMessage[]): Promise<WrittenSummary> {
    const { summarizer, counter, maxTokens, signal } = this.parts;
    const longest = Math.min(MAX_MESSAGE_TOKENS, this.#atATime);
    const batch = firstOf(messages, this.#atATime, longest);
    try {
      // Before it is asked: nobody would hear what becomes of it.
      signal.throwIfAborted();
      const answered = summarizer.summarize({
        previous,
        messages: batch.map((message) => spokenMessage(counter, message, longest)),
        maxTokens,
        signal,
      });
      const answer = storable(await unlessAborted(answered, signal)).trim();
      const text = counter.truncate(answer, maxTokens, 'start');
      if (text === '') throw new SummaryFailedError('it is empty');
      this.#atATime = Math.min(MAX_TOKENS, this.#atATime * 2);
      return { text, tokens: counter.count(text), batch };
    } catch (error) {
      this.#atATime = Math.max(FEWEST_TOKENS, Math.floor(this.#atATime / 4));
      throw error;
    }
  }
}

/** What PostgreSQL takes as text: no NUL, and no half of a surrogate pair. */
function storable(text: string): string {
  return text.replaceAll('\0', '').toWellFormed();
}

/** A shutdown does not wait for a summarizer that takes no notice of the signal. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const done = new AbortController();
  const aborted = once(signal, 'abort', { signal: done.signal }).then((): never => {
    throw new SummaryFailedError('the application stops');
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    done.abort();
  }
}
