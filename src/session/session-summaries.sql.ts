/** The statements on the summaries of threads. $1 is the tenant in each, $2 the thread. */

const SUMMARY = `
  w.through_seq AS "throughSeq", w.summary AS text, w.tokens, w.encoding, w.model, w.updated_at AS "updatedAt"`;

const SESSION = `
  shared.sessions s
    LEFT JOIN shared.session_summaries w ON w.tenant_id = $1 AND w.session_id = s.session_id`;

/** No row without a session; a summary of null without one. */
export const READ_SUMMARY = `
  SELECT ${SUMMARY} FROM ${SESSION} WHERE s.tenant_id = $1 AND s.thread_id = $2 AND w.session_id IS NOT NULL`;

/** The summary and the oldest $4 live messages after it, up to the place $3: one row at least where there is a session. */
export const READ_UNSUMMARIZED = `
  SELECT s.session_id AS "sessionId", ${SUMMARY}, m.*
    FROM ${SESSION}
    LEFT JOIN LATERAL (
      SELECT seq, message_id AS "messageId", format, body, tokens AS "messageTokens", created_at AS "createdAt"
        FROM shared.session_messages
       WHERE tenant_id = $1 AND session_id = s.session_id AND namespace = '' AND live
         AND seq > coalesce(w.through_seq, 0) AND seq <= $3
       ORDER BY seq LIMIT $4) m ON true
   WHERE s.tenant_id = $1 AND s.thread_id = $2
   ORDER BY m.seq`;

/**
 * Replaces the summary of the session $3 that reaches to $4, 0 for none, by one that reaches to $5. No row is answered
 * when it reaches elsewhere by now, or when the session is over; its row is held until the commit, lest it go first.
 */
export const WRITE_SUMMARY = `
  INSERT INTO shared.session_summaries AS w
    (tenant_id, session_id, through_seq, summary, tokens, encoding, model)
  SELECT $1, s.session_id, $5, $6, $7, $8, $9
    FROM shared.sessions s
   WHERE s.tenant_id = $1 AND s.thread_id = $2 AND s.session_id = $3
     AND ($4 = 0 OR EXISTS (
       SELECT FROM shared.session_summaries o WHERE o.tenant_id = $1 AND o.session_id = $3))
     FOR KEY SHARE OF s
  ON CONFLICT (tenant_id, session_id) DO UPDATE
    SET through_seq = excluded.through_seq, summary = excluded.summary, tokens = excluded.tokens,
        encoding = excluded.encoding, model = excluded.model, updated_at = now()
  WHERE w.through_seq = $4
  RETURNING through_seq`;
