/**
 * What the tenant $1 stores; $2 is what its stored thread ids begin with. Sessions and messages are counted;
 * bytes are added up over at most $3 threads and about $4 messages, and taken in proportion to the messages of
 * all. Which threads those are depends on their ids alone, so that a figure moves with what is stored and not
 * with the choice. Bytes are those of values as they are kept, compressed, without the 24 bytes before each
 * row, indexes and dead rows; no value is read to be measured.
 */
export const MEASURE_TENANT = `
  WITH threads AS MATERIALIZED (
    SELECT session_id, thread_id, message_count, last_seq + 1 AS weight,
           row_number() OVER spread AS place, sum(last_seq + 1) OVER spread - last_seq - 1 AS before
      FROM shared.sessions
     WHERE tenant_id = $1 AND (version > 0 OR head_id IS NOT NULL)
    WINDOW spread AS (ORDER BY md5(session_id::text), session_id ROWS UNBOUNDED PRECEDING)
  ), sampled AS MATERIALIZED (
    SELECT session_id, $2 || thread_id AS key, weight FROM threads WHERE place <= $3 AND before < $4
  ), measured AS (
    SELECT sum(weight) AS weight, sum(m.bytes) AS messages, sum(c.bytes) + sum(b.bytes) + sum(w.bytes) AS checkpoints
      FROM sampled s
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(pg_column_size(body) + pg_column_size(message_id)), 0) AS bytes
          FROM shared.session_messages WHERE tenant_id = $1 AND session_id = s.session_id) m
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(pg_column_size(checkpoint) + pg_column_size(metadata)), 0) AS bytes
          FROM checkpoints.checkpoints WHERE tenant_id = $1 AND thread_id = s.key) c
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(pg_column_size(blob)), 0) AS bytes
          FROM checkpoints.checkpoint_blobs WHERE tenant_id = $1 AND thread_id = s.key) b
      CROSS JOIN LATERAL (
        SELECT coalesce(sum(pg_column_size(blob)), 0) AS bytes
          FROM checkpoints.checkpoint_writes WHERE tenant_id = $1 AND thread_id = s.key) w
  )
  SELECT count(*)::float8 AS sessions,
         coalesce(sum(t.message_count), 0)::float8 AS messages,
         coalesce(round(max(m.messages) * sum(t.weight) / max(m.weight)), 0)::float8 AS "messageBytes",
         coalesce(round(max(m.checkpoints) * sum(t.weight) / max(m.weight)), 0)::float8 AS "checkpointBytes"
    FROM threads t CROSS JOIN measured m`;

/** Of all tenants and both schemas; it looks at files and reads no row. */
export const MEASURE_DATABASE = `SELECT pg_database_size(current_database())::float8 AS bytes`;
