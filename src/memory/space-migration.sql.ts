/** Of a tenant, $1: in which space its memories are found, and where they go to. */
export const READ_SPACES = `
  SELECT space, next_space AS "nextSpace" FROM shared.recall_settings WHERE tenant_id = $1`;

/** Of all tenants that have memories, or had. Run as the role of the background worker. */
export const READ_TENANTS = `SELECT tenant_id AS "tenantId" FROM shared.recall_settings ORDER BY tenant_id`;

/**
 * Whoever writes to the index waits for who waits to have it alone, so that wait is short: in milliseconds, for this
 * transaction.
 */
export const WAIT_BRIEFLY = `SELECT set_config('lock_timeout', '1000', true)`;

/**
 * From now on, what is stored waits for vectors of the target, too: $1 tenant, $2 target. Where the memories are in it
 * already, they go nowhere.
 */
export const NOTE_TARGET = `
  UPDATE shared.recall_settings SET next_space = CASE WHEN space = $2 THEN NULL ELSE $2 END WHERE tenant_id = $1`;

/** What waits for vectors of a target that was given up: $1 tenant, $2 target. */
export const DROP_OTHERS = `
  DELETE FROM shared.pending_embeddings p USING shared.recall_settings s
   WHERE p.tenant_id = $1 AND s.tenant_id = $1 AND p.space <> $2 AND p.space <> s.space`;

/** A memory `m` of which nobody sees to it that it gets vectors of $2; $1 tenant. A look-up for each: see `HELD`. */
const IS_LACKING = `
  m.retracted_at IS NULL AND (
    SELECT count(*) FROM shared.memory_embeddings e
     WHERE e.tenant_id = $1 AND e.agent_id = m.agent_id AND e.memory_id = m.memory_id AND e.model = $2) = 0
  AND (
    SELECT count(*) FROM shared.pending_embeddings p
     WHERE p.tenant_id = $1 AND p.memory_id = m.memory_id AND p.space = $2) = 0`;

/** The memories that are looked at: $1 tenant, $3 the id before, $4 how many. */
const LOOKED_AT = `
  looked_at AS MATERIALIZED (
    SELECT memory_id, agent_id, retracted_at FROM shared.agent_memories
     WHERE tenant_id = $1 AND memory_id > $3 ORDER BY memory_id LIMIT $4
  ), lacking AS MATERIALIZED (
    SELECT memory_id FROM looked_at m WHERE ${IS_LACKING}
  )`;
const OF_LOOKED_AT = `
  (SELECT memory_id FROM looked_at ORDER BY memory_id DESC LIMIT 1) AS last,
  (SELECT count(*)::int FROM lacking) AS lacking`;

/** How many of some memories lack vectors of $2 and do not wait for them, and the last of them. */
export const COUNT_LACKING = `WITH ${LOOKED_AT} SELECT ${OF_LOOKED_AT}`;

/**
 * Puts them on the list, but for those that are being changed or deleted just now. Where the target is the tenant's own
 * space, they are pending then.
 */
export const QUEUE_LACKING = `
  WITH ${LOOKED_AT}, held AS MATERIALIZED (
    SELECT memory_id FROM shared.agent_memories
     WHERE tenant_id = $1 AND memory_id = ANY (ARRAY(SELECT memory_id FROM lacking)) AND retracted_at IS NULL
       FOR NO KEY UPDATE SKIP LOCKED
  ), queued AS (
    INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space) SELECT $1, memory_id, $2 FROM held
    ON CONFLICT DO NOTHING
  ), marked AS (
    UPDATE shared.agent_memories SET embedding_status = 'pending'
     WHERE tenant_id = $1 AND memory_id = ANY (ARRAY(SELECT memory_id FROM held))
       AND $2 = (SELECT space FROM shared.recall_settings WHERE tenant_id = $1)
  )
  SELECT ${OF_LOOKED_AT}`;

/** What waits for vectors of a space, and what was given up: $1 tenant, $2 space. */
export const COUNT_WAITING = `
  SELECT count(*) FILTER (WHERE parked_at IS NULL)::int AS pending,
         count(*) FILTER (WHERE parked_at IS NOT NULL)::int AS parked
    FROM shared.pending_embeddings WHERE tenant_id = $1 AND space = $2`;

/** The memories of a tenant, $1, are found in the target, $2, from the commit on. */
export const SWITCH = `
  UPDATE shared.recall_settings SET previous_space = space, space = $2, next_space = NULL
   WHERE tenant_id = $1 AND next_space = $2`;

/** Nothing waits for vectors of the space before any more. */
export const DROP_WAITING = `DELETE FROM shared.pending_embeddings WHERE tenant_id = $1 AND space <> $2`;

/** What is said of a memory is said of the space in which it is found: $1 tenant, $2 that space. */
export const MARK_MEMORIES = `
  UPDATE shared.agent_memories m
     SET embedding_status = (
           SELECT CASE WHEN parked_at IS NULL THEN 'pending' ELSE 'parked' END FROM shared.pending_embeddings p
            WHERE p.tenant_id = $1 AND p.memory_id = m.memory_id AND p.space = $2)
   WHERE m.tenant_id = $1 AND (
     m.embedding_status IS NOT NULL
     OR m.memory_id = ANY (ARRAY(SELECT memory_id FROM shared.pending_embeddings WHERE tenant_id = $1 AND space = $2)))`;

/**
 * Takes vectors of a space away, unless the tenant's memories are in it, or go to it: $1 tenant, $2 space, of rows after the
 * agent $3, the memory $4, its chunk $5 and the model $6, among $7 rows at most; $8 the space of a tenant that has none noted.
 */
export const DROP_VECTORS = `
  WITH held AS MATERIALIZED (
    SELECT coalesce(space, $8) = $2 OR coalesce(next_space = $2, false) AS is_used
      FROM shared.hold_recall_settings($1, NULL, NULL)
  ), looked_at AS MATERIALIZED (
    SELECT ctid AS place, agent_id, memory_id, chunk, model FROM shared.memory_embeddings
     WHERE tenant_id = $1 AND (agent_id, memory_id, chunk, model) > ($3, $4::uuid, $5::smallint, $6)
     ORDER BY agent_id, memory_id, chunk, model LIMIT $7
  ), dropped AS (
    DELETE FROM shared.memory_embeddings
     WHERE tenant_id = $1 AND model = $2 AND NOT (SELECT is_used FROM held)
       AND ctid = ANY (ARRAY(SELECT place FROM looked_at WHERE model = $2))
    RETURNING 1
  ), unawaited AS (
    DELETE FROM shared.pending_embeddings WHERE tenant_id = $1 AND space = $2 AND NOT (SELECT is_used FROM held)
  )
  SELECT is_used AS "isUsed", (SELECT count(*)::int FROM dropped) AS dropped, l.*
    FROM held LEFT JOIN (
      SELECT agent_id AS "agentId", memory_id AS "memoryId", chunk, model FROM looked_at
       ORDER BY agent_id DESC, memory_id DESC, chunk DESC, model DESC LIMIT 1) l ON true`;

/** There is no way back to a space whose vectors are gone but to make them anew: $1 tenant, $2 space. */
export const FORGET_PREVIOUS = `
  UPDATE shared.recall_settings SET previous_space = NULL WHERE tenant_id = $1 AND previous_space = $2`;
