/** In UTF-16 units. A shorter text is counted in less than half a millisecond. */
const LONG = 1_024;
const MAX_TEXTS = 256;
/** Of all texts together: 32 MB. */
const MAX_UNITS = 16 * 1_024 * 1_024;
/** A longer text is kept as it is: comparing it with a copy of itself would take more than 0.1 ms. */
const MAX_COPIED = 256 * 1_024;

/**
 * The counts of the long texts that were asked for last: system prompts, tasks and instructions are the same from one
 * compile to the next. Finding one again costs a look-up in a map.
 */
export class RecentCounts {
  /** The one that was asked for last stands last. */
  readonly #counts = new Map<string, number>();
  #units = 0;

  get(text: string): number | undefined {
    if (text.length < LONG) return undefined;
    const count = this.#counts.get(text);
    if (count === undefined) return undefined;
    this.#counts.delete(text);
    this.#counts.set(text, count);
    return count;
  }

  set(text: string, count: number): void {
    if (text.length < LONG || text.length > MAX_UNITS) return;
    // Two may have counted it at the same time.
    if (this.#counts.delete(text)) this.#units -= text.length;
    // What is cut out of a longer text keeps the whole of that in memory.
    this.#counts.set(text.length > MAX_COPIED ? text : copyOf(text), count);
    this.#units += text.length;
    for (const [oldest] of this.#counts) {
      if (this.#counts.size <= MAX_TEXTS && this.#units <= MAX_UNITS) break;
      this.#counts.delete(oldest);
      this.#units -= oldest.length;
    }
  }
}

function copyOf(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}
