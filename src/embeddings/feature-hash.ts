const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * A 32-bit hash of a string's UTF-16 code units, the same on every platform: FNV-1a, then the finaliser of
 * MurmurHash3, without which the low bits of short strings would be poorly mixed.
 */
export function featureHash(feature: string): number {
  let hash = FNV_OFFSET;
  for (let i = 0; i < feature.length; i++) {
    hash = Math.imul(hash ^ feature.charCodeAt(i), FNV_PRIME);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
