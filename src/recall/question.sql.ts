import { prepared } from '../database/prepared-statements.js';
import type { ScannedDocuments } from './scanned.sql.js';

/** Where a question is looked up. */
export interface Places {
  /** Whether in the tenant's index of memories; it is, unless said otherwise. */
  readonly indexed?: boolean;
  /** In these documents, too. */
  readonly scanned?: ScannedDocuments | undefined;
}

/**
 * The lexemes of a question with what the tenant's corpus knows of them. $1 tenant, $2 the configuration of tenants that
 * have none of their own, $3 the question, $4 its words, $5 words of asking in English. One row for each lexeme: the words that
 * gave it, in how many chunks it stands, whether it is one of asking, the number of chunks and their average length.
 * Frequencies are counted on the index, where a search reads the same postings a moment later. The parameters of
 * scanned documents come from $6 on.
 */
export function lexemesOfQuestion(places: Places = {}): string {
  return `
  WITH config AS MATERIALIZED (
    SELECT coalesce((SELECT text_search FROM shared.recall_settings WHERE tenant_id = $1), $2)::regconfig AS name
  ), corpus AS MATERIALIZED (
    SELECT sum(chunks)::float8 AS chunks, (sum(length) / nullif(sum(chunks), 0))::float8 AS average
      FROM (${corpusOf(places, 6)}) c
  ), asked AS MATERIALIZED (
    SELECT lexeme, NULL AS word FROM config, unnest(tsvector_to_array(to_tsvector(name, $3))) lexeme
     UNION ALL
    SELECT lexeme, word FROM config, unnest($4::text[]) word, unnest(tsvector_to_array(to_tsvector(name, word))) lexeme
  ), lexeme AS MATERIALIZED (
    SELECT lexeme, coalesce(array_agg(DISTINCT word) FILTER (WHERE word IS NOT NULL), '{}') AS words
      FROM asked GROUP BY lexeme
  )${counted(places, 'lexeme', 6)}
  SELECT l.lexeme, l.words, c.chunks, c.average, ${frequencyOf(places, 'l.lexeme')} AS frequency,
         config.name = 'english'::regconfig
           AND l.lexeme = ANY (SELECT unnest(tsvector_to_array(to_tsvector('english', $5)))) AS "isAsking"
    FROM lexeme l, corpus c, config
   ORDER BY l.lexeme`;
}

prepared('lexemes_of_question', lexemesOfQuestion());

/**
 * Which of the strings that differ from an unknown word by one letter the tenant knows. $1 tenant, $2 as above, $3 the
 * unknown word of each string, $4 the strings; scanned documents from $5 on.
 */
export function findNearWords(places: Places = {}): string {
  return `
  WITH config AS MATERIALIZED (
    SELECT coalesce((SELECT text_search FROM shared.recall_settings WHERE tenant_id = $1), $2)::regconfig AS name
  ), near AS MATERIALIZED (
    SELECT v.word, lexeme, array_agg(v.variant) AS variants
      FROM config, unnest($3::text[], $4::text[]) v (word, variant),
           unnest(tsvector_to_array(to_tsvector(config.name, v.variant))) lexeme
     GROUP BY v.word, lexeme
  )${counted(places, 'near', 5)}
  SELECT n.word, n.lexeme, n.variants, p.frequency
    FROM near n CROSS JOIN LATERAL (SELECT ${frequencyOf(places, 'n.lexeme')} AS frequency OFFSET 0) p
   WHERE p.frequency > 0`;
}

prepared('near_words', findNearWords());

function corpusOf({ scanned, indexed = true }: Places, firstParameter: number): string {
  return [
    ...(indexed ? ['SELECT chunks, length FROM shared.recall_corpus WHERE tenant_id = $1'] : []),
    ...(scanned ? [`SELECT chunks, lexeme_count AS length FROM (${scanned.text(firstParameter)}) s`] : []),
  ].join(' UNION ALL ');
}

/** In how many chunks of scanned documents each of some lexemes stands, as a further table `counted`. */
function counted({ scanned }: Places, among: string, firstParameter: number): string {
  if (!scanned) return '';
  return `, counted AS MATERIALIZED (
    SELECT lexeme, count(*) AS frequency
      FROM (${scanned.text(firstParameter)}) s, unnest(s.lexemes) lexeme
     WHERE lexeme IN (SELECT lexeme FROM ${among})
     GROUP BY lexeme)`;
}

function frequencyOf({ scanned, indexed = true }: Places, lexeme: string): string {
  const counts = [
    ...(indexed
      ? [`(SELECT count(*) FROM shared.recall_postings p WHERE p.tenant_id = $1 AND p.lexeme = ${lexeme})`]
      : []),
    ...(scanned ? [`coalesce((SELECT c.frequency FROM counted c WHERE c.lexeme = ${lexeme}), 0)`] : []),
  ];
  return `(${counts.join(' + ')})::int`;
}
