import type { TriptychOptions } from '../config/options.js';
import { createEmbedder } from '../embeddings/create-embedder.js';
import { EmbeddingsUnavailableError, InvalidEmbeddingError } from '../errors.js';
import { failed, failure, ok, type Result } from './finding.js';

/** Asks for the vector of one text, as a search would. */
export async function checkEmbeddings(options: TriptychOptions['embeddings']): Promise<Result> {
  try {
    const embedder = createEmbedder(options);
    const began = performance.now();
    await embedder.embed(['Are you there?'], 'query');
    const ms = Math.round(performance.now() - began);
    const { model, dimensions } = embedder;
    if (options.provider === 'local') return ok(`built in: ${model}, ${dimensions} dimensions`);
    return ok(`${model} of ${serverOf(options)}: ${dimensions} dimensions, answered in ${ms} ms`);
  } catch (error) {
    const asked = `${options.model} of ${serverOf(options)}`;
    if (error instanceof EmbeddingsUnavailableError)
      return failed(
        `${asked}: ${error.detail}`,
        'Without it memories are found by their words alone, until they have vectors.',
      );
    if (error instanceof InvalidEmbeddingError)
      return failed(`${asked}: ${error.message}`, 'Set EMBEDDING_DIMENSIONS to the length of its vectors.');
    return failure(error, 'Check OPENAI_API_KEY, OPENAI_BASE_URL and EMBEDDING_MODEL.');
  }
}

function serverOf({ baseUrl }: TriptychOptions['embeddings']): string {
  return baseUrl === undefined ? 'OpenAI' : new URL(baseUrl).host;
}
