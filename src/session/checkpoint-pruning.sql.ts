import { isOfTenant } from './tenant-of-key.js';

/** The statements that prune a thread. $1 is its stored thread id, which names the tenant. */

const OF_TENANT = isOfTenant();

/** What is known of every checkpoint, as `RetainedCheckpoint` wants it. */
export const FIND_CHECKPOINTS = `
  WITH known AS MATERIALIZED (
    SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint -> 'channel_versions' AS versions,
           metadata -> 'parents' ->> '' AS root_id,
           parent_checkpoint_id IS NOT NULL AND checkpoint -> 'v' < '4' AS needs_parent,
           ARRAY (SELECT jsonb_object_keys(CASE jsonb_typeof(metadata -> 'counters_since_delta_snapshot')
             WHEN 'object' THEN metadata -> 'counters_since_delta_snapshot' END)) AS deltas
      FROM checkpoints.checkpoints WHERE ${OF_TENANT} AND thread_id = $1
  ), channels AS (
    SELECT DISTINCT checkpoint_ns, unnest(deltas) AS channel FROM known
  )
  SELECT checkpoint_ns AS namespace, checkpoint_id AS id, parent_checkpoint_id AS "parentId",
         root_id AS "rootId", coalesce(needs_parent, false) AS "needsParent", deltas,
         ARRAY (SELECT b.channel FROM channels c JOIN checkpoints.checkpoint_blobs b USING (checkpoint_ns, channel)
                 WHERE ${isOfTenant('b.tenant_id')} AND b.thread_id = $1 AND c.checkpoint_ns = k.checkpoint_ns
                   AND b.version = k.versions ->> b.channel AND b.type <> 'empty') AS held
    FROM known k`;

/** The checkpoints $3 of the namespaces $2, and what tasks wrote for them. */
export const DELETE_CHECKPOINTS = `
  WITH old AS (
    SELECT * FROM unnest($2::text[], $3::text[]) AS o (checkpoint_ns, checkpoint_id)
  ), checkpoints AS (
    DELETE FROM checkpoints.checkpoints c USING old
     WHERE ${isOfTenant('c.tenant_id')} AND c.thread_id = $1 AND c.checkpoint_ns = old.checkpoint_ns AND c.checkpoint_id = old.checkpoint_id
    RETURNING 1
  ), writes AS (
    DELETE FROM checkpoints.checkpoint_writes w USING old
     WHERE ${isOfTenant('w.tenant_id')} AND w.thread_id = $1 AND w.checkpoint_ns = old.checkpoint_ns AND w.checkpoint_id = old.checkpoint_id
    RETURNING 1
  )
  SELECT (SELECT count(*)::int FROM checkpoints) AS checkpoints, (SELECT count(*)::int FROM writes) AS writes`;

/** Values that no checkpoint names. */
export const DELETE_BLOBS = `
  WITH named AS MATERIALIZED (
    SELECT DISTINCT checkpoint_ns, v.key AS channel, v.value AS version
      FROM checkpoints.checkpoints, jsonb_each_text(checkpoint -> 'channel_versions') v
     WHERE ${OF_TENANT} AND thread_id = $1
  ), gone AS (
    DELETE FROM checkpoints.checkpoint_blobs b
     WHERE ${OF_TENANT} AND thread_id = $1 AND NOT EXISTS (
       SELECT FROM named n
        WHERE n.checkpoint_ns = b.checkpoint_ns AND n.channel = b.channel AND n.version = b.version)
    RETURNING 1
  )
  SELECT count(*)::int AS blobs FROM gone`;

/**
 * Rows of the log ($2 the tenant, $3 the session) that the thread does not show and that no reference names,
 * be it of a checkpoint or of what a task wrote. The text of $4 marks references; see `CheckpointSerializer`.
 */
export const DELETE_MESSAGES = `
  WITH stored AS (
    SELECT blob FROM checkpoints.checkpoint_blobs WHERE tenant_id = $2 AND thread_id = $1 AND type = $4
    UNION ALL
    SELECT blob FROM checkpoints.checkpoint_writes WHERE tenant_id = $2 AND thread_id = $1 AND type = $4
  ), runs AS MATERIALIZED (
    SELECT DISTINCT (run ->> 0)::int AS first, (run ->> 1)::int AS last, (run ->> 2)::int AS revision,
           coalesce(run ->> 3, '') AS namespace
      FROM stored, jsonb_array_elements(convert_from(blob, 'UTF8')::jsonb -> 1) AS run
     WHERE jsonb_typeof(run) = 'array'
  ), gone AS (
    DELETE FROM shared.session_messages m
     WHERE tenant_id = $2 AND session_id = $3 AND NOT live AND NOT EXISTS (
       SELECT FROM runs r
        WHERE r.namespace = m.namespace AND r.revision = m.revision AND m.seq BETWEEN r.first AND r.last)
    RETURNING 1
  )
  SELECT count(*)::int AS messages FROM gone`;
