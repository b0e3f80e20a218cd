/** What a load found, and for how many milliseconds from the start of the load it may be believed. */
export interface ShortLived<V> {
  readonly value: V;
  readonly forMs: number;
}

interface Entry<V> {
  readonly value: Promise<V>;
  until: number;
}

/** Keeps answers briefly, at most `capacity` of them, the oldest making room; callers at once share one load. */
export class ShortLivedCache<V> {
  readonly #entries = new Map<string, Entry<V>>();

  constructor(private readonly capacity: number) {}

  /** Answers what is kept under `key`, or loads it. A load that fails is not kept. */
  get(key: string, load: () => Promise<ShortLived<V>>): Promise<V> {
    const kept = this.#entries.get(key);
    const now = performance.now();
    if (kept && now < kept.until) return kept.value;
    this.#entries.delete(key);
    const loading = load();
    const entry: Entry<V> = { value: loading.then(({ value }) => value), until: Infinity };
    this.#entries.set(key, entry);
    this.#makeRoom();
    loading.then(
      ({ forMs }) => {
        entry.until = now + forMs;
      },
      () => {
        if (this.#entries.get(key) === entry) this.#entries.delete(key);
      },
    );
    return entry.value;
  }

  /** Keeps what is known from elsewhere, from now on. */
  set(key: string, { value, forMs }: ShortLived<V>): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value: Promise.resolve(value), until: performance.now() + forMs });
    this.#makeRoom();
  }

  #makeRoom(): void {
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.capacity && oldest !== undefined) this.#entries.delete(oldest);
  }
}
