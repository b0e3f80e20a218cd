import { insertEmbeddings } from '../recall/recall-index.sql.js';

/**
 * The next tenants that have something due, in their order: $1 space, $2 the tenant before, $3 how many. From one tenant
 * to the next it is one look-up, however many rows lie between. Run as the role of the background worker.
 */
export const DUE_TENANTS = `
  WITH RECURSIVE oldest (tenant_id, due_at) AS (
    (SELECT tenant_id, due_at FROM shared.pending_embeddings
      WHERE space = $1 AND parked_at IS NULL AND tenant_id > $2 ORDER BY tenant_id, due_at LIMIT 1)
    UNION ALL
    SELECT n.tenant_id, n.due_at FROM oldest o CROSS JOIN LATERAL (
      SELECT tenant_id, due_at FROM shared.pending_embeddings
       WHERE space = $1 AND parked_at IS NULL AND tenant_id > o.tenant_id ORDER BY tenant_id, due_at LIMIT 1) n
  )
  SELECT tenant_id AS "tenantId" FROM oldest WHERE due_at <= now() LIMIT $3`;

/** In which spaces something waits: from one to the next it is one look-up. Run as the role of the background worker. */
export const WAITING_SPACES = `
  WITH RECURSIVE waiting (space) AS (
    (SELECT space FROM shared.pending_embeddings WHERE parked_at IS NULL ORDER BY space LIMIT 1)
    UNION ALL
    SELECT n.space FROM waiting w CROSS JOIN LATERAL (
      SELECT space FROM shared.pending_embeddings
       WHERE parked_at IS NULL AND space > w.space ORDER BY space LIMIT 1) n
  )
  SELECT space FROM waiting`;

/** Memories that the space of their tenant lacks, and those that a migration is to give vectors of another space. */
const COUNTS = `
  count(*) FILTER (WHERE coalesce(s.space, p.space) = p.space AND p.parked_at IS NULL)::int AS pending,
  count(*) FILTER (WHERE coalesce(s.space, p.space) = p.space AND p.parked_at IS NOT NULL)::int AS parked,
  count(*) FILTER (WHERE s.space <> p.space AND p.parked_at IS NULL)::int AS migrating,
  count(*) FILTER (WHERE s.space <> p.space AND p.parked_at IS NOT NULL)::int AS "migratingParked"`;

/** How many there are of all tenants, and for how long the one that was due first has been due. Run as the role of the background worker. */
export const COUNT_ALL = `
  SELECT ${COUNTS},
         coalesce(greatest(0, extract(epoch FROM now() - min(p.due_at) FILTER (WHERE p.parked_at IS NULL))), 0)::float8
           AS "overdueSeconds"
    FROM (SELECT tenant_id, space, parked_at, due_at FROM shared.pending_embeddings) p
    LEFT JOIN (SELECT tenant_id, space FROM shared.recall_settings) s USING (tenant_id)`;

function countByTenant(condition: string): string {
  return `
  SELECT tenant_id AS "tenantId", s.space, s.next_space AS "nextSpace", ${COUNTS}
    FROM (SELECT tenant_id, space, next_space FROM shared.recall_settings) s
    LEFT JOIN (SELECT tenant_id, space, parked_at FROM shared.pending_embeddings) p USING (tenant_id)
   WHERE ${condition} GROUP BY 1, 2, 3 ORDER BY 1`;
}

/** The same by tenant. Run as the role of the background worker. */
export const COUNT_BY_TENANT = countByTenant('true');

/** The same of one tenant, $1. */
export const COUNT_OF_TENANT = countByTenant('s.tenant_id = $1');

/**
 * What is due the longest, with the UTF-16 units of each: $1 tenant, $2 space, $3 how many at most. It is held until the
 * commit, and what others hold is passed over. The order of the look-up leaves the planner the index on the whole key.
 */
export const HOLD_DUE = `
  SELECT memory_id AS "memoryId", coalesce((
           SELECT length FROM shared.recall_documents d
            WHERE d.tenant_id = $1 AND d.memory_id BETWEEN p.memory_id AND p.memory_id ORDER BY d.memory_id LIMIT 1), 0)
           AS units
    FROM shared.pending_embeddings p
   WHERE tenant_id = $1 AND space = $2 AND parked_at IS NULL AND due_at <= now()
   ORDER BY due_at LIMIT $3 FOR UPDATE SKIP LOCKED`;

