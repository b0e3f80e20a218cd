import { setImmediate } from 'node:timers/promises';
import { euclideanNorm, isNearZero, toUnitVectors } from './check-vectors.js';
import { Embedder, type EmbeddingKind, type QueryWeights } from './embedder.js';
import { featureHash } from './feature-hash.js';
import { stemFeature, visitFeatures } from './text-features.js';

/** About 10 ms of work: a large batch must not hold the event loop from other requests. */
const YIELD_AFTER_LENGTH = 25_000;

/** How soon more of a feature stops to count, and how much the length of a text matters, as in BM25. */
const K1 = 1.2;
const B = 0.5;

/**
 * Where BM25 has the average of all documents, which would make a vector depend on the others: the weights of
 * the features of a turn of a conversation, about 15 words, sum up to this.
 */
const AVERAGE_LENGTH = 80;

/** Changes whenever the same text would get another vector. */
export const LOCAL_MODEL = 'triptych-local-2';

/**
 * The built-in embedder: no network, no weights, the same vector everywhere. It knows words and their forms, not
 * their meaning. Signed feature hashing (Weinberger et al., Feature Hashing for Large Scale Multitask
 * Learning, 2009): each feature of the text adds its weight to one dimension, or subtracts it, so that
 * collisions cancel on average and the inner product stays unbiased.
 *
 * A feature counts in a document as a term in BM25 (Robertson & Zaragoza, The Probabilistic Relevance Framework,
 * 2009), without its inverse document frequency, which changes with every document and so belongs to the query:
 * {@link embedQuery}. Scaled to unit length, that finds the same as 1 + ln of the count (R@10 of these vectors alone:
 * 75.6 and 55.4 against 75.4 and 55.6, LoCoMo and BEAM), whatever k1 and b are. Another hash function finds up to 2
 * points more or less.
 */
export class LocalEmbedder extends Embedder {
  readonly model = LOCAL_MODEL;

  constructor(readonly dimensions: number) {
    super();
  }

  embed(texts: readonly string[], kind: EmbeddingKind = 'document'): Promise<number[][]> {
    return this.vectorsOf(texts, kind === 'document' ? documentFeatures : queryFeatures);
  }

  /**
   * The vector of a query that weighs each word by what it tells: of unit length, and comparable with those of
   * documents. The words that `corrections` stand in for stay in the query.
   *
   * @throws InvalidEmbeddingError for weights that are not finite
   */
  override async embedQuery(text: string, weights: QueryWeights): Promise<number[]> {
    const [vector] = await this.vectorsOf([text], (query) => queryFeatures(query, weights));
    return vector as number[];
  }

  private async vectorsOf(
    texts: readonly string[],
    featuresOf: (text: string) => ReadonlyMap<string, number>,
  ): Promise<number[][]> {
    const vectors: number[][] = [];
    let sinceYield = 0;
    for (const text of texts) {
      sinceYield += text.length;
      if (sinceYield > YIELD_AFTER_LENGTH) {
        await setImmediate();
        sinceYield = 0;
      }
      vectors.push(this.hashed(featuresOf(text)));
    }
    return toUnitVectors(vectors, texts.length, this.dimensions);
  }

  private hashed(features: ReadonlyMap<string, number>): number[] {
    const vector = new Array<number>(this.dimensions).fill(0);
    for (const [feature, weight] of features) {
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

function documentFeatures(text: string): Map<string, number> {
  const counted = new Map<string, { weight: number; count: number }>();
  let length = 0;
  visitFeatures(text, (feature, weight) => {
    const seen = counted.get(feature);
    if (seen) seen.count++;
    else counted.set(feature, { weight, count: 1 });
    length += weight;
  });
  const saturation = K1 * (1 - B + (B * length) / AVERAGE_LENGTH);
  return new Map(
    Array.from(counted, ([feature, { weight, count }]) => [
      feature,
      (weight * count * (K1 + 1)) / (count + saturation),
    ]),
  );
}

/** A feature counts once, with the highest weight of the places where it stands. */
function queryFeatures(
  text: string,
  { weightOf = () => 1, corrections = [] }: Partial<QueryWeights> = {},
): Map<string, number> {
  const features = new Map<string, number>();
  const add = (feature: string, weight: number): void => {
    features.set(feature, Math.max(weight, features.get(feature) ?? 0));
  };
  visitFeatures(text, (feature, weight, words) => {
    add(feature, weight * Math.min(...words.map(weightOf)));
  });
  for (const word of corrections) add(stemFeature(word), weightOf(word));
  return features;
}
