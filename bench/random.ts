/** Numbers from 0 to below 1: xorshift of 32 bits (Marsaglia, Xorshift RNGs, 2003). `Math.random` takes no seed. */
export function uniform(seed: number): () => number {
  let state = seed || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