/** One of those that are due, or will be: $1 tenant, $2 space. */
export const READ_WAITING = `
  SELECT 1 FROM shared.pending_embeddings WHERE tenant_id = $1 AND space = $2 AND parked_at IS NULL LIMIT 1`;

/** Claims memories that are held: $1 tenant, $2 space, $3 ids, $4 the claim, $5 for how many milliseconds. */
export const CLAIM = `
  UPDATE shared.pending_embeddings SET claim = $4, due_at = now() + $5 * interval '1 ms'
   WHERE tenant_id = $1 AND space = $2 AND memory_id = ANY ($3::uuid[])`;

/**
 * What was claimed: $1 tenant, $2 ids. A statement of its own in the transaction of the claim: its snapshot shows a content
 * that is as new as the row that was claimed, or newer, and whoever makes it newer still takes the claim away.
 */
export const READ_CLAIMED = `
  SELECT memory_id AS "memoryId", agent_id AS "agentId", content, source FROM shared.agent_memories
   WHERE tenant_id = $1 AND memory_id = ANY ($2::uuid[]) ORDER BY memory_id`;

/**
 * Those of $4 that the claim $3 still has, in the space $2 of the tenant $1, and their memories, both held until the commit.
 * It never waits for anybody, so that it is in no deadlock: who holds one of them is about to change or to erase it. Each
 * table is read once by a list of ids, here and below: a join, planned while the tables were small, took seconds for
 * 256 of 1,000 memories.
 */
const HELD = `
  waiting AS MATERIALIZED (
    SELECT memory_id FROM shared.pending_embeddings
     WHERE tenant_id = $1 AND space = $2 AND claim = $3 AND memory_id = ANY ($4::uuid[])
       FOR NO KEY UPDATE SKIP LOCKED
  ), memory AS MATERIALIZED (
    SELECT memory_id, agent_id FROM shared.agent_memories
     WHERE tenant_id = $1 AND memory_id = ANY (ARRAY(SELECT memory_id FROM waiting))
       FOR NO KEY UPDATE SKIP LOCKED
  )`;
const IS_HELD = `memory_id = ANY (ARRAY(SELECT memory_id FROM memory))`;
/** Whether it is of the space in which the tenant's memories are found: what waits for another one is ready. */
const IS_OF_TENANT = `coalesce((SELECT space FROM shared.recall_settings WHERE tenant_id = $1), $2) = $2`;
const ROW_IS_HELD = `tenant_id = $1 AND space = $2 AND ${IS_HELD}`;

/**
 * Gives claimed memories their vectors, and takes them off the list: as {@link HELD}, then of chunks $5 memories,
 * $6 numbers, $7 signs and $8 vectors. Answers which memories got theirs: not those that were changed or deleted
 * meanwhile, or finished by somebody else. One that has no vectors in the tenant's own space, because it was stored in a
 * tenant's first moment by processes of two settings, waits for these then.
 */
export const FINISH = `
  WITH ${HELD}, embedded AS (${insertEmbeddings(`
    SELECT $1, m.agent_id, e.memory_id, e.chunk, $2, e.signs, e.embedding
      FROM unnest($5::uuid[], $6::smallint[], $7::varbit[], $8::halfvec[]) AS e (memory_id, chunk, signs, embedding)
      JOIN memory m ON m.memory_id = e.memory_id`)}
    ON CONFLICT ON CONSTRAINT memory_embeddings_pkey DO UPDATE
      SET signs = excluded.signs, embedding = excluded.embedding
  ), finished AS (
    DELETE FROM shared.pending_embeddings WHERE ${ROW_IS_HELD}
  ), ready AS (
    UPDATE shared.agent_memories SET embedding_status = NULL
     WHERE tenant_id = $1 AND embedding_status IS NOT NULL AND ${IS_HELD} AND ${IS_OF_TENANT}
  ), awaited AS (
    INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space)
    SELECT $1, m.memory_id, s.space FROM memory m, shared.recall_settings s
     WHERE s.tenant_id = $1 AND s.space <> $2 AND (
       SELECT count(*) FROM shared.memory_embeddings e
        WHERE e.tenant_id = $1 AND e.agent_id = m.agent_id AND e.memory_id = m.memory_id AND e.model = s.space) = 0
        ON CONFLICT DO NOTHING
  )
  SELECT memory_id AS "memoryId" FROM memory`;

