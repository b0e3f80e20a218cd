/** What a text is to the search: something stored, or something asked. Some models embed the two differently. */
export type EmbeddingKind = 'document' | 'query';

/**
 * Turns texts into vectors whose inner product is their cosine similarity. The class is the port and its
 * injection token; every driver passes the same contract suite (`test/embeddings.spec.ts`).
 */
export abstract class Embedder {
  /** Names the vector space: vectors of two models are not comparable. */
  abstract readonly model: string;

  /** Length of every vector, the same as the column that stores them. */
  abstract readonly dimensions: number;

  /**
   * One finite vector of `dimensions` numbers and unit length per text, in the order of the texts; `[]` for `[]`.
   *
   * @throws EmbeddingsUnavailableError when the provider cannot be reached, is too slow or refuses
   * @throws InvalidEmbeddingError when it answers with vectors that must not be stored
   */
  abstract embed(texts: readonly string[], kind: EmbeddingKind): Promise<number[][]>;
}
