import { B, K1 } from './bm25.js';

/** The rows `m` on which a condition can be. */
export const MEMORIES = `(
  SELECT a.tenant_id, a.memory_id, a.agent_id, a.metadata, a.created_at, a.updated_at,
         r.thread_id, r.seq, r.speaker, r.role, r.occurred_at
    FROM shared.agent_memories a JOIN shared.recall_documents r USING (tenant_id, memory_id)) m`;

/** What is known of a candidate without reading it. */
const DOCUMENT = `
  d.memory_id AS "memoryId", d.thread_id AS "threadId", d.seq::float8 AS seq, d.speaker, d.role,
  d.ends_in_question AS "endsInQuestion", d.length, d.chunks AS "chunkCount"`;

/**
 * The neighbours of candidates: what stands up to two places from them in their thread. A look-up for each place
 * (OFFSET 0), since a join planned for few memories would scan the thread for each.
 */
function neighboursOf(candidates: string, among: string): string {
  return `
  SELECT ${DOCUMENT}, NULL::float8 AS lexical, NULL::float8 AS similarity, NULL::int[] AS terms, NULL::float8[] AS parts
    FROM (SELECT thread_id, place FROM ${candidates}, generate_series(seq - 2, seq + 2) place
           WHERE thread_id IS NOT NULL AND seq IS NOT NULL
          EXCEPT SELECT thread_id, seq FROM ${candidates}) n
   CROSS JOIN LATERAL (
     SELECT * FROM shared.recall_documents o
      WHERE o.tenant_id = $1 AND o.thread_id = n.thread_id AND o.seq = n.place OFFSET 0) d
   WHERE true ${among}`;
}

/**
 * Only memories of which a condition on `m` is true: the columns of `shared.agent_memories`, and what
 * `shared.recall_documents` knows of them.
 */
function allowed(condition: string | undefined): {
  readonly ids: string;
  readonly among: (id: string) => string;
} {
  if (condition === undefined) return { ids: '', among: () => '' };
  return {
    ids: `allowed AS MATERIALIZED (SELECT m.memory_id FROM ${MEMORIES} WHERE m.tenant_id = $1 AND ${condition}), `,
    among: (id) => `AND ${id} IN (SELECT memory_id FROM allowed)`,
  };
}

/**
 * The memories that BM25 finds for the lexemes of a question, the best chunk of each, with the part that each lexeme
 * has in its score, the similarity of their vectors, and their neighbours, which have neither. $1 tenant,
 * $2 lexemes, $3 their weights, $4 average length of a chunk, $5 how many, $6 model, $7 query vector or null; a
 * condition's parameters from $8 on. Each step is MATERIALIZED: inlined, the same took 61 ms in place of 9.
 */
export function lexicalCandidates(condition?: string): string {
  const { ids, among } = allowed(condition);
  return `
  WITH ${ids}term AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::float8[]) WITH ORDINALITY AS t (lexeme, weight, term)
  ), part AS MATERIALIZED (
    SELECT p.memory_id, p.chunk, t.term::int,
           t.weight * p.tf * ${K1 + 1} / (p.tf + ${K1} * (${1 - B} + ${B} * p.dl / $4::float8)) AS part
      FROM term t JOIN shared.recall_postings p ON p.tenant_id = $1 AND p.lexeme = t.lexeme
     WHERE true ${among('p.memory_id')}
  ), scored AS MATERIALIZED (
    SELECT memory_id, chunk, sum(part) AS score FROM part GROUP BY memory_id, chunk
  ), best AS MATERIALIZED (
    SELECT DISTINCT ON (memory_id) memory_id, chunk, score FROM scored ORDER BY memory_id, score DESC, chunk
  ), most AS MATERIALIZED (
    SELECT * FROM best ORDER BY score DESC, memory_id DESC LIMIT $5
  ), found AS MATERIALIZED (
    SELECT d.*, b.score AS lexical, t.terms, t.parts,
           CASE WHEN $7::halfvec IS NOT NULL THEN (
             SELECT 1 - min(e.embedding <=> $7::halfvec) FROM shared.memory_embeddings e
              WHERE e.tenant_id = $1 AND e.agent_id = d.agent_id AND e.memory_id = d.memory_id AND e.model = $6) END
             AS similarity
      FROM most b
      JOIN shared.recall_documents d ON d.tenant_id = $1 AND d.memory_id = b.memory_id
      JOIN (SELECT p.memory_id, array_agg(p.term ORDER BY p.term) AS terms, array_agg(p.part ORDER BY p.term) AS parts
              FROM most b JOIN part p ON p.memory_id = b.memory_id AND p.chunk = b.chunk
             GROUP BY p.memory_id) t ON t.memory_id = b.memory_id
  )
  SELECT ${DOCUMENT}, d.lexical, d.similarity, d.terms, d.parts FROM found d
  UNION ALL ${neighboursOf('found', among('d.memory_id'))}`;
}

/**
 * What is known of memories that the vectors found, and their neighbours. $1 tenant, $2 ids; a condition's parameters
 * from $3 on.
 */
export function documents(condition?: string): string {
  const { ids, among } = allowed(condition);
  return `
  WITH ${ids}found AS MATERIALIZED (
    SELECT * FROM shared.recall_documents WHERE tenant_id = $1 AND memory_id = ANY ($2::uuid[])
  )
  SELECT ${DOCUMENT}, NULL::float8 AS lexical, NULL::float8 AS similarity, NULL::int[] AS terms, NULL::float8[] AS parts
    FROM found d
  UNION ALL ${neighboursOf('found', among('d.memory_id'))}`;
}
