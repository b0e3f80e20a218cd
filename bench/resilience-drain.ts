import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';
import { OpenAIEmbedder } from '../src/embeddings/openai-embedder.js';
import { registerKeys } from './neighbour-tenants.js';
import { memoryText } from './recall-texts.js';
import { DIMENSIONS, MODEL, type ProviderProcess } from './resilience-provider.js';

export interface Drained {
  readonly memories: number;
  /** Of the provider, for all of them. */
  readonly requests: number;
  /** From the first answer of the provider after it was back until the last memory had its vectors. */
  readonly milliseconds: number;
  /** The same texts embedded, and nothing stored. */
  readonly aloneMilliseconds: number;
}

const MEMORIES = 1_000;
const POLL_MS = 5;
const GIVE_UP_MS = 120_000;

/** Stores memories while the provider refuses everything, and times how they get their vectors once it is back. */
export async function drained(
  url: string,
  provider: ProviderProcess,
  tell: (line: string) => void,
): Promise<Drained> {
  const service = await provider.serve(url);
  const client = new pg.Client(url);
  await client.connect();
  try {
    const [apiKey] = await registerKeys(url, ['drained']);
    const contents = Array.from({ length: MEMORIES }, (_, n) => memoryText(n));
    const isEmpty = async (): Promise<boolean> =>
      (await client.query('SELECT FROM shared.pending_embeddings LIMIT 1')).rows.length === 0;
    // What others left behind.
    await until(isEmpty);
    tell(`${MEMORIES} memories while the provider is away`);
    await provider.behave('refuses');
    await store(service.url, apiKey ?? '', contents);
    const before = await provider.figures();
    await provider.behave('answers');
    tell('the queue drains');
    await until(async () => (await provider.figures()).requests > before.requests);
    const began = performance.now();
    await until(isEmpty);
    const milliseconds = performance.now() - began;
    const { requests } = await provider.figures();
    return {
      memories: MEMORIES,
      requests: requests - before.requests,
      milliseconds,
      aloneMilliseconds: await alone(provider, contents),
    };
  } finally {
    await client.end();
    await service.stop();
  }
}

async function store(serviceUrl: string, apiKey: string, contents: readonly string[]): Promise<void> {
  const response = await fetch(`${serviceUrl}/v1/memories/batch`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ memories: contents.map((content) => ({ agentId: 'agent', content })) }),
  });
  const { memories } = (await response.json()) as { memories?: { embeddingStatus: string }[] };
  if (!memories?.every(({ embeddingStatus }) => embeddingStatus === 'pending'))
    throw new Error(`The memories were to be pending: ${response.status}.`);
}

async function alone(provider: ProviderProcess, contents: readonly string[]): Promise<number> {
  const embedder = new OpenAIEmbedder({ baseURL: provider.baseUrl, model: MODEL, dimensions: DIMENSIONS });
  await embedder.embed(contents.slice(0, 1));
  const began = performance.now();
  await embedder.embed(contents);
  return performance.now() - began;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + GIVE_UP_MS;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error('The queue did not drain.');
    await sleep(POLL_MS);
  }
}
