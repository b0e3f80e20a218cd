/**
 * Lets a few searches run at a time, so that those that take long, or hang, never hold all connections: who only reads a
 * thread gets one at once. Who waits is served in the order in which he came, unless he gives up before.
 */
export class SearchSlots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @param slots 1 or more */
  constructor(slots: number) {
    this.#free = slots;
  }

  /** Runs `work` once a slot is free, and frees it when that has ended; `undefined` when the signal came before. */
  async run<T>(work: () => Promise<T>, givenUp: AbortSignal): Promise<T | undefined> {
    if (!(await this.#isMine(givenUp))) return undefined;
    try {
      return await work();
    } finally {
      this.#free += 1;
      const [next] = this.#waiting;
      next?.();
    }
  }

  async #isMine(givenUp: AbortSignal): Promise<boolean> {
    while (this.#free === 0) {
      if (givenUp.aborted) return false;
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          givenUp.removeEventListener('abort', wake);
          resolve();
        };
        this.#waiting.add(wake);
        givenUp.addEventListener('abort', wake);
      });
    }
    if (givenUp.aborted) return false;
    this.#free -= 1;
    return true;
  }
}
