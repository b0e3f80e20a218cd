/** A map that forgets: it has the keys that were set last. */
export class RecentMap<Key, Value> {
  readonly #entries = new Map<Key, Value>();

  /** @param most keys, at least 1 */
  constructor(private readonly most: number) {}

  get(key: Key): Value | undefined {
    return this.#entries.get(key);
  }

  set(key: Key, value: Value): void {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    const [oldest] = this.#entries.keys();
    if (this.#entries.size > this.most && oldest !== undefined) this.#entries.delete(oldest);
  }
}
