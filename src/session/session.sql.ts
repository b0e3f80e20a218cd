import { prepared } from '../database/prepared-statements.js';

/**
 * The statements on the rows of sessions. $1 is the tenant in each, and $2 the thread where
 * it is about one. A session without a message
 * and a checkpoint is one that somebody has begun to hold or to write to: no reader sees it.
 */

/** What a writer has to know of the session that it holds. */
const HELD = `
  session_id AS "sessionId", version, message_count AS "messageCount", last_seq AS "lastSeq",
  checkpointed_seq AS "checkpointedSeq", laid_over_after AS "laidOverAfter", head_id AS "headId", runs,
  coalesce(held_until > clock_timestamp() AND held_by IS DISTINCT FROM $3, false) AS "isTaken"`;

/** Holds the session against other writers until the commit; $3 is the lease of the caller. */
export const HOLD_SESSION = `
  SELECT ${HELD} FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2 FOR UPDATE`;

/** Holds it against its end only: what several tasks of a graph write at once needs no order. */
export const KEEP_SESSION = `
  SELECT session_id AS "sessionId"
    FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2 FOR KEY SHARE`;

export const BEGIN_SESSION = `
  INSERT INTO shared.sessions (tenant_id, thread_id, session_id) VALUES ($1, $2, $3)
  ON CONFLICT (tenant_id, thread_id) DO NOTHING`;

/** How far the newest checkpoint reaches; without a lock. */
export const PEEK_SESSION = `
  SELECT session_id AS "sessionId", head_id AS "headId", last_seq > checkpointed_seq AS "isAhead",
         CASE WHEN laid_over_after IS NOT NULL THEN runs END AS "laidOver"
    FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2`;

export const SAVE_CONVERSATION = `
  UPDATE shared.sessions
     SET version = $3, message_count = $4, last_seq = $5, checkpointed_seq = $5, runs = $6, head_id = $7,
         laid_over_after = NULL, updated_at = greatest(now(), updated_at)
   WHERE tenant_id = $1 AND thread_id = $2`;

/** A checkpoint without a change of the conversation; $4: it holds all of that. */
export const SAVE_HEAD = `
  UPDATE shared.sessions SET head_id = $3, laid_over_after = CASE WHEN $4 THEN NULL ELSE laid_over_after END
   WHERE tenant_id = $1 AND thread_id = $2`;

/** A checkpoint of messages that were there already. */
export const SAVE_CHECKPOINTED = `
  UPDATE shared.sessions SET head_id = $3, runs = $4, checkpointed_seq = last_seq, laid_over_after = NULL
   WHERE tenant_id = $1 AND thread_id = $2`;

/** Messages that are shown with the newest checkpoint from now on, and stand in none. */
export const LAY_OVER = `
  UPDATE shared.sessions
     SET runs = $3, laid_over_after = coalesce(laid_over_after, checkpointed_seq), checkpointed_seq = last_seq
   WHERE tenant_id = $1 AND thread_id = $2`;

/** Its messages go with it, by their foreign key. */
export const DELETE_SESSION = `
  DELETE FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2 
  RETURNING version > 0 OR head_id IS NOT NULL AS "wasSeen"`;

/**
 * An append in one statement: it begins the session or takes the next places in it, in the order in which
 * writers get hold of its row. No row is answered while somebody else has the thread for himself ($8).
 * $4 messages, of which $5 are the ids, $6 the bodies and $7 the tokens, counted in the encoding $12; $9 to $11 are
 * the entry of the audit log.
 */
