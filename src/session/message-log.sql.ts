/** The statements of the message log. $1 is the tenant in each, so that every index can serve it. */

/** Begins the session if there is none, and holds the thread against other writers until the commit. */
export const OPEN_SESSION = `
  INSERT INTO shared.sessions AS s (tenant_id, thread_id, session_id)
  VALUES ($1, $2, $3)
  ON CONFLICT (tenant_id, thread_id) DO UPDATE SET version = s.version
  RETURNING session_id AS "sessionId", version, message_count AS "messageCount", last_seq AS "lastSeq"`;

export const SAVE_SESSION = `
  UPDATE shared.sessions
     SET version = $3, message_count = $4, last_seq = $5, updated_at = greatest(now(), updated_at)
   WHERE tenant_id = $1 AND thread_id = $2`;

/** Its messages go with it, by their foreign key. */
export const DELETE_SESSION = `
  DELETE FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2 RETURNING session_id`;

export const INSERT_MESSAGES = `
  INSERT INTO shared.session_messages
    (tenant_id, session_id, seq, revision, message_id, format, body, digest, tokens)
  SELECT $1, $2, * FROM unnest(
    $3::int[], $4::int[], $5::text[], $6::text[], $7::json[], $8::bytea[], $9::int[])
  RETURNING seq, revision, created_at AS "createdAt"`;

/** What identifies each message of a session, the replaced and removed ones included. */
export const INDEX_OF_SESSION = `
  SELECT seq, revision, message_id AS "messageId", digest, live
    FROM shared.session_messages
   WHERE tenant_id = $1 AND session_id = $2
   ORDER BY seq, revision`;

export const TAKEN_IDS = `
  SELECT message_id AS id FROM shared.session_messages
   WHERE tenant_id = $1 AND session_id = $2 AND message_id = ANY ($3) AND live`;

export const SET_LIVE = `
  UPDATE shared.session_messages m SET live = r.live
    FROM unnest($3::int[], $4::int[], $5::boolean[]) AS r (seq, revision, live)
   WHERE m.tenant_id = $1 AND m.session_id = $2 AND m.seq = r.seq AND m.revision = r.revision`;

/** The messages that a reference names, oldest first. */
export const READ_RUNS = `
  SELECT m.message_id AS "messageId", m.format, m.body
    FROM unnest($3::int[], $4::int[], $5::int[]) AS r (first, last, revision)
    JOIN shared.session_messages m
      ON m.tenant_id = $1 AND m.session_id = $2
     AND m.seq BETWEEN r.first AND r.last AND m.revision = r.revision
   ORDER BY m.seq`;

/**
 * The newest live messages before $3, newest first. The session is looked up first: joined, the planner
 * read and sorted the whole thread (1.1 ms of 1,000 messages against 0.11).
 */
export const READ_NEWEST = `
  SELECT m.seq, m.message_id AS "messageId", m.format, m.body, m.tokens, m.created_at AS "createdAt"
    FROM shared.session_messages m
   WHERE m.tenant_id = $1 AND m.live AND m.seq < $3
     AND m.session_id = (SELECT session_id FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2)
   ORDER BY m.seq DESC
   LIMIT $4`;
