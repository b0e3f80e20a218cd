import { prepared } from '../database/prepared-statements.js';
import { nearestOfAgent, nearestOfTenant } from '../recall/candidates.sql.js';
import { indexing, SPACE } from '../recall/recall-index.sql.js';
import { POSTING_ARRAYS, SCANNED_COLUMNS } from '../recall/scanned.sql.js';

/** Of the statement below: whether the memories come with vectors, and where the index begins. */
const EMBEDDED = '$17::boolean';
const INDEX = 18;
const STORED_IN = `$${INDEX + SPACE}::text`;

/**
 * Stores memories, all or none, with their index and their entries in the audit log, in one statement. $1 tenant;
 * $2 ids, $3 agents, $4 contents, $5 metadata and $6 sources as JSON, $7 copies; $8 moment, $9 actor; of the audit log
 * $10 outcome, $11 action and $12 ids; $13 facts of metadata and $14 the id of the memory of each; $15 tokens, in the
 * encoding $16; $17 whether their vectors are there. What follows is that of the index.
 *
 * They wait for vectors of each space that the tenant's are in, or go to, as far as they come without them; also where it is
 * not known for certain in which space the tenant begins. Answers with the tenant's space.
 */
export const STORE_MEMORIES = prepared(
  'store_memories',
  `
  WITH ${indexing(INDEX)}, stored AS (
    INSERT INTO shared.agent_memories
      (tenant_id, memory_id, agent_id, content, metadata, source, copies, tokens, created_at, updated_at, stored_by,
       token_encoding, embedding_status)
    SELECT $1, m.*, $8::timestamptz, $8::timestamptz, $9, $16,
           CASE WHEN NOT ${EMBEDDED} OR config.space <> ${STORED_IN} THEN 'pending' END
      FROM unnest($2::uuid[], $3::text[], $4::text[], $5::jsonb[], $6::jsonb[], $7::int[], $15::int[]) m, config
  ), audited AS (
    INSERT INTO shared.audit_log (tenant_id, actor, outcome, action, object_type, audit_id, object_id)
    SELECT $1, $9, $10, $11, 'memory', audit_id, memory_id
      FROM unnest($12::uuid[], $2::uuid[]) AS a (audit_id, memory_id)
  ), known AS (
    INSERT INTO shared.memory_facts (tenant_id, fact, memory_id)
    SELECT $1, f.* FROM unnest($13::bytea[], $14::uuid[]) f
  ), awaited AS (
    INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space, due_at)
    SELECT $1, p.memory_id, w.space, now() + CASE WHEN w.is_noted THEN '0' ELSE '10 s' END::interval
      FROM (SELECT space, is_noted FROM config UNION SELECT next_space, true FROM config) w,
           unnest($2::uuid[]) AS p (memory_id)
     WHERE w.space IS NOT NULL AND NOT (w.is_noted AND ${EMBEDDED} AND w.space = ${STORED_IN})
  )
  SELECT space FROM config`,
);

/**
 * What is kept of a memory before it changes, with its postings and its vectors, unless it is out of recall: $1 tenant,
 * $2 id, $3 when it stops being valid.
 */
export const KEEP_REVISION = `
  INSERT INTO shared.memory_revisions
    (tenant_id, memory_id, revision, agent_id, content, metadata, source, stored_by, retracted, valid_from, valid_to,
     thread_id, seq, speaker, role, occurred_at, ends_in_question, length, chunks,
     lexemes, lexeme_chunks, frequencies, chunk_lengths, lexeme_count, model, embeddings)
  SELECT m.tenant_id, m.memory_id, m.revision, m.agent_id, m.content, m.metadata, m.source, m.stored_by,
         m.retracted_at IS NOT NULL, m.updated_at, greatest($3::timestamptz, m.updated_at),
         d.thread_id, d.seq, d.speaker, d.role, d.occurred_at, d.ends_in_question, d.length, d.chunks,
         coalesce(w.lexemes, '{}'), w.lexeme_chunks, w.frequencies, w.chunk_lengths, coalesce(w.lexeme_count, 0),
         e.model, e.embeddings
    FROM shared.agent_memories m
    LEFT JOIN shared.recall_documents d ON d.tenant_id = $1 AND d.memory_id = m.memory_id
    LEFT JOIN LATERAL (
      SELECT ${POSTING_ARRAYS} FROM shared.recall_postings p
       WHERE p.tenant_id = $1 AND p.lexeme = ANY (d.lexemes) AND p.memory_id = m.memory_id) w ON true
    LEFT JOIN LATERAL (
      SELECT model, array_agg(embedding ORDER BY chunk) AS embeddings FROM shared.memory_embeddings v
       WHERE v.tenant_id = $1 AND v.agent_id = m.agent_id AND v.memory_id = m.memory_id
       GROUP BY model
       ORDER BY model = (SELECT space FROM shared.recall_settings WHERE tenant_id = $1) DESC NULLS LAST, model
       LIMIT 1) e ON true
   WHERE m.tenant_id = $1 AND m.memory_id = $2`;

