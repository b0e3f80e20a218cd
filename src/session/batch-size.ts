/** How long a batch should take to embed, in milliseconds. */
const TAKES_MS = 1_000;
/** No fewer are tried because they took long: then it is the request that takes long, and not the number. */
const SLOW = 16;
/** For how long no more are tried than after a failure, in milliseconds. */
const WARY_MS = 600_000;

/**
 * How many texts are embedded at a time: as many as take about a second, but 16 if they can be, and a fourth of what failed. Whether a provider
 * takes no more at once, is slow or was away for a moment cannot be told, so no more than that are tried for ten minutes.
 */
export class BatchSize {
  /** At least 1. */
  value: number;
  #cap: number;
  #waryUntil = -Infinity;

  /**
   * @param most and as many at first; at least 1
   * @param clock in milliseconds
   */
  constructor(
    private readonly most: number,
    private readonly clock: () => number = () => performance.now(),
  ) {
    this.value = most;
    this.#cap = most;
  }

  /** So many were embedded, in so many milliseconds. */
  succeeded(count: number, ms: number): void {
    if (this.clock() >= this.#waryUntil) this.#cap = this.most;
    const fitting = Math.floor((count * TAKES_MS) / Math.max(1, ms));
    this.value = Math.min(this.#cap, 2 * this.value, Math.max(SLOW, fitting));
  }

  /** So many were not embedded, for a reason that may be their number, or one among them. */
  failed(count: number): void {
    this.value = this.#cap = Math.max(1, Math.floor(count / 4));
    this.#waryUntil = this.clock() + WARY_MS;
  }

  /** It was not their number, for a single one failed. */
  forget(): void {
    this.#cap = this.most;
  }
}
