import type { BaseMessage } from '@langchain/core/messages';
import pg from 'pg';
import { get_encoding } from 'tiktoken';
import type { Message } from '../src/session/message.js';
import { resolveBudget, DEFAULT_TOKEN_BUDGET } from '../src/working-context/token-budget.js';
import { SYSTEM_PROMPT } from './compile-messages.js';
import { LIMIT, postgresStore } from './recall-contestants.js';
import type { Batch, Question } from './recall-data.js';
import { DIMENSIONS, type GivenVectors } from './recall-embedder.js';
import { StockSaver } from './stock-saver.js';

/** A vector index of all tenants together, made as a migration makes it: before there are rows. */
const FIRST_DESIGN = `
  CREATE SCHEMA first_design;
  CREATE TABLE first_design.memories (
    tenant_id text NOT NULL,
    memory_id uuid PRIMARY KEY,
    content text NOT NULL,
    embedding vector(${DIMENSIONS}) NOT NULL
  );
  CREATE INDEX ON first_design.memories (tenant_id);
  CREATE INDEX ON first_design.memories USING ivfflat (embedding vector_cosine_ops) WITH (lists = 100)`;

const FILL_FIRST_DESIGN = `
  INSERT INTO first_design.memories
  SELECT m.tenant_id, m.memory_id, m.content, e.embedding::vector FROM shared.agent_memories m
    JOIN shared.memory_embeddings e USING (tenant_id, memory_id)`;

const NEAREST = `
  SELECT content FROM first_design.memories WHERE tenant_id = $1 ORDER BY embedding <=> $2 LIMIT $3`;

/** Another way to make a prompt of a thread and of memories. */
export interface CompilePeer {
  /** @returns how many messages and memories are in the prompt */
  compile(threadId: string, question: Question): Promise<{ messages: number; memories: number }>;
  close(): Promise<void>;
}

interface Filling {
  readonly url: string;
  readonly embedder: GivenVectors;
  /** Of memories that Triptych has stored. */
  readonly batches: readonly Batch[];
  readonly threads: ReadonlyMap<string, readonly Message[]>;
  readonly connections: number;
  readonly tell: (line: string) => void;
}

/** The same messages and memories for both; they share the threads in LangGraph's saver. */
export async function openPeers({
  url,
  embedder,
  batches,
  threads,
  connections,
  tell,
}: Filling): Promise<Record<string, CompilePeer>> {
  const saver = await StockSaver.open(url, connections);
  for (const [threadId, messages] of threads) await saver.begin(threadId, messages);
  const pool = new pg.Pool({ connectionString: url, max: connections });
  tell('memories into an index of all tenants together');
  await pool.query(FIRST_DESIGN);
  await pool.query(FILL_FIRST_DESIGN);
  const store = await postgresStore(url, embedder);
  tell('memories into PostgresStore');
  await store.fill(batches);
  await pool.query('VACUUM (ANALYZE)');
  const peer = (
    search: (question: Question) => Promise<string[]>,
    close: () => Promise<unknown>,
  ): CompilePeer => ({
    compile: async (threadId, question) => {
      const [messages, memories] = await Promise.all([saver.messages(threadId), search(question)]);
      return trimmed(messages, memories, question.text);
    },
    close: async () => {
      await close();
    },
  });
  return {
    'first design': peer(
      async ({ tenant, vector }) => {
        const parameters = [tenant.id, `[${vector.join(',')}]`, LIMIT];
        return (await pool.query<{ content: string }>(NEAREST, parameters)).rows.map(
          ({ content }) => content,
        );
      },
      () => Promise.all([pool.end(), saver.close()]),
    ),
    LangGraph: peer(
      async ({ tenant, text }) => {
        const found = await store.client.search([tenant.id], { query: text, mode: 'vector', limit: LIMIT });
        return found.map(({ value }) => value['text'] as string);
      },
      () => store.close(),
    ),
  };
}

const budget = resolveBudget(DEFAULT_TOKEN_BUDGET);
const encoder = get_encoding('cl100k_base');

/** The newest messages that fit, and the nearest memories; no more is counted than it takes to know. */
function trimmed(
  messages: readonly BaseMessage[],
  memories: readonly string[],
  task: string,
): { messages: number; memories: number } {
  let room = budget.total - budget.taskAndBuffer - tokensOf(SYSTEM_PROMPT) - tokensOf(task);
  const fits = (text: string): boolean => (room -= tokensOf(text)) >= 0;
  const kept = memories.filter((memory) => fits(memory));
  room = Math.min(room, budget.sessionHistory);
  const cut = messages.findLastIndex((message) => !fits(textOf(message)));
  return { messages: messages.length - 1 - cut, memories: kept.length };
}

function textOf(message: BaseMessage): string {
  const { tool_calls: calls = [] } = message as { tool_calls?: unknown[] };
  return (message.content as string) + (calls.length > 0 ? JSON.stringify(calls) : '');
}

/** With what parts a message from the next. */
function tokensOf(text: string): number {
  return encoder.encode_ordinary(text).length + 4;
}
