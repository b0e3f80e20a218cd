import { setImmediate } from 'node:timers';

/** How long work goes on in one turn of the event loop, in milliseconds. */
const SLICE_MS = 8;

/**
 * Shares the event loop between long work of one process and everything else: in each of its turns one piece of work
 * goes on, and for a few milliseconds. Whoever begins several at once (a batch of memories, many requests) stalls it
 * no longer than by one.
 */
export class LoopTurns {
  readonly #now: () => number;
  /** When work began in this turn; undefined before it did. */
  #began: number | undefined;
  readonly #waiting: (() => void)[] = [];

  /** @param now a clock in milliseconds */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** Whether the work of this turn has taken its time, and is to wait for {@link next}. */
  get isOver(): boolean {
    const now = this.#now();
    if (this.#began === undefined) this.#begin(now);
    return now - (this.#began ?? now) >= SLICE_MS;
  }

  /** A later turn, in the order of asking. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  #begin(now: number): void {
    this.#began = now;
    setImmediate(() => {
      this.#began = undefined;
      const resume = this.#waiting.shift();
      if (!resume) return;
      // What is resumed has this turn, and there has to be one after it, even if it asks for nothing more.
      this.#begin(this.#now());
      resume();
    });
  }
}

/** The turns of this process. */
export const loopTurns = new LoopTurns();
