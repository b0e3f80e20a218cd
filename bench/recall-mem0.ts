import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CALLERS, LIMIT, type Contestant } from './recall-contestants.js';
import { eachOf, withMemories, type Question } from './recall-data.js';
import { DIMENSIONS, type GivenVectors } from './recall-embedder.js';

/** What is used here of `mem0ai/oss`, which is no dependency of this package. */
interface Mem0 {
  add(messages: string | Message[], options: { userId: string; infer: false }): Promise<unknown>;
  search(query: string, options: SearchOptions): Promise<{ results: unknown[] }>;
  /** Its connections, which it closes nowhere itself. */
  readonly vectorStore?: { close?(): Promise<void> };
  readonly _entityStore?: { close?(): Promise<void> };
}
interface Message {
  readonly role: 'user';
  readonly content: string;
}
interface SearchOptions {
  readonly filters: { readonly user_id: string };
  readonly topK: number;
  readonly threshold: number;
}
interface Mem0Module {
  readonly Memory: new (config: object) => Mem0;
}

/** From the sources, or from what is built of them in `dist`. */
const PEERS = [
  join(import.meta.dirname, 'peers'),
  join(import.meta.dirname, '..', '..', 'bench', 'peers'),
].find((folder) => existsSync(join(folder, 'package.json')));

export const INSTALL_PEERS = 'npm ci --prefix bench/peers';

/** Without it a suite measures the others. */
export function isMem0Installed(): boolean {
  return PEERS !== undefined && existsSync(join(PEERS, 'node_modules', 'mem0ai'));
}

/**
 * mem0 with its store on pgvector, its own defaults there (no HNSW), and no language model: `infer: false` keeps texts as
 * they are. It has one connection and one kind of search, by vectors and words.
 */
export function mem0(url: string, embedder: GivenVectors): Contestant {
  if (PEERS === undefined) throw new Error('There is no folder bench/peers.');
  // Where it keeps an identity of this machine.
  const folder = mkdtempSync(join(tmpdir(), 'triptych-bench-mem0-'));
  // Both are read when it is imported.
  process.env['MEM0_TELEMETRY'] = 'false';
  process.env['MEM0_DIR'] = folder;
  const { Memory } = createRequire(join(PEERS, 'package.json'))('mem0ai/oss') as Mem0Module;
  const model = {
    embedQuery: (text: string) => Promise.resolve(embedder.vectorOf(text)),
    embedDocuments: (texts: string[]) => embedder.embed(texts),
    invoke: () => Promise.reject(new Error('No language model is asked.')),
  };
  const memory = new Memory({
    embedder: { provider: 'langchain', config: { model, embeddingDims: DIMENSIONS } },
    llm: { provider: 'langchain', config: { model } },
    vectorStore: {
      provider: 'pgvector',
      config: {
        connectionString: url,
        collectionName: 'mem0',
        dimension: DIMENSIONS,
        embeddingModelDims: DIMENSIONS,
      },
    },
    // Of its history, which is SQLite, nothing is measured.
    disableHistory: true,
  });
  const add = (tenantId: string, texts: readonly string[]): Promise<unknown> =>
    memory.add(
      texts.map((content) => ({ role: 'user', content })),
      { userId: tenantId, infer: false },
    );
  return {
    fill: (batches) =>
      eachOf(batches, CALLERS, (batch) =>
        withMemories(batch, embedder, (memories) =>
          add(
            batch.tenantId,
            memories.map(({ content }) => content),
          ),
        ),
      ),
    searchBoth: async ({ tenant, text }: Question) => {
      const options = { filters: { user_id: tenant.id }, topK: LIMIT, threshold: 0 };
      return (await memory.search(text, options)).results.length;
    },
    store: add,
    close: async () => {
      await memory.vectorStore?.close?.();
      await memory._entityStore?.close?.();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
