import { createHash } from 'node:crypto';
import pg from 'pg';
import { halfvecArray, uuidArray, varbitArray } from '../src/database/binary-parameters.js';
import { signBits } from '../src/recall/sign-bits.js';
import { vectorSpaceOf } from '../src/embeddings/vector-space.js';
import { INSERT_EMBEDDINGS } from './hand-written.js';
import type { Effort } from './suite.js';
import { unitVectors } from './vectors.js';

export const DIMENSIONS = 1_536;
export const MODEL = 'bench';
export const LARGEST = 'largest';
/** Messages of the threads `short-1` … `short-10` and of the one thread `long` of every tenth tenant. */
export const SHORT = { threads: 10, messages: 50 } as const;
export const LONG = { everyNthTenant: 10, messages: 1_000 } as const;
const SMALLEST = 10;
const SMALL = 200;
/** Each memory's vector is the sum of two of these, normalised. */
const BASE_VECTORS = 512;
const BATCH = 500;

/** The name of the nth small tenant, from 1. */
export function smallTenant(n: number): string {
  return `tenant-${n}`;
}

/** The id of a tenant's nth memory, from 1. */
export function memoryId(tenant: string, n: number): string {
  const hex = createHash('md5').update(`${tenant} ${n}`).digest('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `7${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20),
  ].join('-');
}

/** The same in the database: a UUIDv7 by its form, made of a text. */
const uuidOf = (text: string): string =>
  `overlay(overlay(md5(${text}) placing '7' from 13) placing '8' from 17)::uuid`;

const TENANTS = `
  CREATE TEMP TABLE tenants AS
  SELECT 'tenant-' || n AS id, n, ${SMALLEST} + (n * 7919) % ${SMALL - SMALLEST + 1} AS memories
    FROM generate_series(1, $1::int) AS n
  UNION ALL SELECT '${LARGEST}', 0, $2::int`;

const MEMORIES = `
  INSERT INTO shared.agent_memories (tenant_id, memory_id, agent_id, content, metadata, created_at)
  SELECT id, ${uuidOf(`id || ' ' || m`)}, 'agent-' || m % 3,
         'Memory ' || m || ' of ' || id || ': ' || repeat(md5(m::text) || ' ', 5),
         jsonb_build_object('number', m, 'kind', 'preference'),
         timestamptz '2026-01-01' + m * interval '1 minute'
    FROM tenants, generate_series(1, memories) AS m`;

/** Their index by words, each memory one chunk, as storing would write it. */
const POSTINGS = `
  INSERT INTO shared.recall_postings (tenant_id, lexeme, memory_id, chunk, tf, dl)
  SELECT tenant_id, lexeme, memory_id, 0, tf, sum(tf) OVER (PARTITION BY tenant_id, memory_id)
    FROM (SELECT tenant_id, memory_id, lexeme, cardinality(positions) AS tf
            FROM shared.agent_memories, unnest(to_tsvector('english', content))) l`;

const CORPUS = `
  INSERT INTO shared.recall_corpus (tenant_id, shard, chunks, length)
  SELECT tenant_id, 0, count(*), sum(dl) FROM (SELECT DISTINCT tenant_id, memory_id, dl FROM shared.recall_postings) c
   GROUP BY tenant_id`;

const DOCUMENTS = `
  INSERT INTO shared.recall_documents
    (tenant_id, memory_id, agent_id, ends_in_question, length, chunks, content_key, lexemes)
  SELECT tenant_id, memory_id, agent_id, false, length(content), 1, 0, lexemes
    FROM shared.agent_memories
    JOIN (SELECT tenant_id, memory_id, array_agg(lexeme) AS lexemes FROM shared.recall_postings GROUP BY 1, 2) l
   USING (tenant_id, memory_id)`;

const THREADS = `
  CREATE TEMP TABLE threads AS
  SELECT id, 'short-' || s AS thread, ${SHORT.messages} AS messages FROM tenants, generate_series(1, ${SHORT.threads}) AS s
  UNION ALL SELECT id, 'long', ${LONG.messages} FROM tenants WHERE n % ${LONG.everyNthTenant} = 0`;

const SESSIONS = `
  INSERT INTO shared.sessions (tenant_id, thread_id, session_id, version, message_count, last_seq)
  SELECT id, thread, ${uuidOf(`id || ' ' || thread`)}, messages, messages, messages FROM threads`;

const MESSAGES = `
  INSERT INTO shared.session_messages (tenant_id, session_id, seq, message_id, format, body, tokens, encoding)
  SELECT id, ${uuidOf(`id || ' ' || thread`)}, seq, 'message-' || seq, 'openai',
         json_build_object('role', CASE seq % 2 WHEN 1 THEN 'user' ELSE 'assistant' END,
                           'content', repeat(md5(seq::text) || ' ', 6)),
         110, 'cl100k_base'
    FROM threads, generate_series(1, messages) AS seq`;

/**
 * Fills a migrated database with the rights of its owner, a superuser, past every policy: small tenants of
 * 10 to 200 memories, one large one, and sessions for each. The same data for the same effort.
 */
export async function load(url: string, { tenants, largest }: Effort): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('BEGIN');
    // A parameter may not stand in CREATE TABLE AS; these are numbers that the command has checked.
    await client.query(TENANTS.replace('$1', String(tenants)).replace('$2', String(largest)));
    for (const sql of [MEMORIES, POSTINGS, CORPUS, DOCUMENTS, THREADS, SESSIONS, MESSAGES])
      await client.query(sql);
    await embed(client);
    await client.query('COMMIT');
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}

/** Gives every memory its vector. */
async function embed(client: pg.Client): Promise<void> {
  const bases = unitVectors(BASE_VECTORS, DIMENSIONS, 1);
  const { rows } = await client.query<{ tenantId: string; agentId: string; memoryId: string }>(
    `SELECT tenant_id AS "tenantId", agent_id AS "agentId", memory_id AS "memoryId" FROM shared.agent_memories
      ORDER BY tenant_id, memory_id`,
  );
  for (let from = 0, to: number; from < rows.length; from = to) {
    const { tenantId } = rows[from] as { tenantId: string };
    to = from + 1;
    while (to < from + BATCH && rows[to]?.tenantId === tenantId) to += 1;
    const batch = rows.slice(from, to);
    const vectors = batch.map((_, index) => between(bases, from + index));
    await client.query(INSERT_EMBEDDINGS, [
      tenantId,
      vectorSpaceOf({ model: MODEL, dimensions: DIMENSIONS }),
      batch.map(({ agentId }) => agentId),
      batch.map(() => 0),
      uuidArray(batch.map(({ memoryId: id }) => id)),
      varbitArray(vectors.map((vector) => signBits(vector))),
      halfvecArray(vectors),
    ]);
  }
}

function between(bases: readonly number[][], n: number): number[] {
  const one = bases[(n * 7919) % bases.length] as number[];
  const other = bases[(n * 104_729 + 1) % bases.length] as number[];
  const sum = one.map((value, index) => value + (other[index] as number));
  const length = Math.hypot(...sum);
  return sum.map((value) => value / length);
}
