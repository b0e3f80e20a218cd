import { createHash } from 'node:crypto';
import pg from 'pg';
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
/** Each memory's vector is the sum of two of these, normalised: made in the database, so that loading is quick. */
const BASE_VECTORS = 512;

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

const EMBEDDINGS = `
  INSERT INTO shared.memory_embeddings (tenant_id, memory_id, agent_id, model, embedding)
  SELECT id, ${uuidOf(`id || ' ' || m`)}, 'agent-' || m % 3, '${MODEL}', l2_normalize(a.vector + b.vector)
    FROM tenants, generate_series(1, memories) AS m,
         LATERAL (SELECT abs(hashtext(id || ' ' || m)) AS hash) h
    JOIN base a ON a.n = h.hash % ${BASE_VECTORS}
    JOIN base b ON b.n = h.hash / ${BASE_VECTORS} % ${BASE_VECTORS}`;

const THREADS = `
  CREATE TEMP TABLE threads AS
  SELECT id, 'short-' || s AS thread, ${SHORT.messages} AS messages FROM tenants, generate_series(1, ${SHORT.threads}) AS s
  UNION ALL SELECT id, 'long', ${LONG.messages} FROM tenants WHERE n % ${LONG.everyNthTenant} = 0`;

const SESSIONS = `
  INSERT INTO shared.sessions (tenant_id, thread_id, session_id, version, message_count, last_seq)
  SELECT id, thread, ${uuidOf(`id || ' ' || thread`)}, messages, messages, messages FROM threads`;

const MESSAGES = `
  INSERT INTO shared.session_messages (tenant_id, session_id, seq, message_id, format, body, tokens)
  SELECT id, ${uuidOf(`id || ' ' || thread`)}, seq, 'message-' || seq, 'openai',
         json_build_object('role', CASE seq % 2 WHEN 1 THEN 'user' ELSE 'assistant' END,
                           'content', repeat(md5(seq::text) || ' ', 6)),
         110
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
    await client.query(
      `CREATE TEMP TABLE base (n int PRIMARY KEY, vector halfvec(${DIMENSIONS})) ON COMMIT DROP`,
    );
    const vectors = unitVectors(BASE_VECTORS, DIMENSIONS, 1).map((vector) => JSON.stringify(vector));
    await client.query(
      'INSERT INTO base SELECT place - 1, v::halfvec FROM unnest($1::text[]) WITH ORDINALITY AS t (v, place)',
      [vectors],
    );
    // A parameter may not stand in CREATE TABLE AS; these are numbers that the command has checked.
    await client.query(TENANTS.replace('$1', String(tenants)).replace('$2', String(largest)));
    for (const sql of [MEMORIES, EMBEDDINGS, THREADS, SESSIONS, MESSAGES]) await client.query(sql);
    await client.query('COMMIT');
    await client.query('VACUUM ANALYZE');
  } finally {
    await client.end();
  }
}
