import type { Database } from '../database/database.js';
import type { QueryWeights } from '../embeddings/embedder.js';
import { ASKING_WORDS } from './asking-words.js';
import { nearWords } from './near-words.js';
import { findNearWords, lexemesOfQuestion, type Places } from './question.sql.js';
import { readQuestion, unknownWords, type QuestionLexeme } from './question.js';
import { correctionsOf, termsOf, wordWeights, type NearLexeme, type QuestionTerm } from './question-terms.js';

/** A question as a tenant's index knows it. */
export interface KnownQuestion {
  /** As it was asked, or the beginning of it. */
  readonly text: string;
  readonly terms: readonly QuestionTerm[];
  /** Of a chunk, in lexemes; 1 while there are none. */
  readonly averageLength: number;
  /** The words of the question, and those that stand in for such as nobody has written. */
  readonly words: readonly string[];
  /** What each of them tells. */
  readonly weights: QueryWeights;
}

interface LexemeRow extends QuestionLexeme {
  readonly chunks: number | null;
  readonly average: number | null;
}

/** Looks up the words of questions in the postings of a tenant. */
export class QuestionLookup {
  constructor(
    private readonly database: Database,
    /** The text search configuration of tenants that have none of their own. */
    private readonly textSearch: string,
  ) {}

  /** What a question says by itself, of which no word is looked up. */
  unread(query: string): KnownQuestion {
    const { text, words } = readQuestion(query);
    return { text, words, terms: [], averageLength: 1, weights: { weightOf: () => 1, corrections: [] } };
  }

  /** One statement, and one more when a word stands nowhere and may be a misspelt one. */
  async read(tenantId: string, query: string, places: Places = {}): Promise<KnownQuestion> {
    const question = readQuestion(query);
    const { text, lexicalText, words } = question;
    const lexemes = await this.database.query<LexemeRow>(lexemesOfQuestion(places), [
      tenantId,
      this.textSearch,
      lexicalText,
      words,
      ASKING_WORDS,
      ...(places.scanned?.values ?? []),
    ]);
    const chunks = lexemes[0]?.chunks ?? 0;
    const unknown = chunks > 0 ? unknownWords(question, lexemes) : [];
    const corrections = await this.#corrections(tenantId, unknown, places);
    const standIns = [...new Set(corrections.flatMap(({ variants }) => variants))];
    return {
      text,
      terms: termsOf(lexemes, corrections, chunks),
      averageLength: lexemes[0]?.average ?? 1,
      words: [...words, ...standIns],
      weights: { weightOf: wordWeights(lexemes, corrections, chunks), corrections: standIns },
    };
  }

  async #corrections(tenantId: string, unknown: readonly string[], places: Places): Promise<NearLexeme[]> {
    if (unknown.length === 0) return [];
    const variants = unknown.flatMap((word) => nearWords(word).map((variant) => ({ word, variant })));
    const near = await this.database.query<NearLexeme>(findNearWords(places), [
      tenantId,
      this.textSearch,
      variants.map(({ word }) => word),
      variants.map(({ variant }) => variant),
      ...(places.scanned?.values ?? []),
    ]);
    return correctionsOf(near);
  }
}
