import { Embedder } from '../src/embeddings/embedder.js';
import { ClusteredVectors, hashOf } from './recall-vectors.js';

export const DIMENSIONS = 1_536;

/**
 * Stands for a model in every contestant: a text has the vector that it was given, and any other text one by its hash.
 * It takes microseconds, so that what is measured is the store and not the model. It has no `embedQuery`: to Triptych it
 * is a model that tells meaning, whose vectors are always looked through.
 */
export class GivenVectors extends Embedder {
  readonly model = 'bench';
  readonly dimensions = DIMENSIONS;
  readonly #given = new Map<string, number[]>();
  readonly #others = new ClusteredVectors('others', { count: 100_000, dimensions: DIMENSIONS });

  give(text: string, vector: number[]): void {
    this.#given.set(text, vector);
  }

  forget(texts: readonly string[]): void {
    for (const text of texts) this.#given.delete(text);
  }

  vectorOf(text: string): number[] {
    return this.#given.get(text) ?? this.#others.at(hashOf(text));
  }

  embed(texts: readonly string[]): Promise<number[][]> {
    return Promise.resolve(texts.map((text) => this.vectorOf(text)));
  }
}
