import { prepared } from '../database/prepared-statements.js';

/** The statements of the message log. $1 is the tenant in each, so that every index can serve it. */

/** $3 is the namespace, $10 the encoding of the counts; rows of the thread's own conversation are live. */
export const INSERT_MESSAGES = `
  INSERT INTO shared.session_messages
    (tenant_id, session_id, namespace, live, encoding, seq, revision, message_id, format, body, tokens)
  SELECT $1, $2, $3, $3 = '', $10, * FROM unnest(
    $4::int[], $5::int[], $6::text[], $7::text[], $8::json[], $9::int[])`;

/** The last seq of a namespace other than the conversation's, which the session's row does not know. */
export const LAST_SEQ = `
  SELECT coalesce(max(seq), 0) AS "lastSeq" FROM shared.session_messages
   WHERE tenant_id = $1 AND session_id = $2 AND namespace = $3`;

/**
 * Every row that ever stood under one of the ids, the replaced, removed and repeated ones included. Two halves,
 * since each of two partial indexes serves one.
 */
export const FIND_BY_IDS = `
  SELECT seq, revision, message_id AS "messageId", format, body, live
    FROM shared.session_messages
   WHERE tenant_id = $1 AND session_id = $2 AND message_id = ANY ($3) AND live AND revision >= 0
  UNION ALL
  SELECT seq, revision, message_id, format, body, live
    FROM shared.session_messages
   WHERE tenant_id = $1 AND session_id = $2 AND message_id = ANY ($3) AND (NOT live OR revision < 0)
     AND namespace = ''
   ORDER BY seq, revision`;

export const TAKEN_ID = `
  SELECT message_id AS id
    FROM shared.session_messages m
   WHERE tenant_id = $1 AND message_id = ANY ($3) AND live AND revision >= 0
     AND session_id = (SELECT session_id FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2)
   LIMIT 1`;

export const SET_LIVE = `
  UPDATE shared.session_messages m SET live = $5
    FROM unnest($3::int[], $4::int[]) AS r (seq, revision)
   WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.namespace = '' AND m.seq = r.seq AND m.revision = r.revision`;

/** The messages that a reference names, in its order. */
export const READ_RUNS = `
  SELECT m.seq, m.revision, m.namespace, m.message_id AS "messageId", m.format, m.body
    FROM unnest($3::int[], $4::int[], $5::int[], $6::text[]) WITH ORDINALITY
         AS r (first, last, revision, namespace, place)
    JOIN shared.session_messages m
      ON m.tenant_id = $1 AND m.session_id = $2 AND m.namespace = r.namespace
     AND m.seq BETWEEN r.first AND r.last AND m.revision = r.revision
   ORDER BY r.place, m.seq`;

/** How many of the messages that a reference names are there. */
export const COUNT_RUNS = `
  SELECT count(*)::int AS count
    FROM unnest($3::int[], $4::int[], $5::int[], $6::text[]) AS r (first, last, revision, namespace)
    JOIN shared.session_messages m
      ON m.tenant_id = $1 AND m.session_id = $2 AND m.namespace = r.namespace
     AND m.seq BETWEEN r.first AND r.last AND m.revision = r.revision`;

/** The version of a thread and its newest live messages before $3, newest first: one row at least. */
export const READ_NEWEST = prepared(
  'newest_messages',
  `
  SELECT s.version, m.*
    FROM (SELECT * FROM shared.sessions t
           WHERE t.tenant_id = $1 AND t.thread_id BETWEEN $2 AND $2 ORDER BY t.thread_id LIMIT 1) s
    LEFT JOIN LATERAL (
      SELECT seq, message_id AS "messageId", format, body, tokens, encoding, created_at AS "createdAt"
        FROM shared.session_messages
       WHERE tenant_id = $1 AND session_id = s.session_id AND namespace = '' AND live AND seq < $3
       ORDER BY seq DESC
       LIMIT $4) m ON true
   WHERE s.version > 0 OR s.head_id IS NOT NULL`,
);
