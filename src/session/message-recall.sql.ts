import { lexemesOf, postingsOf } from '../recall/recall-index.sql.js';
import { POSTING_ARRAYS, SCANNED_COLUMNS } from '../recall/scanned.sql.js';

/** The tenant's text search configuration, or the default. */
const textSearch = (byDefault: string): string =>
  `coalesce((SELECT text_search FROM shared.recall_settings WHERE tenant_id = $1), ${byDefault}::text)`;

const MESSAGES = `
  shared.sessions s JOIN shared.session_messages m
    ON m.tenant_id = $1 AND m.session_id = s.session_id AND m.namespace = '' AND m.live`;

const SAME_MESSAGE = `
  i.tenant_id = $1 AND i.session_id = m.session_id AND i.namespace = '' AND i.seq = m.seq AND i.revision = m.revision`;

/**
 * The newest messages of a thread that nothing finds yet, or only what another configuration or model made: $1 tenant,
 * $2 thread, $3 default configuration, $4 model, or null where no vectors are asked for, $5 how many.
 */
export const READ_UNINDEXED = `
  SELECT s.session_id AS "sessionId", m.seq, m.revision, m.format, m.body, m.created_at AS "createdAt",
         ${textSearch('$3')} AS "textSearch"
    FROM ${MESSAGES}
   WHERE s.tenant_id = $1 AND s.thread_id = $2 AND NOT EXISTS (
     SELECT FROM shared.recall_messages i
      WHERE ${SAME_MESSAGE} AND ($4::text IS NULL OR i.model = $4) AND i.text_search = ${textSearch('$3')})
   ORDER BY m.seq DESC LIMIT $5`;

/**
 * Writes what finds messages: $1 tenant, $2 session, $3 configuration, $4 model, '' without vectors; of messages $5 places in the thread,
 * $6 revisions, $7 speakers, $8 roles, $9 whether they end in a question, $10 lengths, $11 how many chunks; of chunks
 * $12 the place of the message in these lists, $13 numbers, $14 headings, $15 bodies, $16 vectors. A message that is gone
 * meanwhile is left out, and its row is held until the commit, lest it go before what refers to it is there. All searches write
 * in one order, the newest first: else two of one thread would wait for each other.
 */
export const INDEX_MESSAGES = `
  WITH config AS MATERIALIZED (
    SELECT $3::regconfig AS name
  ), lexeme AS MATERIALIZED (${lexemesOf('unnest($12::bigint[], $13::smallint[], $14::text[], $15::text[])', 'place')}
  ), posting AS MATERIALIZED (${postingsOf('place')}
  ), posted AS MATERIALIZED (
    SELECT place, ${POSTING_ARRAYS} FROM posting p GROUP BY place
  ), embedded AS MATERIALIZED (
    SELECT place, array_agg(embedding ORDER BY chunk) AS embeddings
      FROM unnest($12::bigint[], $13::smallint[], $16::halfvec[]) AS e (place, chunk, embedding)
     WHERE embedding IS NOT NULL GROUP BY place
  )
  INSERT INTO shared.recall_messages
    (tenant_id, session_id, seq, revision, speaker, role, ends_in_question, length, chunks,
     lexemes, lexeme_chunks, frequencies, chunk_lengths, lexeme_count, text_search, model, embeddings)
  SELECT $1, $2, d.seq, d.revision, d.speaker, d.role, d.ends_in_question, d.length, d.chunks,
         coalesce(w.lexemes, '{}'), coalesce(w.lexeme_chunks, '{}'), coalesce(w.frequencies, '{}'),
         coalesce(w.chunk_lengths, '{}'), coalesce(w.lexeme_count, 0), $3, $4, e.embeddings
    FROM unnest($5::int[], $6::int[], $7::text[], $8::text[], $9::boolean[], $10::int[], $11::smallint[])
           WITH ORDINALITY AS d (seq, revision, speaker, role, ends_in_question, length, chunks, place)
    JOIN shared.session_messages m
      ON m.tenant_id = $1 AND m.session_id = $2 AND m.namespace = '' AND m.seq = d.seq AND m.revision = d.revision
    LEFT JOIN posted w ON w.place = d.place
    LEFT JOIN embedded e ON e.place = d.place
   ORDER BY d.place
     FOR KEY SHARE OF m
  ON CONFLICT (tenant_id, session_id, namespace, seq, revision) DO UPDATE
    SET chunks = excluded.chunks, lexemes = excluded.lexemes, lexeme_chunks = excluded.lexeme_chunks,
        frequencies = excluded.frequencies, chunk_lengths = excluded.chunk_lengths,
        lexeme_count = excluded.lexeme_count, text_search = excluded.text_search, model = excluded.model,
        embeddings = excluded.embeddings`;

/**
 * The messages of a thread as scanned documents, and as rows `m` of a condition on memories: of no agent and without
 * metadata, said when they were appended.
 * @param thread the parameter that holds the thread
 * @param byDefault the parameter that holds the default configuration
 * @param moment the parameter that holds the moment until which they were appended, or null
 */
export function messagesOf(thread: string, byDefault: string, moment: string, condition?: string): string {
  return `
  SELECT ${SCANNED_COLUMNS} FROM (
    SELECT i.*, m.seq || '.' || m.revision AS id, s.thread_id, NULL::text AS agent_id, '{}'::jsonb AS metadata,
           m.created_at, m.created_at AS updated_at, m.created_at AS occurred_at
      FROM ${MESSAGES}
      JOIN shared.recall_messages i ON ${SAME_MESSAGE} AND i.text_search = ${textSearch(byDefault)}
     WHERE s.tenant_id = $1 AND s.thread_id = ${thread}
       AND (${moment}::timestamptz IS NULL OR m.created_at <= ${moment}::timestamptz)) m
   WHERE ${condition ?? 'true'}`;
}

/** $1 tenant, $2 thread, $3 places and $4 revisions; in no order, and without those that are shown no longer. */
export const READ_MESSAGES = `
  SELECT m.seq, m.revision, m.message_id AS "messageId", m.format, m.body, m.tokens, m.encoding,
         m.created_at AS "createdAt"
    FROM ${MESSAGES}
    JOIN unnest($3::int[], $4::int[]) AS f (seq, revision) ON f.seq = m.seq AND f.revision = m.revision
   WHERE s.tenant_id = $1 AND s.thread_id = $2`;
