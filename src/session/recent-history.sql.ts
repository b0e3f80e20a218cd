import { prepared } from '../database/prepared-statements.js';

/**
 * What a working context may need of a thread: $1 tenant, $2 thread, $3 tokens that are enough, $4 rows to look at. One row
 * at least where there is a session; the messages are those of `shared.recent_messages`.
 */
export const READ_RECENT = prepared(
  'recent_messages',
  `
  SELECT s.session_id AS "sessionId", s.message_count AS "messageCount", w.summary, w.through_seq AS "throughSeq", m.*
    FROM (SELECT * FROM shared.sessions t
           WHERE t.tenant_id = $1 AND t.thread_id BETWEEN $2 AND $2 ORDER BY t.thread_id LIMIT 1) s
    LEFT JOIN LATERAL (
      SELECT summary, through_seq FROM shared.session_summaries
       WHERE tenant_id = $1 AND session_id = s.session_id OFFSET 0) w ON true
    LEFT JOIN LATERAL shared.recent_messages($1, s.session_id, $3, $4) m ON true`,
);
