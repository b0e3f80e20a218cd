import { EmbeddingsUnavailableError } from '../errors.js';
import type { Embedder } from './embedder.js';
import { parseVectorSpace, vectorSpaceOf } from './vector-space.js';

/** Makes the embedder of a model and a length; undefined where the provider cannot have such. */
export type MakeEmbedder = (space: Pick<Embedder, 'model' | 'dimensions'>) => Embedder | undefined;

/**
 * The embedders of one provider, one for each space of vectors (`model/dimensions`). A tenant's vectors stay in their space
 * when the settings change, so a process makes vectors of several.
 */
export class Embedders {
  readonly #embedders = new Map<string, Embedder>();

  /**
   * @param embedder that of the settings
   * @param make others; without it, there are none
   */
  constructor(
    private readonly embedder: Embedder,
    private readonly make: MakeEmbedder = () => undefined,
  ) {}

  /** That of the settings. */
  get default(): Embedder {
    return this.embedder;
  }

  /** In which new tenants begin. */
  get defaultSpace(): string {
    return vectorSpaceOf(this.embedder);
  }

  /** All that were asked for. */
  get known(): readonly Embedder[] {
    return [this.embedder, ...this.#embedders.values()];
  }

  /** @throws EmbeddingsUnavailableError when no embedder here makes vectors of this space */
  of(space: string): Embedder {
    if (space === this.defaultSpace) return this.embedder;
    const known = this.#embedders.get(space);
    if (known) return known;
    const parsed = parseVectorSpace(space);
    const made = parsed && this.make(parsed);
    if (!made)
      throw new EmbeddingsUnavailableError(
        `the vectors are of ${space}, which this process cannot make (it has ${this.defaultSpace}): set EMBEDDINGS and ` +
          'EMBEDDING_MODEL as they were, or run npm run embeddings -- migrate',
      );
    this.#embedders.set(space, made);
    return made;
  }
}