/**
 * What memories were before they changed, of those that could be found at a moment, as scanned documents, and as rows
 * `m` of a condition, which sees the whole revision. $1 tenant.
 * @param moment the parameter that holds it
 */
export function revisionsAt(moment: string, condition?: string): string {
  return `
  SELECT ${SCANNED_COLUMNS} FROM (
    SELECT r.*, r.memory_id::text AS id, r.valid_from AS updated_at, a.created_at
      FROM shared.memory_revisions r JOIN shared.agent_memories a USING (tenant_id, memory_id)
     WHERE r.tenant_id = $1 AND r.valid_to > ${moment} AND r.valid_from <= ${moment} AND NOT r.retracted) m
   WHERE ${condition ?? 'true'}`;
}

/** What users see of a memory, as `MemoryEntry`: columns of `shared.agent_memories`. */
export const ENTRY = `
  tenant_id AS "tenantId", memory_id AS "memoryId", agent_id AS "agentId", content, metadata, source,
  created_at AS "createdAt", updated_at AS "updatedAt", revision, stored_by AS "storedBy", copies,
  retracted_at AS "retractedAt", coalesce(embedding_status, 'ready') AS "embeddingStatus"`;

/** The same with the tokens of its line in a prompt. */
export const COUNTED_ENTRY = `${ENTRY}, tokens, token_encoding AS "tokenEncoding"`;

/** Holds a memory until the commit, and the index of the tenant as it is written, with its spaces: $1 tenant, $2 id. */
export const HOLD_MEMORY = `
  SELECT ${ENTRY}, space, next_space AS "nextSpace"
    FROM shared.hold_recall_settings($1, NULL, NULL), shared.agent_memories m
   WHERE tenant_id = $1 AND memory_id = $2 FOR UPDATE OF m`;

/**
 * The next revision: $3 content, $4 metadata, $5 source, $6 when it was retracted, $7 moment, $8 actor, $9 tokens, in the
 * encoding $10; $11 whether it is indexed anew, and $12 what its vectors wait for then, or null.
 */
export const CHANGE_MEMORY = `
  UPDATE shared.agent_memories
     SET content = $3, metadata = $4::jsonb, source = $5::jsonb, retracted_at = $6, stored_by = $8, tokens = $9,
         token_encoding = $10, embedding_status = CASE WHEN $11::boolean THEN $12 ELSE embedding_status END,
         updated_at = greatest($7::timestamptz, updated_at), revision = revision + 1
   WHERE tenant_id = $1 AND memory_id = $2
  RETURNING ${ENTRY}`;

/** Writes the index of memories that are there: $1 tenant, then what `indexing` takes. */
export const INDEX_MEMORIES = `WITH ${indexing(2)} SELECT 1`;

/** The facts of a memory of which the metadata changed: $1 tenant, $2 id, $3 facts. */
export const REPLACE_FACTS = `
  WITH unknown AS (
    DELETE FROM shared.memory_facts WHERE tenant_id = $1 AND memory_id = $2 AND fact <> ALL ($3::bytea[])
  )
  INSERT INTO shared.memory_facts (tenant_id, fact, memory_id) SELECT $1, fact, $2 FROM unnest($3::bytea[]) fact
      ON CONFLICT DO NOTHING`;

