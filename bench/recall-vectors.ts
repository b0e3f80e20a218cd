import { uniform } from './random.js';

/** Of a cluster's radius, how far its vectors lie from the centre: two of one cluster have a cosine of about 0.74. */
const NOISE = 0.6;
/** Vectors of one cluster, on average. */
const CLUSTER = 100;
/** Normally distributed numbers, of which centres and noise are slices: a million draws take 50 ms, 10^9 do not. */
const DRAWS = 1 << 20;

let drawn: Float32Array | undefined;

/**
 * The vectors of one tenant: unit vectors around as many random centres as there are hundreds of them. The same for the
 * same name.
 */
export class ClusteredVectors {
  readonly #dimensions: number;
  readonly #centres: readonly number[];
  readonly #seed: number;

  constructor(name: string, { count, dimensions }: { count: number; dimensions: number }) {
    this.#dimensions = dimensions;
    this.#seed = hashOf(name);
    const random = warm(this.#seed);
    this.#centres = Array.from({ length: Math.max(1, Math.round(count / CLUSTER)) }, () =>
      this.#slice(random()),
    );
  }

  /** The nth, from 0; those of another `kind` lie around the same centres. */
  at(n: number, kind = 'memory'): number[] {
    const random = warm(this.#seed ^ hashOf(`${kind} ${n}`));
    const centre = this.#centres[Math.floor(random() * this.#centres.length)] ?? 0;
    const noise = this.#slice(random());
    const flip = Math.floor(random() * 2 ** 31);
    const numbers = draws();
    const vector = new Array<number>(this.#dimensions);
    let squares = 0;
    for (let i = 0; i < vector.length; i += 1) {
      // Two slices that overlap are no longer alike once every other run of signs is turned.
      const sign = Math.imul(i + 1, 0x9e3779b1) & flip ? NOISE : -NOISE;
      const value = (numbers[centre + i] as number) + sign * (numbers[noise + i] as number);
      vector[i] = value;
      squares += value * value;
    }
    const length = Math.sqrt(squares);
    for (let i = 0; i < vector.length; i += 1) vector[i] = (vector[i] as number) / length;
    return vector;
  }

  #slice(random: number): number {
    return Math.floor(random * (DRAWS - this.#dimensions));
  }
}

/** FNV-1a (Fowler, Noll & Vo), of 32 bits. */
export function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** Numbers whose first ones differ for seeds that are close, too. */
function warm(seed: number): () => number {
  const random = uniform(seed);
  for (let draw = 0; draw < 8; draw += 1) random();
  return random;
}

/** Box & Muller, 1958. */
function draws(): Float32Array {
  if (drawn) return drawn;
  const random = warm(1);
  drawn = Float32Array.from(
    { length: DRAWS },
    () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random()),
  );
  return drawn;
}
