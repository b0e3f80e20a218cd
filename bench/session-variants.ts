import { AIMessage } from '@langchain/core/messages';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import pg from 'pg';
import type { TriptychOptions } from '../src/config/options.js';
import { conversation, message, turn } from './conversation.js';
import { HandWritten } from './hand-written.js';
import { isolatedProduct, type Product } from './product.js';
import { StockSaver } from './stock-saver.js';

export const TENANT = 'bench';
/** Messages of one call to fill a thread; the most that one may append. */
const BATCH = 1_000;

export type Durability = 'async' | 'sync';

/** One way to keep conversations. */
export interface Variant {
  /** The schemas whose tables it fills. */
  readonly schemas: readonly string[];
  begin(threadId: string, length: number): Promise<void>;
  append(threadId: string, sample: number): Promise<unknown>;
  newest(threadId: string, limit: number): Promise<readonly unknown[]>;
}

/** One that a graph can run on. */
export interface GraphVariant extends Variant {
  /** One run of a graph whose one node answers at once. */
  run(threadId: string, sample: number, durability: Durability): Promise<unknown>;
}

/** The three ways on one database, whose schema it brings up to date. */
export interface Variants {
  readonly triptych: GraphVariant & { page(threadId: string, limit: number): Promise<readonly unknown[]> };
  readonly stock: GraphVariant;
  readonly sql: Variant;
  /** With the rights of a superuser. */
  readonly owner: pg.Pool;
  close(): Promise<void>;
}

export async function openVariants(options: TriptychOptions, url: string): Promise<Variants> {
  const product = await isolatedProduct(options);
  const stock = await StockSaver.open(url);
  const sql = await HandWritten.open(url);
  const owner = new pg.Pool({ connectionString: url, max: 1 });
  return {
    triptych: triptychVariant(product),
    stock: stockVariant(stock),
    sql: {
      schemas: [HandWritten.SCHEMA],
      begin: (threadId, length) => sql.append(TENANT, threadId, conversation(length)),
      append: (threadId, sample) => sql.append(TENANT, threadId, turn(sample)),
      newest: (threadId, limit) => sql.newest(TENANT, threadId, limit),
    },
    owner,
    close: async () => {
      await Promise.all([product.close(), stock.close(), sql.close(), owner.end()]);
    },
  };
}

function triptychVariant({ sessions, tenants }: Product): Variants['triptych'] {
  const graph = conversationGraph(sessions.checkpointer);
  const scoped = <T>(work: () => Promise<T>): Promise<T> => tenants.run(TENANT, work);
  return {
    schemas: ['shared', 'checkpoints'],
    begin: async (threadId, length) => {
      for (let from = 0; from < length; from += BATCH) {
        const batch = conversation(Math.min(BATCH, length - from), from);
        await scoped(() => sessions.appendMessages(threadId, batch));
      }
    },
    append: (threadId, sample) => scoped(() => sessions.appendMessages(threadId, turn(sample))),
    newest: (threadId, limit) => scoped(() => sessions.getSessionMessages(threadId, { limit })),
    page: async (threadId, limit) => (await scoped(() => sessions.getThread(threadId, { limit }))).messages,
    run: (threadId, sample, durability) => scoped(() => graph(threadId, sample, durability)),
  };
}

function stockVariant(stock: StockSaver): GraphVariant {
  return {
    schemas: [StockSaver.SCHEMA],
    begin: (threadId, length) => stock.begin(threadId, conversation(length)),
    append: (threadId, sample) => stock.append(threadId, turn(sample)),
    newest: (threadId, limit) => stock.newest(threadId, limit),
    run: conversationGraph(stock.saver),
  };
}

/** What every agent is at its core: `MessagesAnnotation`, one node, its answer known beforehand. */
function conversationGraph(checkpointer: BaseCheckpointSaver): GraphVariant['run'] {
  const answer = message(1).content;
  const graph = new StateGraph(MessagesAnnotation)
    .addNode('answer', () => ({ messages: [new AIMessage(answer)] }))
    .addEdge(START, 'answer')
    .addEdge('answer', END)
    .compile({ checkpointer });
  return (threadId, sample, durability) =>
    graph.invoke(
      { messages: [{ role: 'user', content: turn(sample)[0]?.content ?? '' }] },
      { configurable: { thread_id: threadId }, durability },
    );
}
