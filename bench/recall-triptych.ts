import { checkOptions } from '../src/config/load-options.js';
import type { Database } from '../src/database/database.js';
import { isolatedProduct, type Product } from './product.js';
import { RecallByHand } from './recall-by-hand.js';
import { CALLERS } from './recall-contestants.js';
import { batchesOf, eachOf, storeBatch, type MeasuredTenant } from './recall-data.js';
import { DIMENSIONS, GivenVectors } from './recall-embedder.js';

/** Triptych on one database. */
export interface Filled {
  readonly product: Product & { readonly database: Database };
  readonly embedder: GivenVectors;
}

export interface Filling {
  readonly measured: readonly MeasuredTenant[];
  /** Memories of other tenants. */
  readonly others: number;
  readonly tell: (line: string) => void;
}

/** Through Triptych, so that the rows are as it writes them. */
export async function fill(
  { product, embedder }: Filled,
  byHand: RecallByHand,
  { measured, others, tell }: Filling,
): Promise<void> {
  const batches = batchesOf(measured, others);
  let done = 0;
  await eachOf(batches, CALLERS, async (batch) => {
    await storeBatch(product, embedder, batch);
    const before = Math.floor((10 * done) / batches.length);
    done += 1;
    const tenths = Math.floor((10 * done) / batches.length);
    if (tenths > before) tell(`${10 * tenths} %`);
  });
  await byHand.query('VACUUM (ANALYZE)');
}

/** Lends Triptych on a database, whose schema it brings up to date, and the way by hand. */
export async function withTriptych<T>(
  url: string,
  work: (filled: Filled, byHand: RecallByHand) => Promise<T>,
): Promise<T> {
  const embedder = new GivenVectors();
  const options = checkOptions({
    database: { url, migrateOnStart: true, poolSize: CALLERS },
    embeddings: { dimensions: DIMENSIONS },
  });
  const product = await isolatedProduct(options, embedder);
  const byHand = RecallByHand.open(url);
  try {
    return await work({ product, embedder }, byHand);
  } finally {
    await Promise.all([product.close(), byHand.close()]);
  }
}
