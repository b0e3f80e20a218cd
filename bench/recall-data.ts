import type { NewMemory } from '../src/memory/memory-input.js';
import type { Product } from './product.js';
import { DIMENSIONS, type GivenVectors } from './recall-embedder.js';
import { memoryText, questionOn } from './recall-texts.js';
import { ClusteredVectors, hashOf } from './recall-vectors.js';

/** A tenant of a known size, with questions to ask of it. */
export interface MeasuredTenant {
  readonly id: string;
  readonly rows: number;
}

export interface Question {
  readonly tenant: MeasuredTenant;
  readonly text: string;
  readonly vector: number[];
}

/** Memories of one tenant that are stored by one call. */
export interface Batch {
  readonly tenantId: string;
  /** Of the first memory among the tenant's. */
  readonly from: number;
  readonly count: number;
  readonly tenantRows: number;
}

/** Rows of each tenant that is there only because others are. */
const ROWS_OF_OTHERS = 1_000;
const BATCH = 500;
const AGENTS = 3;

/** No name begins with another: a peer takes the names that begin with a namespace for the namespace. */
export function tenantOf(rows: number): MeasuredTenant {
  return { id: `${rows}-rows`, rows };
}

/** A thousand tenants, or one for each 50 memories, whose sizes follow Zipf's law: the nth has an nth of the largest. */
export function zipfTenants(memories: number): MeasuredTenant[] {
  const count = Math.min(1_000, Math.ceil(memories / 50));
  const shares = Array.from({ length: count }, (_, n) => 1 / (n + 1));
  const largest = memories / shares.reduce((sum, share) => sum + share, 0);
  return shares.map((share, n) => ({ id: `${n}-tenant`, rows: Math.max(1, Math.round(largest * share)) }));
}

/**
 * The calls that fill a database: those of the measured tenants scattered among those of others, as if all had been at
 * work at the same time.
 */
export function batchesOf(measured: readonly MeasuredTenant[], others: number): Batch[] {
  const tenants = [...measured];
  for (let rows = 0, n = 0; rows < others; rows += ROWS_OF_OTHERS, n += 1)
    tenants.push({ id: `${n}-other`, rows: Math.min(ROWS_OF_OTHERS, others - rows) });
  return tenants
    .flatMap(({ id, rows }) =>
      Array.from({ length: Math.ceil(rows / BATCH) }, (_, n) => ({
        tenantId: id,
        from: n * BATCH,
        count: Math.min(BATCH, rows - n * BATCH),
        tenantRows: rows,
      })),
    )
    .sort((one, other) => placeOf(one) - placeOf(other));
}

/** The memories of a batch, their vectors given to the embedder until `work` is done. */
export async function withMemories<T>(
  { tenantId, from, count, tenantRows }: Batch,
  embedder: GivenVectors,
  work: (memories: NewMemory[]) => Promise<T>,
): Promise<T> {
  const vectors = new ClusteredVectors(tenantId, { count: tenantRows, dimensions: DIMENSIONS });
  const memories = Array.from({ length: count }, (_, place) => ({
    agentId: `agent-${(from + place) % AGENTS}`,
    content: textOf(tenantId, from + place),
  }));
  memories.forEach(({ content }, place) => {
    embedder.give(content, vectors.at(from + place));
  });
  try {
    return await work(memories);
  } finally {
    embedder.forget(memories.map(({ content }) => content));
  }
}

/** Fills Triptych's tables through Triptych. */
export async function storeBatch(
  { memory, tenants }: Pick<Product, 'memory' | 'tenants'>,
  embedder: GivenVectors,
  batch: Batch,
): Promise<void> {
  await withMemories(batch, embedder, (memories) =>
    tenants.run(batch.tenantId, () => memory.storeMany(memories)),
  );
}

/** Questions on memories of the tenant: as many as asked for, and at most as many as there are memories. */
export function questionsOf(tenant: MeasuredTenant, count: number, embedder: GivenVectors): Question[] {
  return Array.from({ length: Math.min(count, tenant.rows) }, (_, n) => questionAt(tenant, n, embedder));
}

/** Questions on memories of many tenants, any memory as likely as any other: who has more asks more. */
export function questionsOfAll(
  tenants: readonly MeasuredTenant[],
  count: number,
  embedder: GivenVectors,
): Question[] {
  const total = tenants.reduce((sum, { rows }) => sum + rows, 0);
  return Array.from({ length: count }, (_, n) => {
    // Multiples of the golden ratio spread evenly, however many there are.
    let place = Math.floor(((n * 0.618_033_988_749_895) % 1) * total);
    for (const tenant of tenants) {
      if (place < tenant.rows) return questionAt(tenant, place, embedder);
      place -= tenant.rows;
    }
    throw new Error('There is nobody to ask.');
  });
}

/** By the words of the nth memory, and around the centre of one of the tenant's vectors; the embedder knows it. */
function questionAt(tenant: MeasuredTenant, n: number, embedder: GivenVectors): Question {
  const vectors = new ClusteredVectors(tenant.id, { count: tenant.rows, dimensions: DIMENSIONS });
  const text = questionOn(numberOf(tenant.id, n));
  const vector = vectors.at(n, 'question');
  embedder.give(text, vector);
  return { tenant, text, vector };
}

/** Does something with every item, several at once. */
export async function eachOf<T>(
  items: readonly T[],
  callers: number,
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    for (let place = next++; place < items.length; place = next++) await work(items[place] as T);
  };
  await Promise.all(Array.from({ length: callers }, caller));
}

function textOf(tenantId: string, n: number): string {
  return memoryText(numberOf(tenantId, n));
}

/** Other texts for every tenant. */
function numberOf(tenantId: string, n: number): number {
  return (hashOf(tenantId) + n) >>> 0;
}

function placeOf({ tenantId, from }: Batch): number {
  return hashOf(`${tenantId} ${from}`);
}
