import { EmbeddingsUnavailableError, InvalidEmbeddingError } from '../errors.js';

/** Something that could not be done as well as usual, such as a search without its embeddings. */
export interface Degradation {
  /** That of the error which stands behind it, or one of its own. */
  code: string;
  /** For people. */
  detail: string;
}

/**
 * What a search by words alone says of itself, after its embeddings failed.
 * @returns undefined when the error is of another kind, and no search can do without what failed
 */
export function searchedByWords(error: unknown): Degradation | undefined {
  if (!(error instanceof EmbeddingsUnavailableError || error instanceof InvalidEmbeddingError))
    return undefined;
  return {
    code: error.code,
    detail: 'Found by words alone: what says the same in other words is missing.',
  };
}
