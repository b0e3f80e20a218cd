/**
 * The lexemes of a question with what the tenant's corpus knows of them. $1 tenant, $2 the configuration of tenants that
 * have none of their own, $3 the question, $4 its words, $5 words of asking in English. One row for each lexeme: the words that
 * gave it, in how many chunks it stands, whether it is one of asking, the number of chunks and their average length.
 * Frequencies are counted on the index, where a search reads the same postings a moment later.
 */
export const READ_QUESTION = `
  WITH config AS MATERIALIZED (
    SELECT coalesce((SELECT text_search FROM shared.recall_settings WHERE tenant_id = $1), $2)::regconfig AS name
  ), corpus AS MATERIALIZED (
    SELECT sum(chunks)::float8 AS chunks, (sum(length) / nullif(sum(chunks), 0))::float8 AS average
      FROM shared.recall_corpus WHERE tenant_id = $1
  ), asked AS MATERIALIZED (
    SELECT lexeme, NULL AS word FROM config, unnest(tsvector_to_array(to_tsvector(name, $3))) lexeme
     UNION ALL
    SELECT lexeme, word FROM config, unnest($4::text[]) word, unnest(tsvector_to_array(to_tsvector(name, word))) lexeme
  ), lexeme AS MATERIALIZED (
    SELECT lexeme, coalesce(array_agg(DISTINCT word) FILTER (WHERE word IS NOT NULL), '{}') AS words
      FROM asked GROUP BY lexeme
  )
  SELECT l.lexeme, l.words, c.chunks, c.average,
         (SELECT count(*) FROM shared.recall_postings p WHERE p.tenant_id = $1 AND p.lexeme = l.lexeme)::int AS frequency,
         config.name = 'english'::regconfig
           AND l.lexeme = ANY (SELECT unnest(tsvector_to_array(to_tsvector('english', $5)))) AS "isAsking"
    FROM lexeme l, corpus c, config
   ORDER BY l.lexeme`;

/**
 * Which of the strings that differ from an unknown word by one letter the tenant knows. $1 tenant, $2 as above, $3 the
 * unknown word of each string, $4 the strings.
 */
export const FIND_NEAR_WORDS = `
  WITH config AS MATERIALIZED (
    SELECT coalesce((SELECT text_search FROM shared.recall_settings WHERE tenant_id = $1), $2)::regconfig AS name
  ), near AS MATERIALIZED (
    SELECT v.word, lexeme, array_agg(v.variant) AS variants
      FROM config, unnest($3::text[], $4::text[]) v (word, variant),
           unnest(tsvector_to_array(to_tsvector(config.name, v.variant))) lexeme
     GROUP BY v.word, lexeme
  )
  SELECT n.word, n.lexeme, n.variants, p.frequency
    FROM near n CROSS JOIN LATERAL (
      SELECT count(*)::int AS frequency FROM shared.recall_postings p
       WHERE p.tenant_id = $1 AND p.lexeme = n.lexeme) p
   WHERE p.frequency > 0`;
