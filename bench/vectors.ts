import { uniform } from './random.js';

/** Unit vectors in random directions, the same for the same seed. */
export function unitVectors(count: number, dimensions: number, seed: number): number[][] {
  const random = normal(seed);
  return Array.from({ length: count }, () => {
    const vector = Array.from({ length: dimensions }, random);
    const length = Math.hypot(...vector);
    return vector.map((value) => value / length);
  });
}

/** Normally distributed numbers (Box & Muller, 1958). */
function normal(seed: number): () => number {
  const random = uniform(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}
