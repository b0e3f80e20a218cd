import type { Embedder } from './embedder.js';

/** Names what vectors are compared within, as `model/dimensions`: of another model or length none are. */
export function vectorSpaceOf({ model, dimensions }: Pick<Embedder, 'model' | 'dimensions'>): string {
  return `${model}/${dimensions}`;
}

/** The model and the length that a space names; a model's name may hold slashes itself. Undefined for what names none. */
export function parseVectorSpace(space: string): Pick<Embedder, 'model' | 'dimensions'> | undefined {
  const [, model, dimensions] = /^(.+)\/([1-9]\d{0,5})$/s.exec(space) ?? [];
  return model === undefined ? undefined : { model, dimensions: Number(dimensions) };
}
