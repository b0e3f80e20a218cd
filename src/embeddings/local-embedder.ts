import { setImmediate } from 'node:timers/promises';
import { euclideanNorm, isNearZero, toUnitVectors } from './check-vectors.js';
import { Embedder } from './embedder.js';
import { featureHash } from './feature-hash.js';
import { textFeatures } from './text-features.js';

/** About 10 ms of work: a large batch must not hold the event loop from other requests. */
const YIELD_AFTER_LENGTH = 25_000;

/**
 * The built-in embedder: no network, no weights, the same vector everywhere. It knows words and their forms, not
 * their meaning. Signed feature hashing (Weinberger et al., Feature Hashing for Large Scale Multitask
 * Learning, 2009): each feature of the text adds its weight to one dimension, or subtracts it, so that
 * collisions cancel on average and the inner product stays unbiased.
 */
export class LocalEmbedder extends Embedder {
  /** Changes whenever the same text would get another vector. */
  readonly model = 'triptych-local-1';

  constructor(readonly dimensions: number) {
    super();
  }

  async embed(texts: readonly string[]): Promise<number[][]> {
    const vectors: number[][] = [];
    let sinceYield = 0;
    for (const text of texts) {
      sinceYield += text.length;
      if (sinceYield > YIELD_AFTER_LENGTH) {
        await setImmediate();
        sinceYield = 0;
      }
      vectors.push(this.hashed(text));
    }
    return toUnitVectors(vectors, texts.length, this.dimensions);
  }

  private hashed(text: string): number[] {
    const vector = new Array<number>(this.dimensions).fill(0);
    for (const [feature, weight] of textFeatures(text)) {
      const hash = featureHash(feature);
      const sign = hash & 1 ? -1 : 1;
      const dimension = (hash >>> 1) % this.dimensions;
      vector[dimension] = (vector[dimension] ?? 0) + sign * weight;
    }
    // Two features can meet in one dimension with opposite signs; a text of those two alone would vanish.
    if (isNearZero(euclideanNorm(vector))) vector[0] = 1;
    return vector;
  }
}
