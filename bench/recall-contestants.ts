import { v7 as uuidv7 } from 'uuid';
import { PostgresStore } from '@langchain/langgraph-checkpoint-postgres/store';
import pg from 'pg';
import type { Product } from './product.js';
import { eachOf, storeBatch, withMemories, type Batch, type Question } from './recall-data.js';
import { DIMENSIONS, type GivenVectors } from './recall-embedder.js';

/** Callers at the same time, and connections where a contestant has a pool. */
export const CALLERS = 8;
export const LIMIT = 10;
const STORE_SCHEMA = 'postgres_store';

/** One way to keep memories, filled and asked through its own interface. */
export interface Contestant {
  /** Stores what Triptych stores, before anything is measured. */
  fill(batches: readonly Batch[]): Promise<void>;
  /** By vectors alone; absent where there is no such way. @returns how many it found */
  readonly searchVectors?: (question: Question) => Promise<number>;
  /** By vectors and words. */
  readonly searchBoth: (question: Question) => Promise<number>;
  store(tenantId: string, texts: readonly string[]): Promise<unknown>;
  close(): Promise<void>;
}

export function triptych(product: Product, embedder: GivenVectors): Contestant {
  const { memory, tenants } = product;
  const search =
    (mode: 'semantic' | 'hybrid') =>
    async ({ tenant, text }: Question): Promise<number> =>
      (await tenants.run(tenant.id, () => memory.search(text, { mode, limit: LIMIT }))).length;
  return {
    fill: (batches) => eachOf(batches, CALLERS, (batch) => storeBatch(product, embedder, batch)),
    searchVectors: search('semantic'),
    searchBoth: search('hybrid'),
    store: (tenantId, texts) => {
      const memories = texts.map((content) => ({ agentId: 'agent-0', content }));
      const [first] = memories;
      return tenants.run(tenantId, () =>
        first && memories.length === 1 ? memory.store(first) : memory.storeMany(memories),
      );
    },
    close: () => Promise.resolve(),
  };
}

/**
 * LangGraph's store with its defaults, a tenant as a namespace. Its HNSW index is taken away while it is filled and built
 * afterwards, which gives the same index sooner.
 */
export async function postgresStore(
  url: string,
  embedder: GivenVectors,
): Promise<Contestant & { readonly client: PostgresStore }> {
  const store = new PostgresStore({
    connectionOptions: { connectionString: url, max: CALLERS },
    schema: STORE_SCHEMA,
    index: {
      dims: DIMENSIONS,
      embed: (texts: string[]) => embedder.embed(texts),
      fields: ['text'],
    },
  });
  await store.setup();
  const put = (tenantId: string, text: string) => ({ namespace: [tenantId], key: uuidv7(), value: { text } });
  const search =
    (mode: 'vector' | 'hybrid') =>
    async ({ tenant, text }: Question): Promise<number> =>
      (await store.search([tenant.id], { query: text, mode, limit: LIMIT })).length;
  return {
    client: store,
    fill: (batches) =>
      withoutVectorIndex(url, () =>
        eachOf(batches, CALLERS, (batch) =>
          withMemories(batch, embedder, (memories) =>
            store.batch(memories.map(({ content }) => put(batch.tenantId, content))),
          ),
        ),
      ),
    searchVectors: search('vector'),
    searchBoth: search('hybrid'),
    store: (tenantId, texts) => {
      const puts = texts.map((text) => put(tenantId, text));
      const [first] = puts;
      return first && puts.length === 1
        ? store.put(first.namespace, first.key, first.value)
        : store.batch(puts);
    },
    close: () => store.stop(),
  };
}

async function withoutVectorIndex(url: string, work: () => Promise<void>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ name: string; definition: string }>(
      `SELECT format('%I.%I', schemaname, indexname) AS name, indexdef AS definition FROM pg_indexes
        WHERE schemaname = $1 AND indexdef LIKE '%USING hnsw%'`,
      [STORE_SCHEMA],
    );
    for (const { name } of rows) await client.query(`DROP INDEX ${name}`);
    await work();
    // With less the graph does not fit, and is built several times as slowly.
    await client.query(`SET maintenance_work_mem = '1GB'`);
    for (const { definition } of rows) await client.query(definition);
  } finally {
    await client.end();
  }
}
