/** Where `indexing` has the space of its vectors, from its first parameter on; a tenant that has none begins in it. */
export const SPACE = 12;

/**
 * Inserts vectors of chunks.
 * @param rows a SELECT of agent, memory, chunk, space, signs and vector, for the tenant $1
 */
export function insertEmbeddings(rows: string): string {
  return `
    INSERT INTO shared.memory_embeddings (tenant_id, agent_id, memory_id, chunk, model, signs, embedding)
    ${rows}`;
}

/**
 * Writes what finds memories again, as part of a statement that writes the memories themselves, so that storing takes
 * one round trip: common table expressions, whose parameters are those of `indexParametersOf`, from $`first` on;
 * $1 is the tenant. Lexemes are those of the tenant's text search configuration, and none is counted twice: a chunk's
 * length is the sum of its term frequencies.
 */
export function indexing(first: number): string {
  const $ = (position: number): string => `$${first + position}`;
  return `
  config AS MATERIALIZED (
    SELECT text_search::regconfig AS name, space, next_space, is_noted
      FROM shared.hold_recall_settings($1, ${$(0)}, ${$(SPACE)})
  ), lexeme AS MATERIALIZED (${lexemesOf(
    `unnest(${$(13)}::uuid[], ${$(14)}::smallint[], ${$(15)}::text[], ${$(16)}::text[])`,
  )}
  ), posting AS MATERIALIZED (${postingsOf()}
  ), posted AS (
    INSERT INTO shared.recall_postings (tenant_id, lexeme, memory_id, chunk, tf, dl)
    SELECT $1, lexeme, memory_id, chunk, tf, dl FROM posting
  ), counted AS (${counting('posting', 1)}
  ), documented AS (
    INSERT INTO shared.recall_documents
      (tenant_id, memory_id, agent_id, thread_id, seq, speaker, role, occurred_at, ends_in_question, length, chunks,
       content_key, lexemes)
    SELECT $1, d.*, coalesce(l.lexemes, '{}')
      FROM unnest(${$(1)}::uuid[], ${$(2)}::text[], ${$(3)}::text[], ${$(4)}::bigint[], ${$(5)}::text[], ${$(6)}::text[],
                  ${$(7)}::timestamptz[], ${$(8)}::boolean[], ${$(9)}::int[], ${$(10)}::smallint[], ${$(11)}::bigint[])
             AS d (memory_id)
      LEFT JOIN (SELECT memory_id, array_agg(DISTINCT lexeme) AS lexemes FROM lexeme GROUP BY memory_id) l
             ON l.memory_id = d.memory_id
  ), embedded AS (${insertEmbeddings(`
    SELECT $1, agent_id, memory_id, chunk, ${$(SPACE)}, signs, embedding
      FROM unnest(${$(17)}::text[], ${$(13)}::uuid[], ${$(14)}::smallint[], ${$(18)}::varbit[], ${$(19)}::halfvec[])
             AS e (agent_id, memory_id, chunk, signs, embedding)
     WHERE signs IS NOT NULL`)}
  )`;
}

/**
 * Takes memories out of recall, before they go or are written anew: $1 tenant, $2 their ids. A statement before it holds
 * the index (`hold_recall_settings`), lest it miss what a rewrite commits while it waits.
 */
export const UNINDEX = `
  WITH gone AS (
    DELETE FROM shared.recall_documents WHERE tenant_id = $1 AND memory_id = ANY ($2)
    RETURNING memory_id, agent_id, lexemes
  ), unposted AS (
    DELETE FROM shared.recall_postings p
     USING (SELECT memory_id, unnest(lexemes) AS lexeme FROM gone) g
     WHERE p.tenant_id = $1 AND p.lexeme = g.lexeme AND p.memory_id = g.memory_id
    RETURNING p.memory_id, p.chunk, p.dl
  ), unembedded AS (
    DELETE FROM shared.memory_embeddings e USING gone g
     WHERE e.tenant_id = $1 AND e.agent_id = g.agent_id AND e.memory_id = g.memory_id
  ), unawaited AS (
    DELETE FROM shared.pending_embeddings WHERE tenant_id = $1 AND memory_id = ANY ($2)
  )${counting('unposted', -1)}`;

/** The lexemes of chunks of which `rows` names the memory, the number, the heading and the body, in a `config`. */
export function lexemesOf(rows: string, key = 'memory_id'): string {
  return `
    SELECT c.${key}, c.chunk, l.lexeme, least(sum(cardinality(l.positions)), 32767)::smallint AS tf
      FROM config, ${rows} AS c (${key}, chunk, heading, body),
           LATERAL (SELECT lexeme, positions FROM unnest(to_tsvector(config.name, c.heading))
                    UNION ALL
                    SELECT lexeme, positions FROM unnest(to_tsvector(config.name, c.body))) l
     GROUP BY c.${key}, c.chunk, l.lexeme`;
}

/** The same with the lengths of their chunks. */
export function postingsOf(key = 'memory_id'): string {
  return `
    SELECT *, least(sum(tf) OVER (PARTITION BY ${key}, chunk), 32767)::smallint AS dl FROM lexeme`;
}

/**
 * Adds chunks to the tenant's corpus, or takes them away. A transaction has one shard, that of its connection, which
 * another may have, too: whoever writes holds the memories first and the shard last, so no two wait for each other in turn,
 * unless they are units of work that write several times, of which PostgreSQL then undoes one, which is begun again.
 */
export function counting(postings: string, sign: 1 | -1): string {
  return `
    INSERT INTO shared.recall_corpus AS c (tenant_id, shard, chunks, length)
    SELECT $1, pg_backend_pid() % 16, ${sign} * count(*), ${sign} * sum(dl)
      FROM (SELECT DISTINCT memory_id, chunk, dl FROM ${postings}) chunk
    HAVING count(*) > 0
    ON CONFLICT (tenant_id, shard) DO UPDATE
      SET chunks = c.chunks + excluded.chunks, length = c.length + excluded.length`;
}
