import type { RequestLimit } from './request-limit.js';

/** What a text is to the search: something stored, or something asked. Some models embed the two differently. */
export type EmbeddingKind = 'document' | 'query';

/** What is known of the words of a query, from the texts that it is put to. */
export interface QueryWeights {
  /**
   * How much a word tells, at least 0 and finite: its inverse document frequency. Asked with words as `wordsOf`
   * gives them, and with those of `corrections`.
   */
  readonly weightOf: (word: string) => number;
  /** Words that are known, for such in the query that are not. */
  readonly corrections?: readonly string[];
}

/**
 * Turns texts into vectors whose inner product is their cosine similarity. The class is the port and its
 * injection token; every driver passes the same contract suite (`test/embeddings.spec.ts`).
 */
export abstract class Embedder {
  /** Names the vector space: vectors of two models are not comparable. */
  abstract readonly model: string;

  /** Length of every vector; those of two lengths are as little comparable as those of two models. */
  abstract readonly dimensions: number;

  /** What one request takes; absent of an embedder that asks nobody. What is asked beyond that takes several. */
  readonly requestLimit?: RequestLimit;

  /**
   * One finite vector of `dimensions` numbers and unit length per text, in the order of the texts; `[]` for `[]`.
   *
   * @throws EmbeddingsUnavailableError when the provider cannot be reached, is too slow or refuses
   * @throws InvalidEmbeddingError when it answers with vectors that must not be stored
   */
  abstract embed(texts: readonly string[], kind: EmbeddingKind): Promise<number[][]>;

  /**
   * The vector of a query whose words are weighed by what each tells, of an embedder whose vectors tell words; one that
   * tells meaning has no use for it, and no such method.
   */
  embedQuery?(text: string, weights: QueryWeights): Promise<number[]>;
}
