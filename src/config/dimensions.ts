/** Largest vector that still fits a heap page inline as `halfvec` (2 bytes a dimension, 8,160 bytes a row). */
export const MAX_DIMENSIONS = 4_000;
export const MIN_DIMENSIONS = 8;