/**
 * Counts a failure of claimed memories: as {@link HELD}, then $5 the reasons in the order of $4, $6 after how many a memory
 * is parked, and $7 after how many milliseconds it is tried again first, four times as long after each further one.
 */
export const FAIL = `
  WITH ${HELD}, failed AS (
    UPDATE shared.pending_embeddings
       SET attempts = attempts + 1, reason = ($5::text[])[array_position($4::uuid[], memory_id)], failed_at = now(),
           claim = NULL, due_at = now() + $7 * 4 ^ least(attempts, 10) * (0.75 + random() / 2) * interval '1 ms',
           parked_at = CASE WHEN attempts + 1 >= $6 THEN now() END
     WHERE ${ROW_IS_HELD}
    RETURNING memory_id, parked_at IS NOT NULL AS parked
  ), marked AS (
    UPDATE shared.agent_memories SET embedding_status = 'parked'
     WHERE tenant_id = $1 AND memory_id = ANY (ARRAY(SELECT memory_id FROM failed WHERE parked)) AND ${IS_OF_TENANT}
  )
  SELECT memory_id AS "memoryId", parked FROM failed`;

/** Gives a claim back, as {@link HELD}: it is due at once. Nothing counts as tried. */
export const RELEASE = `
  WITH ${HELD}
  UPDATE shared.pending_embeddings SET claim = NULL, due_at = now() WHERE ${ROW_IS_HELD}`;

/** Keeps a claim, as {@link HELD}, for $5 milliseconds from now on. */
export const RENEW = `
  WITH ${HELD}
  UPDATE shared.pending_embeddings SET due_at = now() + $5 * interval '1 ms' WHERE ${ROW_IS_HELD}`;

/**
 * Puts a memory that was changed on the list: $1 tenant, $2 memory, $3 spaces. Where a migration put it there meanwhile, who
 * has claimed it read what it was before.
 */
export const LEAVE_PENDING = `
  INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space) SELECT $1, $2, unnest($3::text[])
  ON CONFLICT ON CONSTRAINT pending_embeddings_pkey DO UPDATE
    SET claim = NULL, due_at = now(), attempts = 0, reason = NULL, failed_at = NULL, parked_at = NULL`;

/** What failed last: $1 tenant, $2 memories, $3 the space of a tenant that has none. */
export const READ_FAILURES = `
  SELECT memory_id AS "memoryId", reason, attempts, failed_at AS at FROM shared.pending_embeddings
   WHERE tenant_id = $1 AND memory_id = ANY ($2::uuid[]) AND reason IS NOT NULL
     AND space = coalesce((SELECT space FROM shared.recall_settings WHERE tenant_id = $1), $3)`;

/** The memories of a tenant that are parked, oldest first: $1 tenant, $2 how many. */
export const READ_PARKED = `
  SELECT memory_id AS "memoryId", space, attempts, reason, parked_at AS "parkedAt" FROM shared.pending_embeddings
   WHERE tenant_id = $1 AND parked_at IS NOT NULL ORDER BY parked_at, memory_id LIMIT $2`;

/**
 * Has parked memories tried again, as if they had never failed: $1 tenant, $2 one of them, or null for all. One that is
 * being changed just then is passed over.
 */
export const RETRY = `
  WITH memory AS MATERIALIZED (
    SELECT memory_id FROM shared.agent_memories
     WHERE tenant_id = $1 AND memory_id = ANY (ARRAY(
             SELECT memory_id FROM shared.pending_embeddings
              WHERE tenant_id = $1 AND parked_at IS NOT NULL AND ($2::uuid IS NULL OR memory_id = $2)))
       FOR NO KEY UPDATE SKIP LOCKED
  ), pending AS (
    UPDATE shared.agent_memories SET embedding_status = 'pending'
     WHERE tenant_id = $1 AND embedding_status = 'parked' AND ${IS_HELD}
  )
  UPDATE shared.pending_embeddings
     SET claim = NULL, due_at = now(), attempts = 0, reason = NULL, failed_at = NULL, parked_at = NULL
   WHERE tenant_id = $1 AND parked_at IS NOT NULL AND ${IS_HELD}
  RETURNING memory_id AS "memoryId"`;
