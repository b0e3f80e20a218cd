import { spacedText, wordsOf } from '../embeddings/text-features.js';
import { characterBound } from '../tokens/character-bounds.js';
import { isCorrectable } from './near-words.js';

/** Of a longer question, in UTF-16 units, only the beginning is looked at word by word. */
export const MAX_QUESTION = 4_000;
/** Unknown words for which others are looked up, each with about 600 variants. */
const MAX_UNKNOWN_WORDS = 8;

/** A question, ready to be looked up. */
export interface Question {
  /** As it was asked, or the beginning of it. */
  readonly text: string;
  /** The same for the parser of the index. */
  readonly lexicalText: string;
  /** Its words, each once, in their order. */
  readonly words: readonly string[];
}

/** A lexeme of a question as the tenant's index knows it. */
export interface QuestionLexeme {
  readonly lexeme: string;
  /** The words of the question that gave it; none when only several together did. */
  readonly words: readonly string[];
  /** In how many chunks it stands. */
  readonly frequency: number;
  /** See `ASKING_WORDS`. */
  readonly isAsking: boolean;
}

export function readQuestion(query: string): Question {
  const text = query.slice(0, characterBound(query, MAX_QUESTION, 'start'));
  return { text, lexicalText: spacedText(text), words: [...new Set(wordsOf(text))] };
}

/** Words that may be misspelt: no lexeme of theirs is known, and they are no stop words, which have none. */
export function unknownWords({ words }: Question, lexemes: readonly QuestionLexeme[]): string[] {
  const known = new Set(lexemes.flatMap((lexeme) => (lexeme.frequency > 0 ? lexeme.words : [])));
  const unknown = new Set(lexemes.flatMap((lexeme) => (lexeme.frequency > 0 ? [] : lexeme.words)));
  return words
    .filter((word) => unknown.has(word) && !known.has(word) && isCorrectable(word))
    .slice(0, MAX_UNKNOWN_WORDS);
}
