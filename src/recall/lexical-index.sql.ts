import { counting, lexemesOf, postingsOf } from './recall-index.sql.js';
import { POSTING_ARRAYS } from './scanned.sql.js';

/**
 * The text search configurations that the role which serves requests can use, `names`: those of PostgreSQL by their name,
 * others with their schema.
 */
const AVAILABLE = `
  SELECT CASE n.nspname WHEN 'pg_catalog' THEN quote_ident(c.cfgname) ELSE format('%I.%I', n.nspname, c.cfgname) END AS name,
         c.oid, c.cfgname
    FROM pg_ts_config c JOIN pg_namespace n ON n.oid = c.cfgnamespace
   WHERE has_schema_privilege('triptych_app', n.oid, 'USAGE')`;

/** $1 tenant, $2 the default: one row. */
export const READ_TEXT_SEARCH = `
  SELECT t.tenant_id AS "tenantId", coalesce(s.text_search, t.by_default) AS "textSearch",
         coalesce(s.is_own, false) AS "isOwn", t.by_default AS "default",
         (SELECT count(*) FROM shared.recall_documents WHERE tenant_id = $1)::int AS memories,
         ARRAY(SELECT name FROM (${AVAILABLE}) a ORDER BY name) AS available
    FROM (SELECT $1::text AS tenant_id, $2::text AS by_default) t
    LEFT JOIN shared.recall_settings s USING (tenant_id)`;

/** What is meant by a name, $1: one of those, or the name alone where PostgreSQL finds it without its schema. */
export const FIND_TEXT_SEARCH = `
  SELECT name FROM (${AVAILABLE}) a
   WHERE name = $1 OR cfgname = $1 AND pg_ts_config_is_visible(oid)
   ORDER BY name = $1 DESC LIMIT 1`;

/** Holds the index of a tenant alone, until the commit, once nobody writes to it; see `hold_recall_settings`. */
export const HOLD_INDEX = `SELECT pg_advisory_xact_lock(hashtextextended('recall ' || $1::text, 0))`;

/** Takes all postings of a tenant out of its index. */
export const DELETE_POSTINGS = `DELETE FROM shared.recall_postings WHERE tenant_id = $1`;

/** And nothing is counted any more. */
export const CLEAR_CORPUS = `UPDATE shared.recall_corpus SET chunks = 0, length = 0 WHERE tenant_id = $1`;

/** The next memories that can be found: $1 tenant, $2 the id of the one before, $3 how many. */
export const READ_INDEXED = `
  SELECT memory_id AS "memoryId", agent_id AS "agentId", content, source FROM shared.agent_memories
   WHERE tenant_id = $1 AND retracted_at IS NULL AND memory_id > $2
   ORDER BY memory_id LIMIT $3`;

/**
 * Writes the postings of memories whose documents are there, and what their documents know of the content. $1 tenant,
 * $2 configuration; of chunks $3 memories, $4 numbers, $5 headings, $6 bodies; of memories $7 ids, $8 whether they end in a
 * question, $9 lengths, $10 how many chunks, $11 keys of the content. Answers how many documents there were.
 */
export const REWRITE_MEMORIES = `
  WITH config AS MATERIALIZED (
    SELECT $2::regconfig AS name
  ), lexeme AS MATERIALIZED (${lexemesOf('unnest($3::uuid[], $4::smallint[], $5::text[], $6::text[])')}
  ), documented AS (
    UPDATE shared.recall_documents r
       SET ends_in_question = d.ends_in_question, length = d.length, chunks = d.chunks, content_key = d.content_key,
           lexemes = coalesce(l.lexemes, '{}')
      FROM unnest($7::uuid[], $8::boolean[], $9::int[], $10::smallint[], $11::bigint[])
             AS d (memory_id, ends_in_question, length, chunks, content_key)
      LEFT JOIN (SELECT memory_id, array_agg(DISTINCT lexeme) AS lexemes FROM lexeme GROUP BY memory_id) l USING (memory_id)
     WHERE r.tenant_id = $1 AND r.memory_id = d.memory_id
    RETURNING r.memory_id
  ), posting AS MATERIALIZED (
    SELECT p.* FROM (${postingsOf()}) p JOIN documented USING (memory_id)
  ), posted AS (
    INSERT INTO shared.recall_postings (tenant_id, lexeme, memory_id, chunk, tf, dl)
    SELECT $1, lexeme, memory_id, chunk, tf, dl FROM posting
  ), counted AS (${counting('posting', 1)}
  )
  SELECT count(*)::int AS documents FROM documented`;

/** The next revisions that could be found: $1 tenant, $2 and $3 memory and number of the one before, $4 how many. */
export const READ_REVISIONS = `
  SELECT memory_id AS "memoryId", revision, content, source FROM shared.memory_revisions
   WHERE tenant_id = $1 AND NOT retracted AND (memory_id, revision) > ($2::uuid, $3::int)
   ORDER BY memory_id, revision LIMIT $4`;

/**
 * The same for revisions, which have their postings as arrays. $1 tenant, $2 configuration; of chunks $3 the place of the
 * revision in the lists after, $4 numbers, $5 headings, $6 bodies; of revisions $7 memories, $8 numbers, $9 how many chunks.
 */
export const REWRITE_REVISIONS = `
  WITH config AS MATERIALIZED (
    SELECT $2::regconfig AS name
  ), lexeme AS MATERIALIZED (${lexemesOf('unnest($3::bigint[], $4::smallint[], $5::text[], $6::text[])', 'place')}
  ), posting AS MATERIALIZED (${postingsOf('place')}
  )
  UPDATE shared.memory_revisions r
     SET chunks = d.chunks, lexemes = coalesce(w.lexemes, '{}'), lexeme_chunks = w.lexeme_chunks,
         frequencies = w.frequencies, chunk_lengths = w.chunk_lengths, lexeme_count = coalesce(w.lexeme_count, 0)
    FROM unnest($7::uuid[], $8::int[], $9::smallint[]) WITH ORDINALITY AS d (memory_id, revision, chunks, place)
    LEFT JOIN (SELECT place, ${POSTING_ARRAYS} FROM posting p GROUP BY place) w USING (place)
   WHERE r.tenant_id = $1 AND r.memory_id = d.memory_id AND r.revision = d.revision`;

/** $1 tenant, $2 the configuration with which its index is written, $3 whether that is its own. */
export const NOTE_TEXT_SEARCH = `
  INSERT INTO shared.recall_settings (tenant_id, text_search, is_own) VALUES ($1, $2, $3)
  ON CONFLICT (tenant_id) DO UPDATE SET text_search = excluded.text_search, is_own = excluded.is_own`;
