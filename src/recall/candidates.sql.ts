import { prepared } from '../database/prepared-statements.js';
import { B, K1 } from './bm25.js';
import { NEAREST_MEMORIES, NEAREST_MEMORIES_OF_AGENT } from './nearest-memories.sql.js';
import type { Restriction } from './recall-condition.js';
import { restricted } from './restriction.sql.js';

/** What is known of a candidate without reading it. */
const DOCUMENT = `
  d.memory_id AS "memoryId", d.thread_id AS "threadId", d.seq::float8 AS seq, d.speaker, d.role,
  d.ends_in_question AS "endsInQuestion", d.length, d.chunks AS "chunkCount"`;

/** Of two indexes that look alike to the planner, the order leaves it the one on the whole key: see `prepared`. */
function documentOf(memoryId: string): string {
  return `
        SELECT * FROM shared.recall_documents o
         WHERE o.tenant_id = $1 AND o.memory_id BETWEEN ${memoryId} AND ${memoryId} ORDER BY o.memory_id LIMIT 1`;
}

/**
 * The neighbours of candidates: what stands up to two places from them in their thread. A look-up for each place
 * (OFFSET 0), since a join planned for few memories would scan the thread for each.
 */
function neighboursOf(candidates: string, condition: string): string {
  return `
  SELECT ${DOCUMENT}, NULL::float8 AS lexical, NULL::float8 AS similarity, NULL::int[] AS terms, NULL::float8[] AS parts
    FROM (SELECT thread_id, place FROM ${candidates}, generate_series(seq - 2, seq + 2) place
           WHERE thread_id IS NOT NULL AND seq IS NOT NULL
          EXCEPT SELECT thread_id, seq FROM ${candidates}) n
   CROSS JOIN LATERAL (
     SELECT * FROM shared.recall_documents o
      WHERE o.tenant_id = $1 AND o.thread_id = n.thread_id AND o.seq BETWEEN n.place AND n.place
      ORDER BY o.seq, o.memory_id OFFSET 0) d
   WHERE ${condition}`;
}

/**
 * The memories that BM25 finds for the lexemes of a question, the best chunk of each, with the part that each lexeme
 * has in its score, the similarity of their vectors, and their neighbours, which have neither. $1 tenant,
 * $2 lexemes, $3 their weights, $4 average length of a chunk, $5 how many, $6 model, $7 query vector or null; a
 * condition's parameters from $8 on. Each step is MATERIALIZED: inlined, the same took 61 ms in place of 9.
 */
export function lexicalCandidates(restriction?: Restriction): string {
  const { tables, mayBe, is, areVeryFew } = restricted(restriction);
  const part = `
    t.term::int, t.weight * p.tf * ${K1 + 1} / (p.tf + ${K1} * (${1 - B} + ${B} * p.dl / $4::float8)) AS part`;
  // Few memories are looked up in the postings of each word, which else are all read.
  const ofVeryFew = `
     UNION ALL
    SELECT p.memory_id, p.chunk, ${part}
      FROM allowed w CROSS JOIN term t CROSS JOIN LATERAL (
        SELECT * FROM shared.recall_postings o
         WHERE o.tenant_id = $1 AND o.lexeme = t.lexeme AND o.memory_id = w.memory_id OFFSET 0) p
     WHERE ${areVeryFew}`;
  return `
  WITH ${tables}term AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::float8[]) WITH ORDINALITY AS t (lexeme, weight, term)
  ), part AS MATERIALIZED (
    SELECT p.memory_id, p.chunk, ${part}
      FROM term t CROSS JOIN LATERAL (
        SELECT * FROM shared.recall_postings o WHERE o.tenant_id = $1 AND o.lexeme = t.lexeme OFFSET 0) p
     WHERE NOT ${areVeryFew} AND ${mayBe('p.memory_id')}${restriction?.lookup === undefined ? '' : ofVeryFew}
  ), scored AS MATERIALIZED (
    SELECT memory_id, chunk, sum(part) AS score FROM part GROUP BY memory_id, chunk
  ), best AS MATERIALIZED (
    SELECT DISTINCT ON (memory_id) memory_id, chunk, score FROM scored ORDER BY memory_id, score DESC, chunk
  ), most AS MATERIALIZED (
    -- Sorted before: so no more are checked than it takes to have enough.
    SELECT * FROM (SELECT * FROM best ORDER BY score DESC, memory_id DESC OFFSET 0) b
     WHERE ${is('b.memory_id')} ORDER BY score DESC, memory_id DESC LIMIT $5
  ), found AS MATERIALIZED (
    SELECT d.*, b.score AS lexical, b.terms, b.parts,
           CASE WHEN $7::halfvec IS NOT NULL THEN (
             SELECT 1 - min(e.embedding <=> $7::halfvec) FROM shared.memory_embeddings e
              WHERE e.tenant_id = $1 AND e.agent_id = d.agent_id AND e.memory_id = d.memory_id AND e.model = $6) END
             AS similarity
      FROM (SELECT b.memory_id, b.score, array_agg(p.term ORDER BY p.term) AS terms,
                   array_agg(p.part ORDER BY p.term) AS parts
              FROM most b JOIN part p ON p.memory_id = b.memory_id AND p.chunk = b.chunk
             GROUP BY b.memory_id, b.score) b
     CROSS JOIN LATERAL (${documentOf('b.memory_id')}) d
  )
  SELECT ${DOCUMENT}, d.lexical, d.similarity, d.terms, d.parts FROM found d
  UNION ALL ${neighboursOf('found', is('d.memory_id'))}`;
}

