import { TooManyUnknownKeysError } from '../errors.js';

/** So many connections of the pool at most are held by whoever guesses. */
const AT_ONCE = 4;
const MISSES_PER_SECOND = 100;
const LONGEST_LINE = 1_000;

/**
 * Bounds what keys cost the database that nobody has proven yet in this process: anyone can make ids with a
 * right checksum, and each is a look-up. They go a few at a time, and once too many of a second have found
 * nothing, the rest of that second is refused without one. Keys that exist are not counted, so a start with
 * thousands of them passes.
 */
export class UnprovenLookups {
  #running = 0;
  readonly #line: (() => void)[] = [];
  #misses = 0;
  #until = 0;

  /** @throws TooManyUnknownKeysError instead of running `lookUp` */
  async find<T>(lookUp: () => Promise<T | undefined>): Promise<T | undefined> {
    this.#admit();
    if (this.#running < AT_ONCE) this.#running += 1;
    else await new Promise<void>((resolve) => this.#line.push(resolve));
    try {
      this.#admit();
      const found = await lookUp();
      if (found === undefined) this.#misses += 1;
      return found;
    } finally {
      const next = this.#line.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }

  #admit(): void {
    const now = performance.now();
    if (now >= this.#until) [this.#misses, this.#until] = [0, now + 1_000];
    if (this.#misses >= MISSES_PER_SECOND || this.#line.length >= LONGEST_LINE)
      throw new TooManyUnknownKeysError();
  }
}