export const APPEND = prepared(
  'append_messages',
  `
  WITH session AS (
    INSERT INTO shared.sessions AS s (tenant_id, thread_id, session_id, version, message_count, last_seq)
    VALUES ($1, $2, $3, 1, $4, $4)
    ON CONFLICT (tenant_id, thread_id) DO UPDATE
      SET version = s.version + 1, message_count = s.message_count + $4, last_seq = s.last_seq + $4,
          updated_at = greatest(now(), s.updated_at)
      WHERE s.held_until IS NULL OR s.held_until <= clock_timestamp() OR s.held_by = $8
    RETURNING session_id, version, message_count, last_seq
  ), written AS (
    INSERT INTO shared.session_messages (tenant_id, session_id, seq, message_id, format, body, tokens, encoding)
    SELECT $1, session_id, last_seq - $4 + place, id, 'openai', body, tokens, $12
      FROM session, unnest($5::text[], $6::json[], $7::int[]) WITH ORDINALITY AS m (id, body, tokens, place)
  ), audited AS (
    INSERT INTO shared.audit_log (tenant_id, audit_id, actor, outcome, action, object_type, object_id, details)
    SELECT $1, $9, $10, $11, 'session.append', 'session', $2,
           jsonb_build_object('version', version, 'messageCount', message_count)
      FROM session
  )
  SELECT session_id AS "sessionId", version, last_seq AS "lastSeq", now()::timestamptz(3) AS "createdAt"
    FROM session`,
);

export const FIND_VERSION = `
  SELECT version FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2`;

/** Takes the thread for $3 during $4 ms, or renews that; no row when somebody else has it. */
export const TAKE_LEASE = `
  INSERT INTO shared.sessions AS s (tenant_id, thread_id, session_id, held_by, held_until)
  VALUES ($1, $2, $5, $3, clock_timestamp() + $4 * interval '1 ms')
  ON CONFLICT (tenant_id, thread_id) DO UPDATE
    SET held_by = $3, held_until = clock_timestamp() + $4 * interval '1 ms'
    WHERE s.held_until IS NULL OR s.held_until <= clock_timestamp() OR s.held_by = $3
  RETURNING session_id AS "sessionId"`;

/** Never begins a session: one that was cleared meanwhile stays so. */
export const RENEW_LEASE = `
  UPDATE shared.sessions SET held_until = clock_timestamp() + $4 * interval '1 ms'
   WHERE tenant_id = $1 AND thread_id = $2 AND held_by = $3 RETURNING session_id`;

/** Somebody waits for a thread that another process has: during $3 ms the next turn is his. */
export const WANT_SESSION = `
  UPDATE shared.sessions SET wanted_until = clock_timestamp() + $3 * interval '1 ms'
   WHERE tenant_id = $1 AND thread_id = $2 AND held_until > clock_timestamp()
     AND (wanted_until IS NULL OR wanted_until < clock_timestamp() + $3 * interval '0.5 ms')`;

/** A session that was begun for the lease alone goes with it. */
export const GIVE_LEASE_BACK = `
  WITH nothing_said AS (
    DELETE FROM shared.sessions
     WHERE tenant_id = $1 AND thread_id = $2 AND held_by = $3 AND version = 0 AND head_id IS NULL
    RETURNING wanted_until
  ), given_back AS (
    UPDATE shared.sessions SET held_by = NULL, held_until = NULL
     WHERE tenant_id = $1 AND thread_id = $2 AND held_by = $3 AND (version > 0 OR head_id IS NOT NULL)
    RETURNING wanted_until
  )
  SELECT coalesce(wanted_until > clock_timestamp(), false) AS "isWanted"
    FROM (TABLE nothing_said UNION ALL TABLE given_back) held`;

/** The threads that changed before ($3, $4), if these are given, newest first. */
export const LIST_SESSIONS = `
  SELECT thread_id AS "threadId", version, message_count AS "messageCount", created_at AS "createdAt",
         updated_at AS "updatedAt"
    FROM shared.sessions
   WHERE tenant_id = $1 AND ($3::timestamptz IS NULL OR (updated_at, thread_id) < ($3, $4))
     AND (version > 0 OR head_id IS NOT NULL)
   ORDER BY updated_at DESC, thread_id DESC
   LIMIT $2`;
