import type { Embedder } from './embedder.js';
import { EmbeddingsUnavailableError, TriptychError } from '../errors.js';

/** Of nobody, and such as any model takes. */
export const PROBE_TEXT = 'Are you there?';

/** Whether waiting may help: the provider cannot be asked at all, or fails in a way that nobody has foreseen. */
export function isAway(error: unknown): boolean {
  return error instanceof EmbeddingsUnavailableError ? !error.isOfContent : !(error instanceof TriptychError);
}

/** Whether what looks like a provider that is away may come of the very texts: a local server that chokes on one of them. */
export function mayBeOfTexts(error: unknown): boolean {
  return error instanceof EmbeddingsUnavailableError ? error.mayBeOfContent : isAway(error);
}

/**
 * Asks a provider for one short text, so that no memory decides whether it is there. As long as it does not answer, it is
 * asked for this alone and not for hundreds of texts.
 */
export class ProviderProbe {
  #isDoubted = false;

  constructor(private readonly embedder: Embedder) {}

  /** It did not answer when it was asked last. */
  get isDoubted(): boolean {
    return this.#isDoubted;
  }

  /** @returns why it is away; undefined where it is there, of use or not */
  async ask(): Promise<unknown> {
    try {
      await this.embedder.embed([PROBE_TEXT], 'document');
    } catch (error) {
      this.#isDoubted = isAway(error);
      return this.#isDoubted ? error : undefined;
    }
    this.#isDoubted = false;
    return undefined;
  }
}
