/**
 * What the memories of the tenant $1 take: they are counted, and bytes are those of at most $2 of them, in proportion to all.
 * Those are the first by their ids, and ids begin with the time: older ones, which a tenant seldom changes.
 */
export const MEASURE_STORED_MEMORIES = `
  WITH sampled AS MATERIALIZED (
    SELECT pg_column_size(content) + pg_column_size(metadata) + coalesce(pg_column_size(source), 0) AS bytes
      FROM shared.agent_memories WHERE tenant_id = $1 ORDER BY memory_id LIMIT $2
  )
  SELECT total.memories, coalesce(round((SELECT avg(bytes) FROM sampled) * total.memories), 0)::float8 AS "memoryBytes"
    FROM (SELECT count(*)::float8 AS memories FROM shared.agent_memories WHERE tenant_id = $1) total`;
