import { uuidArray } from '../../src/database/binary-parameters.js';
import type { Database } from '../../src/database/database.js';
import { factsOf } from '../../src/memory/memory-facts.js';

/** What a filter can tell of a memory; the rest of it is left empty. */
export interface FilterableMemory {
  readonly memoryId: string;
  readonly agentId: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  readonly threadId: string;
  readonly seq: number;
  readonly speaker: string;
  readonly role: string;
  /** Also when it was stored and last changed. */
  readonly occurredAt: Date;
}

const INSERT = `
  WITH m AS MATERIALIZED (
    SELECT * FROM unnest($2::uuid[], $3::text[], $4::jsonb[], $5::text[], $6::bigint[], $7::text[], $8::text[],
                         $9::timestamptz[]) m (memory_id, agent_id, metadata, thread_id, seq, speaker, role, moment)
  ), stored AS (
    INSERT INTO shared.agent_memories (tenant_id, memory_id, agent_id, content, metadata, created_at, updated_at)
    SELECT $1, memory_id, agent_id, '', metadata, moment, moment FROM m
  ), documented AS (
    INSERT INTO shared.recall_documents
      (tenant_id, memory_id, agent_id, thread_id, seq, speaker, role, occurred_at, ends_in_question, length, chunks,
       content_key, lexemes)
    SELECT $1, memory_id, agent_id, thread_id, seq, speaker, role, moment, false, 0, 1, 0, '{}' FROM m
  ), posted AS (
    INSERT INTO shared.recall_postings (tenant_id, lexeme, memory_id, chunk, tf, dl) SELECT $1, 'word', memory_id, 0, 1, 1 FROM m
  ), counted AS (
    INSERT INTO shared.recall_corpus AS c (tenant_id, shard, chunks, length) SELECT $1, 0, count(*), 0 FROM m
    ON CONFLICT (tenant_id, shard) DO UPDATE SET chunks = c.chunks + excluded.chunks
  )
  INSERT INTO shared.memory_facts (tenant_id, fact, memory_id)
  SELECT $1, * FROM unnest($10::bytea[], $11::uuid[])`;

/** Stores memories that all say `word` and have no vectors. In the scope of the tenant. */
export async function insertFilterable(
  database: Database,
  tenant: string,
  memories: readonly FilterableMemory[],
): Promise<void> {
  const column = <K extends keyof FilterableMemory>(key: K): FilterableMemory[K][] =>
    memories.map((memory) => memory[key]);
  const facts = memories.flatMap(({ memoryId, metadata }) =>
    factsOf(metadata).map((fact) => ({ fact, memoryId })),
  );
  await database.query(INSERT, [
    tenant,
    uuidArray(column('memoryId')),
    column('agentId'),
    column('metadata').map((metadata) => JSON.stringify(metadata)),
    column('threadId'),
    column('seq'),
    column('speaker'),
    column('role'),
    column('occurredAt'),
    facts.map(({ fact }) => fact),
    uuidArray(facts.map(({ memoryId }) => memoryId)),
  ]);
}

/** The n-th of many, of which values return in several rhythms. */
export function filterableMemory(memoryId: string, n: number): FilterableMemory {
  return {
    memoryId,
    agentId: `agent-${n % 3}`,
    metadata: {
      rare: n % 900,
      n,
      tenth: String(n % 10),
      tags: [`tag-${n % 200}`, `tag-${(n + 100) % 200}`],
      trip: { city: `city-${n % 150}` },
      ...(n % 450 === 0 && { marked: true }),
    },
    threadId: `thread-${Math.floor(n / 50)}`,
    seq: n % 50,
    speaker: `speaker-${n % 100}`,
    role: n % 400 === 0 ? 'tool' : n % 2 === 0 ? 'user' : 'assistant',
    occurredAt: new Date(Date.UTC(2026, 0, 1, 0, n)),
  };
}
