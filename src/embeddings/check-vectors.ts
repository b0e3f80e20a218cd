import { InvalidEmbeddingError } from '../errors.js';

/** Below this Euclidean norm a vector has no direction to speak of: its cosine distance is noise, or NaN. */
const MIN_NORM = 1e-6;

/**
 * The last gate before a vector is stored or searched with: one array of `dimensions` finite numbers per
 * text, none near zero, each scaled to unit length.
 *
 * @throws InvalidEmbeddingError naming the first vector that fails and what is wrong with it
 */
export function toUnitVectors(vectors: readonly unknown[], count: number, dimensions: number): number[][] {
  if (vectors.length !== count) {
    throw new InvalidEmbeddingError(`${vectors.length} vectors for ${count} texts`);
  }
  return vectors.map((vector, position) => {
    const numbers = checkedNumbers(vector, position, dimensions);
    const norm = euclideanNorm(numbers);
    if (!Number.isFinite(norm) || isNearZero(norm)) {
      throw new InvalidEmbeddingError(
        `vector ${position} has the norm ${norm} and cannot be scaled to length 1`,
      );
    }
    return numbers.map((x) => x / norm);
  });
}

/**
 * The `embedding` members of an OpenAI-style list of `{index, embedding}`, put in the order of the texts:
 * the protocol promises an index, not an order.
 *
 * @throws InvalidEmbeddingError when the indexes are not exactly 0 … count - 1
 */
export function inOrderOfIndex(items: unknown, count: number): unknown[] {
  if (!Array.isArray(items)) throw new InvalidEmbeddingError('the answer holds no list named "data"');
  if (items.length !== count) throw new InvalidEmbeddingError(`${items.length} vectors for ${count} texts`);

  const byIndex = new Map<unknown, unknown>();
  for (const item of items as readonly ({ index?: unknown; embedding?: unknown } | null)[]) {
    byIndex.set(item?.index, item?.embedding);
  }
  return Array.from({ length: count }, (_, index) => {
    if (!byIndex.has(index)) throw new InvalidEmbeddingError(`no vector has the index ${index}`);
    return byIndex.get(index);
  });
}

export function euclideanNorm(vector: readonly number[]): number {
  return Math.sqrt(vector.reduce((sum, x) => sum + x * x, 0));
}

export function isNearZero(norm: number): boolean {
  return norm < MIN_NORM;
}

function checkedNumbers(vector: unknown, position: number, dimensions: number): number[] {
  if (!Array.isArray(vector)) throw new InvalidEmbeddingError(`vector ${position} is not a list of numbers`);
  if (vector.length !== dimensions) {
    throw new InvalidEmbeddingError(
      `vector ${position} has ${vector.length} dimensions, not ${dimensions}: ` +
        `set EMBEDDING_DIMENSIONS=${vector.length} and migrate, or choose another EMBEDDING_MODEL`,
    );
  }
  const flaw = vector.findIndex((x) => !Number.isFinite(x));
  if (flaw >= 0)
    throw new InvalidEmbeddingError(`vector ${position} holds no finite number at place ${flaw}`);
  return vector as number[];
}
