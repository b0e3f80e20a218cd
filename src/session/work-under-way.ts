/** Promises that have not been settled yet, by the name of what they are about. */
export class WorkUnderWay {
  readonly #work = new Map<string, Set<Promise<unknown>>>();

  /** Answers what `work` answers, and counts it as under way until then. */
  async track<T>(name: string, work: Promise<T>): Promise<T> {
    const others = this.#work.get(name) ?? new Set();
    this.#work.set(name, others.add(work));
    try {
      return await work;
    } finally {
      others.delete(work);
      if (others.size === 0) this.#work.delete(name);
    }
  }

  /** Resolves when all that is under way by now has been settled, well or not. */
  async of(name: string | undefined): Promise<void> {
    await Promise.allSettled([...(this.#work.get(name ?? '') ?? [])]);
  }
}
