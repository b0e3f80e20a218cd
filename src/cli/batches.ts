import type { Terminal } from './terminal.js';

/** As many as one request takes. */
const MOST_ITEMS = 1_000;
/** Of the items of one request as JSON, below the default of `BODY_LIMIT`, 1 MiB, with room for what stands around them. */
const MOST_BYTES = 900_000;

/**
 * Sends many by as few requests as take them, says how far it is, and when one fails, what became of those before.
 * @param words what they are, and what becomes of them: `memories`, `stored`
 */
export async function sendAll<Item>(
  terminal: Terminal,
  items: readonly Item[],
  words: readonly [plural: string, participle: string],
  send: (batch: Item[]) => Promise<void>,
): Promise<void> {
  const [plural, participle] = words;
  let done = 0;
  for (const batch of batchesOf(items)) {
    try {
      await send(batch);
    } catch (error) {
      if (done > 0) terminal.warn(`The first ${done} of ${items.length} ${plural} are ${participle}.`);
      throw error;
    }
    const isOnly = batch.length === items.length;
    done += batch.length;
    if (!isOnly) terminal.progress(`${done} of ${items.length} ${plural}`);
  }
}

/** In their order. One that is larger than a request should be goes by itself: what is too large, the service says. */
function* batchesOf<Item>(items: readonly Item[]): Generator<Item[]> {
  let batch: Item[] = [];
  let bytes = 0;
  for (const item of items) {
    const more = Buffer.byteLength(JSON.stringify(item)) + 1;
    if (batch.length === MOST_ITEMS || (batch.length > 0 && bytes + more > MOST_BYTES)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(item);
    bytes += more;
  }
  if (batch.length > 0) yield batch;
}
