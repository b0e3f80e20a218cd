/** The statements on stored receipts. $1 is the tenant in each, so that every index can serve it. */

/**
 * Writes receipts of several threads, $2 to $10, and drops all but the newest $11 of each of these threads. They come
 * as one JSON text: in an array every quote would be escaped, which took 4 × as long for receipts of 500 items. A thread
 * without a session gets none. Sessions come first, as they do when one is cleared, and nothing is waited for: what somebody else
 * has locked is left for another time, so that a request never waits for receipts nor meets them in a deadlock.
 * Answers those whose session is locked.
 */
export const WRITE_RECEIPTS = `
  WITH given AS MATERIALIZED (
    SELECT * FROM ROWS FROM (
        unnest($2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::text[], $7::int[], $8::text[], $9::bytea[]),
        json_array_elements($10))
      AS r (receipt_id, thread_id, session_id, created_at, tier, tokens, hash, fingerprints, receipt)
  ), held AS MATERIALIZED (
    SELECT thread_id, session_id FROM shared.sessions
     WHERE tenant_id = $1 AND thread_id = ANY ($3) FOR KEY SHARE SKIP LOCKED
  ), writable AS MATERIALIZED (
    SELECT g.* FROM given g JOIN held h
        ON h.thread_id = g.thread_id AND (g.session_id IS NULL OR g.session_id = h.session_id)
  ), superfluous AS MATERIALIZED (
    SELECT receipt_id
      FROM (SELECT receipt_id, row_number() OVER (PARTITION BY thread_id ORDER BY receipt_id DESC) AS place
              FROM (SELECT thread_id, receipt_id FROM writable
                    UNION
                    SELECT h.thread_id, c.receipt_id FROM held h JOIN shared.context_receipts c
                        ON c.tenant_id = $1 AND c.thread_id = h.thread_id) both_kinds) ranked
     WHERE place > $11
  ), written AS (
    INSERT INTO shared.context_receipts
      (tenant_id, receipt_id, thread_id, created_at, tier, tokens, hash, receipt, fingerprints)
    SELECT $1, receipt_id, thread_id, created_at, tier, tokens, hash, receipt, fingerprints FROM writable
     WHERE receipt_id NOT IN (TABLE superfluous)
    ON CONFLICT (tenant_id, receipt_id) DO NOTHING
  ), dropped AS (
    DELETE FROM shared.context_receipts
     WHERE tenant_id = $1
       AND receipt_id IN (SELECT receipt_id FROM shared.context_receipts
                           WHERE tenant_id = $1 AND receipt_id IN (TABLE superfluous) FOR UPDATE SKIP LOCKED)
  )
  SELECT g.receipt_id AS "receiptId"
    FROM given g JOIN shared.sessions s ON s.thread_id = g.thread_id
   WHERE s.tenant_id = $1 AND s.thread_id = ANY ($3) AND s.thread_id NOT IN (SELECT thread_id FROM held)`;

export const FIND_RECEIPT = `
  SELECT thread_id AS "threadId", receipt FROM shared.context_receipts WHERE tenant_id = $1 AND receipt_id = $2`;

/** The newest $3 receipts of the thread $2, newest first. */
export const LIST_RECEIPTS = `
  SELECT receipt_id AS "receiptId", tier, tokens, hash FROM shared.context_receipts
   WHERE tenant_id = $1 AND thread_id = $2 ORDER BY receipt_id DESC LIMIT $3`;

/** The newest stored receipt of the thread $2: at most one row. */
export const PREVIOUS_FINGERPRINTS = `
  SELECT receipt_id AS "receiptId", fingerprints FROM shared.context_receipts
   WHERE tenant_id = $1 AND thread_id = $2 ORDER BY receipt_id DESC LIMIT 1`;

/** Which session the thread $2 has, if one. */
export const FIND_SESSION = `
  SELECT session_id AS "sessionId" FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2`;
