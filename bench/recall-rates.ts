import type { Operation } from './interleave.js';
import type { Product } from './product.js';
import type { RecallByHand } from './recall-by-hand.js';
import { CALLERS, LIMIT, postgresStore, triptych, type Contestant } from './recall-contestants.js';
import { batchesOf, questionsOfAll, zipfTenants, type Question } from './recall-data.js';
import type { GivenVectors } from './recall-embedder.js';
import { INSTALL_PEERS, isMem0Installed, mem0 } from './recall-mem0.js';
import { memoryText } from './recall-texts.js';
import { throughputOf, type Throughput } from './recall-throughput.js';

export type Kind = 'vectors' | 'both' | 'store' | 'batch';

/** Of each kind of call, by contestant. */
export type Rates = Readonly<Record<Kind, Readonly<Record<string, Throughput>>>>;

export interface RatesTask {
  readonly product: Product;
  readonly embedder: GivenVectors;
  readonly byHand: RecallByHand;
  readonly url: string;
  /** About so many in all. */
  readonly memories: number;
  readonly seconds: number;
  readonly withPeers: boolean;
  readonly tell: (line: string) => void;
}

export interface RatesFound {
  readonly rates: Rates;
  /** What everybody was filled with, and how it was asked. */
  readonly data: string;
  /** Of each contestant's tables, indexes and TOAST, by memory, as they were filled. */
  readonly bytes: Readonly<Record<string, number>>;
  /** Of Triptych, by table. */
  readonly byTable: string;
  readonly notes: readonly string[];
}

const WINDOWS = 5;
const QUESTIONS = 500;
/** Memories of one call. */
const BATCH = 100;
/** Those who store, in turn. */
const WRITERS = 50;
const TABLES: Readonly<Record<string, string>> = {
  Triptych: `schemaname IN ('shared', 'checkpoints')`,
  PostgresStore: `schemaname = 'postgres_store'`,
  mem0ai: `schemaname = 'public' AND tablename LIKE 'mem0%'`,
};

/** The same memories, questions and vectors for every contestant, each asked through its own interface. */
export async function measureRates(task: RatesTask): Promise<RatesFound> {
  const { embedder, byHand, seconds, tell } = task;
  const tenants = zipfTenants(task.memories);
  const total = tenants.reduce((sum, { rows }) => sum + rows, 0);
  const contestants = await contestantsOf(task);
  try {
    const batches = batchesOf(tenants, 0);
    for (const [name, contestant] of Object.entries(contestants)) {
      tell(`${total} memories into ${name}`);
      await contestant.fill(batches);
    }
    const sizes = await Promise.all(Object.keys(contestants).map((name) => bytesOf(byHand, name)));
    const bytes = Object.fromEntries(
      Object.keys(contestants).map((name, place) => [name, sum(sizes[place] ?? []) / total]),
    );
    await byHand.query('VACUUM (ANALYZE)');
    const questions = questionsOfAll(tenants, QUESTIONS, embedder);
    const question = (sample: number): Question => questions[sample % QUESTIONS] as Question;
    const each = (
      kind: Kind,
      call: (contestant: Contestant, sample: number) => Promise<unknown>,
      besides: Readonly<Record<string, Operation>> = {},
    ) => {
      tell(`${NAMES[kind]}, ${CALLERS} at once`);
      const operations = Object.entries(contestants).map(
        ([name, contestant]) => [name, (sample: number) => call(contestant, sample)] as const,
      );
      const ways = { ...Object.fromEntries(operations), ...besides };
      return throughputOf(ways, { callers: CALLERS, seconds, windows: WINDOWS });
    };
    // What answers less does less.
    const complete = async (search: Contestant['searchBoth'], asked: Question): Promise<void> => {
      const found = await search(asked);
      if (found !== Math.min(LIMIT, asked.tenant.rows))
        throw new Error(`A search answered ${found} memories.`);
    };
    const nearestByHand = async (asked: Question): Promise<number> =>
      (await byHand.nearest(asked, LIMIT, 'memories')).length;
    const rates = {
      vectors: await each(
        'vectors',
        ({ searchVectors, searchBoth }, sample) => complete(searchVectors ?? searchBoth, question(sample)),
        { 'by hand': (sample) => complete(nearestByHand, question(sample)) },
      ),
      both: await each('both', ({ searchBoth }, sample) => complete(searchBoth, question(sample))),
      store: await each('store', (contestant, sample) =>
        contestant.store(writer(sample), textsOf(sample, 1)),
      ),
      batch: await each('batch', (contestant, sample) =>
        contestant.store(writer(sample), textsOf(1e8 + sample * BATCH, BATCH)),
      ),
    };
    const missing = task.withPeers && !isMem0Installed();
    return {
      rates,
      data:
        `the same ${total.toLocaleString('en')} memories for everybody, stored by each one's own interface; ` +
        `${tenants.length} tenants, whose sizes follow Zipf's law from ${tenants[0]?.rows ?? 0} down to ` +
        `${tenants.at(-1)?.rows ?? 0}, are asked as often as they have memories, ${CALLERS} at once`,
      bytes,
      byTable: `Of Triptych's bytes: ${listed(sizes[0] ?? [], total)}.`,
      notes: missing ? [`mem0ai was not measured; it is installed by \`${INSTALL_PEERS}\`.`] : [],
    };
  } finally {
    for (const contestant of Object.values(contestants)) await contestant.close();
  }
}

export const NAMES: Readonly<Record<Kind, string>> = {
  vectors: 'search by vectors alone',
  both: 'search by vectors and words',
  store: 'store a memory',
  batch: `store ${BATCH} memories`,
};

async function contestantsOf({ product, embedder, url, withPeers, tell }: RatesTask) {
  const contestants: Record<string, Contestant> = { Triptych: triptych(product, embedder) };
  if (!withPeers) return contestants;
  contestants['PostgresStore'] = await postgresStore(url, embedder);
  if (isMem0Installed()) contestants['mem0ai'] = mem0(url, embedder);
  else tell(`mem0ai is not installed and not measured: run \`${INSTALL_PEERS}\` once`);
  return contestants;
}

interface TableSize {
  readonly name: string;
  readonly bytes: number;
}

/** As they stand, half-filled pages included. */
function bytesOf(byHand: RecallByHand, contestant: string): Promise<TableSize[]> {
  return byHand.query<TableSize>(
    `SELECT tablename AS name, pg_total_relation_size(format('%I.%I', schemaname, tablename))::float8 AS bytes
       FROM pg_tables WHERE ${TABLES[contestant] ?? 'false'} ORDER BY bytes DESC`,
  );
}

function sum(sizes: readonly TableSize[]): number {
  return sizes.reduce((bytes, size) => bytes + size.bytes, 0);
}

function listed(sizes: readonly TableSize[], memories: number): string {
  return sizes
    .map(({ name, bytes }) => ({ name, each: Math.round(bytes / memories) }))
    .filter(({ each }) => each > 0)
    .map(({ name, each }) => `${name} ${each}`)
    .join(', ');
}

function writer(sample: number): string {
  return `${sample % WRITERS}-writer`;
}

function textsOf(first: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => memoryText(first + n));
}
