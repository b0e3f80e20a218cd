import type { Embedder } from '../embeddings/embedder.js';

/** Names what vectors are compared within: of another model or length none are. */
export function vectorSpaceOf({ model, dimensions }: Pick<Embedder, 'model' | 'dimensions'>): string {
  return `${model}/${dimensions}`;
}