export const DELETE_MEMORY = `
  WITH unknown AS (
    DELETE FROM shared.memory_facts WHERE tenant_id = $1 AND memory_id = $2
  )
  DELETE FROM shared.agent_memories WHERE tenant_id = $1 AND memory_id = $2`;

/** $1 tenant, $2 ids; in no order. */
export const READ_MEMORIES = prepared(
  'read_memories',
  `
  SELECT ${COUNTED_ENTRY} FROM unnest($2::uuid[]) wanted CROSS JOIN LATERAL (
    -- Of two indexes that look alike to the planner, the order leaves it the one on the whole key.
    SELECT * FROM shared.agent_memories a
     WHERE a.tenant_id = $1 AND a.memory_id BETWEEN wanted AND wanted ORDER BY a.memory_id LIMIT 1) m`,
);

prepared('nearest_entries', nearestOfTenant(COUNTED_ENTRY));
prepared('nearest_entries_of_agent', nearestOfAgent(COUNTED_ENTRY));

/**
 * The same as they were at the moment $3; out of recall then, or not stored yet, they are left out. Tokens are known of
 * what is valid now, and whether it is embedded is said of that, too.
 */
export const READ_MEMORIES_AS_OF = `
  SELECT ${COUNTED_ENTRY} FROM shared.agent_memories
   WHERE tenant_id = $1 AND memory_id = ANY ($2::uuid[]) AND updated_at <= $3 AND retracted_at IS NULL
   UNION ALL
  SELECT r.tenant_id, r.memory_id, r.agent_id, r.content, r.metadata, r.source, a.created_at, r.valid_from, r.revision,
         r.stored_by, a.copies, NULL, coalesce(a.embedding_status, 'ready'), NULL, NULL
    FROM shared.memory_revisions r JOIN shared.agent_memories a USING (tenant_id, memory_id)
   WHERE r.tenant_id = $1 AND r.memory_id = ANY ($2::uuid[]) AND r.valid_from <= $3 AND r.valid_to > $3
     AND NOT r.retracted`;

/**
 * The memories that may say the same as others: $1 tenant, $2 the keys of these. They are held, since they are to be
 * counted; and before them the index, as by whoever writes to it, lest two wait for each other.
 */
export const FIND_COPIES = `
  SELECT ${ENTRY} FROM shared.hold_recall_settings($1, NULL, NULL), shared.agent_memories m
    JOIN (SELECT memory_id AS id, content_key AS key FROM shared.recall_documents
           WHERE tenant_id = $1 AND content_key = ANY ($2::bigint[])) d ON d.id = m.memory_id
   WHERE m.tenant_id = $1
   ORDER BY created_at, memory_id FOR UPDATE OF m`;

/** Nobody else folds or stores the same until the commit: $1 the keys, in one order for everybody. */
export const LOCK_CONTENTS = `
  SELECT pg_advisory_xact_lock(key) FROM (SELECT key FROM unnest($1::bigint[]) key ORDER BY key) keys`;

/** $1 tenant, $2 ids, $3 how many copies more of each. */
export const COUNT_COPIES = `
  UPDATE shared.agent_memories m SET copies = copies + c.more
    FROM unnest($2::uuid[], $3::int[]) AS c (memory_id, more)
   WHERE m.tenant_id = $1 AND m.memory_id = c.memory_id
  RETURNING m.memory_id AS "memoryId", m.copies`;

const REVISION = `
  memory_id AS "memoryId", revision, agent_id AS "agentId", content, metadata, source, stored_by AS "storedBy", retracted,
  valid_from AS "validFrom"`;

/** Every revision of a memory, newest first: $1 tenant, $2 id. */
export const READ_HISTORY = `
  SELECT memory_id AS "memoryId", revision, agent_id AS "agentId", content, metadata, source, stored_by AS "storedBy",
         retracted_at IS NOT NULL AS retracted, updated_at AS "validFrom", NULL::timestamptz AS "validTo"
    FROM shared.agent_memories WHERE tenant_id = $1 AND memory_id = $2
   UNION ALL
  SELECT ${REVISION}, valid_to FROM shared.memory_revisions WHERE tenant_id = $1 AND memory_id = $2
   ORDER BY revision DESC`;
