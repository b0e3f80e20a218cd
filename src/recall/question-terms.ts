import { ASKING_WEIGHT } from './asking-words.js';
import { inverseDocumentFrequency, STOP_WORD_INVERSE_FREQUENCY } from './bm25.js';
import { type QuestionLexeme } from './question.js';

/** Lexemes whose postings are read, those that tell most: ten times what a question has. */
export const MAX_TERMS = 100;

/**
 * Corrections of one word, the most frequent: with 3, every word of a question misspelt costs 5.8 and 5.3 points of
 * R@10 (LoCoMo, BEAM), with 1 7.1 and 6.0, with none 49.9 and 20.2.
 */
const MAX_CORRECTIONS = 3;

/**
 * What is left of an unknown word's weight in the vector of the question once others stand in for it: against all of
 * it, vectors alone find 1.4 points more with one word misspelt and 4.1 with every one (R@10, LoCoMo; BEAM -0.9, 1.0).
 */
const CORRECTED_WEIGHT = 0.5;

/** A lexeme of the index that is one slip away from a word that the index does not know. */
export interface NearLexeme {
  /** The unknown word. */
  readonly word: string;
  readonly lexeme: string;
  /** Those of `nearWords(word)` that give the lexeme; one at least. */
  readonly variants: readonly string[];
  readonly frequency: number;
}

/** What a question is looked up by in the lexical index. */
export interface QuestionTerm {
  readonly lexeme: string;
  /** Above 0: how much it tells, times how much it is asked for. */
  readonly weight: number;
}

/** What stands in for unknown words: of all that is near to each, the most frequent. */
export function correctionsOf(near: readonly NearLexeme[]): NearLexeme[] {
  const taken = new Map<string, number>();
  return near
    .filter(({ frequency }) => frequency > 0)
    .sort((one, other) => other.frequency - one.frequency || inOrder(one.lexeme, other.lexeme))
    .filter(({ word }) => {
      const rank = (taken.get(word) ?? 0) + 1;
      taken.set(word, rank);
      return rank <= MAX_CORRECTIONS;
    });
}

/**
 * The terms of a question, those of most weight first. Of n corrections of one word each has 1/√n of the weight.
 * @param chunks in the tenant's index
 */
export function termsOf(
  lexemes: readonly QuestionLexeme[],
  corrections: readonly NearLexeme[],
  chunks: number,
): QuestionTerm[] {
  const weights = new Map<string, number>();
  const add = (lexeme: string, frequency: number, share: number): void => {
    if (frequency === 0) return;
    const weight = share * inverseDocumentFrequency(frequency, chunks);
    weights.set(lexeme, Math.max(weight, weights.get(lexeme) ?? 0));
  };
  for (const { lexeme, frequency, isAsking } of lexemes) add(lexeme, frequency, isAsking ? ASKING_WEIGHT : 1);
  for (const { word, lexeme, frequency } of corrections) {
    const count = corrections.filter((correction) => correction.word === word).length;
    add(lexeme, frequency, 1 / Math.sqrt(count));
  }
  return Array.from(weights, ([lexeme, weight]) => ({ lexeme, weight }))
    .filter(({ weight }) => weight > 0)
    .sort((one, other) => other.weight - one.weight || inOrder(one.lexeme, other.lexeme))
    .slice(0, MAX_TERMS);
}

/** How much each word of a question and each variant of a correction tells, for `LocalEmbedder.embedQuery`. */
export function wordWeights(
  lexemes: readonly QuestionLexeme[],
  corrections: readonly NearLexeme[],
  chunks: number,
): (word: string) => number {
  const weights = new Map<string, number>();
  for (const { words, frequency } of lexemes) {
    const weight = inverseDocumentFrequency(frequency, chunks);
    for (const word of words) weights.set(word, Math.min(weight, weights.get(word) ?? Infinity));
  }
  for (const word of new Set(corrections.map((correction) => correction.word)))
    weights.set(word, CORRECTED_WEIGHT * inverseDocumentFrequency(0, chunks));
  for (const { variants, frequency } of corrections)
    for (const variant of variants) weights.set(variant, inverseDocumentFrequency(frequency, chunks));
  // A word of the question that gives no lexeme is a stop word.
  return (word) => weights.get(word) ?? STOP_WORD_INVERSE_FREQUENCY;
}

function inOrder(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
