import { B, K1 } from './bm25.js';
import type { SqlPart } from './sql-part.js';

/**
 * Documents that stand in no index of the tenant's and are read from end to end instead: what memories were before
 * they changed, or the messages of a thread. A SELECT of `SCANNED_COLUMNS`, with the tenant as $1:
 * - `id` text, `thread_id`, `seq`, `speaker`, `role`, `ends_in_question`, `length` and `chunks` as a memory's document has,
 * - their postings as four arrays of one length: `lexemes`, `lexeme_chunks`, `frequencies` and `chunk_lengths` (lexemes of the
 *   chunk), and `lexeme_count`, the sum of the third,
 * - `model` and `embeddings`, the vectors of their chunks, or null.
 */
export type ScannedDocuments = SqlPart;

export const SCANNED_COLUMNS = `
  id, thread_id, seq, speaker, role, ends_in_question, length, chunks, lexemes, lexeme_chunks, frequencies, chunk_lengths,
  lexeme_count, model, embeddings`;

/** The columns of postings in arrays, by the name that each has in `shared.recall_postings`. */
export const POSTING_ARRAYS = `
  array_agg(p.lexeme) AS lexemes, array_agg(p.chunk) AS lexeme_chunks, array_agg(p.tf) AS frequencies,
  array_agg(p.dl) AS chunk_lengths, sum(p.tf)::int AS lexeme_count`;

const DOCUMENT = `
  d.id AS "memoryId", d.thread_id AS "threadId", d.seq::float8 AS seq, d.speaker, d.role,
  d.ends_in_question AS "endsInQuestion", d.length, d.chunks AS "chunkCount"`;

/**
 * What BM25 finds among scanned documents, and what is nearest, as `lexicalCandidates` has it, of each up to $5, and
 * their neighbours. $1 to $7 are the same; the parameters of the documents come from $8 on.
 */
export function scannedCandidates(documents: string): string {
  return `
  WITH scanned AS MATERIALIZED (
    SELECT s.id, s.thread_id, s.seq, s.speaker, s.role, s.ends_in_question, s.length, s.chunks,
           CASE WHEN $7::halfvec IS NOT NULL AND s.model = $6
                THEN (SELECT 1 - min(e <=> $7::halfvec) FROM unnest(s.embeddings) e) END AS similarity
      FROM (${documents}) s
  ), term AS MATERIALIZED (
    SELECT * FROM unnest($2::text[], $3::float8[]) WITH ORDINALITY AS t (lexeme, weight, term)
  ), part AS MATERIALIZED (
    SELECT s.id, p.chunk, t.term::int,
           t.weight * p.tf * ${K1 + 1} / (p.tf + ${K1} * (${1 - B} + ${B} * p.dl / $4::float8)) AS part
      FROM (${documents}) s,
           unnest(s.lexemes, s.lexeme_chunks, s.frequencies, s.chunk_lengths) AS p (lexeme, chunk, tf, dl)
      JOIN term t ON t.lexeme = p.lexeme
     WHERE s.lexemes && $2::text[]
  ), scored AS MATERIALIZED (
    SELECT id, chunk, sum(part) AS score FROM part GROUP BY id, chunk
  ), best AS MATERIALIZED (
    SELECT DISTINCT ON (id) id, chunk, score FROM scored ORDER BY id, score DESC, chunk
  ), most AS MATERIALIZED (
    SELECT * FROM best ORDER BY score DESC, id DESC LIMIT $5
  ), told AS MATERIALIZED (
    SELECT m.id, m.score, array_agg(p.term ORDER BY p.term) AS terms, array_agg(p.part ORDER BY p.term) AS parts
      FROM most m JOIN part p ON p.id = m.id AND p.chunk = m.chunk GROUP BY m.id, m.score
  ), nearest AS MATERIALIZED (
    SELECT id FROM scanned WHERE similarity IS NOT NULL ORDER BY similarity DESC, id DESC LIMIT $5
  ), found AS MATERIALIZED (
    SELECT d.*, t.score AS lexical, t.terms, t.parts
      FROM (SELECT id FROM most UNION SELECT id FROM nearest) f JOIN scanned d USING (id) LEFT JOIN told t USING (id)
  )
  SELECT ${DOCUMENT}, d.lexical, d.similarity, d.terms, d.parts FROM found d
  UNION ALL
  SELECT ${DOCUMENT}, NULL, NULL, NULL, NULL
    FROM scanned d
    JOIN (SELECT thread_id, place FROM found, generate_series(seq - 2, seq + 2) place) n
      ON n.thread_id = d.thread_id AND n.place = d.seq
   WHERE d.id NOT IN (SELECT id FROM found)
   GROUP BY d.id, d.thread_id, d.seq, d.speaker, d.role, d.ends_in_question, d.length, d.chunks`;
}
