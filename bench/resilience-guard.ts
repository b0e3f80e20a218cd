import { checkOptions } from '../src/config/load-options.js';
import type { TriptychSettings } from '../src/config/options.js';
import { createEmbedder } from '../src/embeddings/create-embedder.js';
import { Embedders } from '../src/embeddings/embedders.js';
import { OpenAIEmbedder } from '../src/embeddings/openai-embedder.js';
import { EmbeddingBacklog } from '../src/memory/embedding-backlog.js';
import { interleave, type Operation } from './interleave.js';
import { isolatedProduct, type Product } from './product.js';
import { memoryText, questionOn } from './recall-texts.js';
import { DIMENSIONS, MODEL, type ProviderProcess } from './resilience-provider.js';
import type { Bench, Comparison } from './suite.js';

const CALLERS = [1, 8];
/** What a search finds something in. */
const MEMORIES = 1_000;

/** Store and search of a provider that answers, with all that is there for one that does not, and without. */
export async function guardCost(
  url: string,
  provider: ProviderProcess,
  { effort, tell }: Pick<Bench, 'effort' | 'tell'>,
): Promise<Comparison[]> {
  const settings: TriptychSettings = {
    database: { url, migrateOnStart: true, poolSize: Math.max(...CALLERS) },
    embeddings: { provider: 'openai', baseUrl: provider.baseUrl, model: MODEL, dimensions: DIMENSIONS },
  };
  const options = checkOptions(settings);
  const guarded = await isolatedProduct(options, createEmbedder(options.embeddings));
  const bare = await isolatedProduct(
    options,
    new OpenAIEmbedder({ baseURL: provider.baseUrl, model: MODEL, dimensions: DIMENSIONS }),
  );
  const worker = new EmbeddingBacklog(
    guarded.database,
    options,
    new Embedders(createEmbedder(options.embeddings)),
    guarded.tenants,
  );
  worker.onApplicationBootstrap();
  try {
    const comparisons: Comparison[] = [];
    tell(`${MEMORIES} memories`);
    await fill(guarded);
    for (const [operation, way] of Object.entries({ 'store a memory': store, search }))
      for (const callers of CALLERS) {
        tell(`${operation}, ${callers} at once, with guard and without`);
        const variants = { Triptych: way(guarded, 'guarded'), without: way(bare, 'bare') };
        const timings = await interleave(variants, { iterations: effort.iterations, callers });
        comparisons.push({ operation, callers, timings });
      }
    return comparisons;
  } finally {
    await worker.beforeApplicationShutdown();
    await Promise.all([guarded.close(), bare.close()]);
  }
}

async function fill({ memory, tenants }: Product): Promise<void> {
  await tenants.run('bench', () =>
    memory.storeMany(
      Array.from({ length: MEMORIES }, (_, n) => ({ agentId: 'agent', content: memoryText(n) })),
    ),
  );
}

/** Each variant stores for a tenant of its own, so that both meet tables of one size. */
function store({ memory, tenants }: Product, tenantId: string): Operation {
  return (sample) =>
    tenants.run(tenantId, () => memory.store({ agentId: 'agent', content: memoryText(MEMORIES + sample) }));
}

function search({ memory, tenants }: Product): Operation {
  return (sample) => tenants.run('bench', () => memory.search(questionOn(sample % MEMORIES)));
}
