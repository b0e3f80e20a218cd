/** Thrown to whoever still wants a connection after he gave up; nobody waits for what he was about to find. */
export class GivenUpError extends Error {
  constructor() {
    super('Nobody waits for this any more.');
  }
}

/**
 * Lets work of one kind have a few connections at a time, so that statements which take long, or hang, never hold all of
 * them. Who waits is served in the order in which he came, unless he gives up before.
 */
export class ConnectionSlots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  /** @param slots 1 or more */
  constructor(slots: number) {
    this.#free = slots;
  }

  /**
   * Runs `work` once a slot is free, and frees it when that has ended.
   * @throws GivenUpError when the signal came before
   */
  async run<T>(work: () => Promise<T>, givenUp: AbortSignal): Promise<T> {
    await this.#take(givenUp);
    try {
      return await work();
    } finally {
      this.#free += 1;
      const [next] = this.#waiting;
      next?.();
    }
  }

  async #take(givenUp: AbortSignal): Promise<void> {
    while (this.#free === 0) {
      if (givenUp.aborted) throw new GivenUpError();
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
    if (givenUp.aborted) throw new GivenUpError();
    this.#free -= 1;
  }
}
