import { halfvec } from '../database/binary-parameters.js';
import type { Embedder } from '../embeddings/embedder.js';
import { InvalidEmbeddingError } from '../errors.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { textsOf, type IndexedVector, type RecallDocument } from './recall-rows.js';
import { signBits } from './sign-bits.js';

/** Those of each memory's chunks, by its id. */
export type DocumentVectors = ReadonlyMap<string, readonly IndexedVector[]>;

/**
 * Contents that are embedded together, and written by one statement, in UTF-16 units: some 2,000 vectors. Of a batch of
 * the largest memories all of them take 3 GB as numbers, and more than the 1 GB that PostgreSQL takes of one statement.
 */
const MAX_PART = 1_000_000;

/** In their order, with contents of {@link MAX_PART} units together at most, or one memory. */
export function partsOf<T extends { readonly content: string }>(documents: readonly T[]): T[][] {
  const parts: T[][] = [];
  let length = Infinity;
  for (const document of documents) {
    length += document.content.length;
    if (length <= MAX_PART) parts.at(-1)?.push(document);
    else {
      parts.push([document]);
      ({ length } = document.content);
    }
  }
  return parts;
}

/** @throws EmbeddingsUnavailableError, InvalidEmbeddingError */
export async function vectorsOf(
  embedder: Embedder,
  documents: readonly RecallDocument[],
): Promise<DocumentVectors> {
  const vectors = new Map<string, IndexedVector[]>();
  for (const part of partsOf(documents)) {
    const texts = part.map((document) => textsOf([document]));
    const made = await betweenTurns(() => embedder.embed(texts.flat(), 'document'));
    const count = texts.flat().length;
    // An embedder of a host's own may not check itself, and the vectors would go to others.
    if (made.length !== count) throw new InvalidEmbeddingError(`${made.length} vectors for ${count} texts`);
    let next = 0;
    for (const [at, { memoryId }] of part.entries())
      vectors.set(memoryId, made.slice(next, (next += texts[at]?.length ?? 0)).map(indexed));
  }
  return vectors;
}

function indexed(vector: readonly number[]): IndexedVector {
  return { signs: signBits(vector), embedding: halfvec(vector) };
}
