/** $1 tenant, $2 key. The text of the answer, so that it is given again byte for byte. */
export const FIND_ANSWER = `
  SELECT request_hash AS hash, status, answer::text AS body
    FROM shared.idempotency_keys
   WHERE tenant_id = $1 AND key = $2`;

/**
 * $1 tenant, $2 key, $3 hash of the request, $4 status, $5 answer, $6 session or null, $7 objects that the
 * answer shows. The lock is only tried: two transactions that wait for each other's key and row would be a
 * deadlock. Every key that comes lets two go that are past their time, so they never pile up, and no request
 * pays for more: a batch has up to 1,000 objects.
 */
export const REMEMBER = `
  WITH claim AS MATERIALIZED (
    SELECT pg_try_advisory_xact_lock(hashtextextended('idempotency ' || $1::text || ' ' || $2::text, 0)) AS free
  ), kept AS (
    INSERT INTO shared.idempotency_keys (tenant_id, key, request_hash, status, answer, session_id)
    SELECT $1, $2, $3::bytea, $4::integer, $5::json, $6::uuid FROM claim WHERE free
    ON CONFLICT DO NOTHING
    RETURNING key
  ), objects AS (
    INSERT INTO shared.idempotency_key_objects (tenant_id, object_id, key)
    SELECT $1, object_id, key FROM kept, unnest($7::uuid[]) AS object_id
  ), expired AS (
    DELETE FROM shared.idempotency_keys
     WHERE tenant_id = $1 AND key IN (
       SELECT key FROM shared.idempotency_keys
        WHERE tenant_id = $1 AND session_id IS NULL AND created_at < now() - interval '24 hours'
        ORDER BY created_at LIMIT 2 FOR UPDATE SKIP LOCKED)
  )
  SELECT free AND EXISTS (SELECT FROM kept) AS kept FROM claim`;

/**
 * $1 tenant, $2 objects. Blanks the answers that show one of them. Each key is locked before its rows of
 * objects, as when a key is deleted, so that the two never wait for each other.
 */
export const FORGET = `
  WITH about AS MATERIALIZED (
    SELECT k.key
      FROM shared.idempotency_key_objects o
      JOIN shared.idempotency_keys k ON k.tenant_id = $1 AND k.key = o.key
     WHERE o.tenant_id = $1 AND o.object_id = ANY ($2::uuid[])
     ORDER BY k.key
       FOR UPDATE OF k
  ), blanked AS (
    UPDATE shared.idempotency_keys SET request_hash = NULL, answer = NULL
     WHERE tenant_id = $1 AND key IN (SELECT key FROM about)
  )
  DELETE FROM shared.idempotency_key_objects
   WHERE tenant_id = $1 AND object_id = ANY ($2::uuid[]) AND key IN (SELECT key FROM about)`;
