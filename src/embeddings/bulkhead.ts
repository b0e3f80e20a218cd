import { EmbeddingsUnavailableError } from '../errors.js';

export interface BulkheadOptions {
  /** What runs at once; at least 1. */
  readonly atOnce: number;
  /** What may wait for that. */
  readonly waiting: number;
  /** For so long, each. */
  readonly waitMs: number;
}

/**
 * Lets so much run at once and so much wait, first come first served, and refuses the rest at once: a provider that hangs
 * holds this much of the process and no more.
 */
export class Bulkhead {
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly options: BulkheadOptions) {}

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** @throws EmbeddingsUnavailableError when too many wait, or when it has waited too long */
  async run<T>(work: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await work();
    } finally {
      this.#leave();
    }
  }

  async #enter(): Promise<void> {
    const { atOnce, waiting, waitMs } = this.options;
    if (this.#running < atOnce) {
      this.#running += 1;
      return;
    }
    const atWork = `${this.#running} requests to it are under way`;
    if (this.#waiting.size >= waiting)
      throw new EmbeddingsUnavailableError(`${atWork} and ${this.#waiting.size} wait in line`, {
        retryAfter: 1,
      });
    await new Promise<void>((resolve, reject) => {
      const enter = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(enter);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(enter);
        reject(
          new EmbeddingsUnavailableError(`${atWork}, and none ended within ${waitMs} ms`, { retryAfter: 1 }),
        );
      }, waitMs);
      this.#waiting.add(enter);
    });
  }

  /** Who waits longest takes over the place of who leaves. */
  #leave(): void {
    const [next] = this.#waiting;
    if (next) next();
    else this.#running -= 1;
  }
}
