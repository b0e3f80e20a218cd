export interface KeyedQueueOptions<Job> {
  /** Jobs that are worked on at once; of one key one at a time. */
  readonly atOnce: number;
  /** The oldest of more are dropped. */
  readonly maxWaiting: number;
  /** @returns what is left to do, which comes after all others that wait */
  readonly work: (job: Job) => Promise<Job | undefined>;
}

/** Work that nobody waits for, by what it is about. */
export class KeyedQueue<Job> {
  readonly #waiting = new Map<string, Job>();
  readonly #atWork = new Map<string, Promise<void>>();
  #isStopped = false;

  /** @param options `work` never rejects */
  constructor(private readonly options: KeyedQueueOptions<Job>) {}

  /** Takes a job and returns at once. A job of the same key that waits gives its place to this one. */
  offer(key: string, job: Job): void {
    if (this.#isStopped) return;
    this.#waiting.set(key, job);
    this.#start();
    const [oldest] = this.#waiting.keys();
    if (this.#waiting.size > this.options.maxWaiting && oldest !== undefined) this.#waiting.delete(oldest);
  }

  /** Resolves when nothing waits and nothing is worked on. */
  async settled(): Promise<void> {
    while (this.#atWork.size > 0) await Promise.all(this.#atWork.values());
  }

  /** Drops what waits and takes nothing more; what is worked on goes on. */
  stop(): void {
    this.#isStopped = true;
    this.#waiting.clear();
  }

  #start(): void {
    for (const [key, job] of this.#waiting) {
      if (this.#atWork.size >= this.options.atOnce) return;
      if (this.#atWork.has(key)) continue;
      this.#waiting.delete(key);
      this.#atWork.set(key, this.#work(key, job));
    }
  }

  async #work(key: string, job: Job): Promise<void> {
    const rest = await this.options.work(job);
    this.#atWork.delete(key);
    if (rest !== undefined && !this.#waiting.has(key)) this.offer(key, rest);
    else this.#start();
  }
}
