/** A message as a summarizer is shown it: what was said, by whom and when. */
export interface SpokenMessage {
  readonly role: string;
  readonly name?: string;
  /** Its text; of what is no text, a mark that it was there. */
  readonly content: string;
  /** The tools that it called, each with its arguments as they were written. */
  readonly calls?: readonly { readonly name: string; readonly arguments: string }[];
  /** ISO 8601, UTC. */
  readonly at?: string;
}

export interface SummaryRequest {
  /** What was said before these messages; absent at the beginning of a conversation. */
  readonly previous?: string | undefined;
  /** Oldest first; one at least. */
  readonly messages: readonly SpokenMessage[];
  /** How long the summary is to be. Whoever asked cuts what is longer. */
  readonly maxTokens: number;
  /** Ends the work before its time. */
  readonly signal?: AbortSignal;
}

/**
 * There is no summary. It reaches no client, since nobody waits for one; the message holds nothing of the
 * conversation, of the provider's words or of the key.
 */
export class SummaryFailedError extends Error {
  /** Whether it may go well another time, or with fewer messages. */
  readonly isRetryable: boolean;

  constructor(message: string, { isRetryable = true } = {}) {
    super(`There is no summary: ${message}.`);
    this.name = new.target.name;
    this.isRetryable = isRetryable;
  }
}

/**
 * Tells in few words what was said. The class is the port and its injection token; where no model is configured,
 * `null` is injected in its place.
 */
export abstract class Summarizer {
  /** The model's name, kept with each summary. */
  abstract readonly model: string;

  /**
   * A summary of `previous` and `messages` together, not empty. It settles within a time of its own, and soon after
   * `signal` is aborted.
   * @throws SummaryFailedError
   */
  abstract summarize(request: SummaryRequest): Promise<string>;
}