/** The same for all memories of the tenant. */
export const LEXICAL_CANDIDATES = prepared('lexical_candidates', lexicalCandidates());

/**
 * The nearest memories, what is known of them, and their neighbours, in one statement; `exhaustive` as they have it, and of
 * neighbours null. Look-ups (OFFSET 0) as for neighbours. $1 tenant.
 * @param nearest a SELECT of `"memoryId"`, `distance` and `exhaustive`
 * @param options.neighbours a condition on the document `d` of a neighbour
 * @param options.entry columns of `shared.agent_memories` that are read along, of those that are near
 */
export function nearestCandidates(
  nearest: string,
  { neighbours, entry }: { neighbours: string; entry: string | undefined },
): string {
  const candidates = `
  SELECT ${DOCUMENT}, NULL::float8 AS lexical, d.similarity, NULL::int[] AS terms, NULL::float8[] AS parts, d.exhaustive
    FROM found d
  UNION ALL SELECT n.*, NULL::boolean FROM (${neighboursOf('found', neighbours)}) n`;
  return `
  WITH found AS MATERIALIZED (
    SELECT d.*, 1 - n.distance AS similarity, n.exhaustive
      FROM (${nearest}) n CROSS JOIN LATERAL (${documentOf('n."memoryId"')}) d
  ) ${
    entry === undefined
      ? candidates
      : `
  SELECT ${entry}, c.* FROM (${candidates}) c
    LEFT JOIN LATERAL (
      SELECT * FROM shared.agent_memories o
       WHERE c.exhaustive IS NOT NULL AND o.tenant_id = $1 AND o.memory_id BETWEEN c."memoryId" AND c."memoryId"
       ORDER BY o.memory_id LIMIT 1) a ON true`
  }`;
}

/** The nearest of the tenant: parameters of `NEAREST_MEMORIES`. @param entry as above */
export function nearestOfTenant(entry?: string): string {
  return nearestCandidates(NEAREST_MEMORIES, { neighbours: 'true', entry });
}

/** The nearest of an agent: parameters of `NEAREST_MEMORIES_OF_AGENT`. @param entry as above */
export function nearestOfAgent(entry?: string): string {
  return nearestCandidates(NEAREST_MEMORIES_OF_AGENT, { neighbours: 'd.agent_id = $6', entry });
}

prepared('nearest', nearestOfTenant());
prepared('nearest_of_agent', nearestOfAgent());

/**
 * What is known of memories that the vectors found, and their neighbours. $1 tenant, $2 ids; a condition's parameters
 * from $3 on.
 */
export function documents(restriction?: Restriction): string {
  const { tables, is } = restricted(restriction);
  return `
  WITH ${tables}found AS MATERIALIZED (
    SELECT * FROM shared.recall_documents WHERE tenant_id = $1 AND memory_id = ANY ($2::uuid[])
  )
  SELECT ${DOCUMENT}, NULL::float8 AS lexical, NULL::float8 AS similarity, NULL::int[] AS terms, NULL::float8[] AS parts
    FROM found d
  UNION ALL ${neighboursOf('found', is('d.memory_id'))}`;
}
