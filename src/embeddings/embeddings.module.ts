import { Global, Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Meter } from '../telemetry/meter.js';
import { createEmbedder, createEmbedders, type EmbeddingsOptions } from './create-embedder.js';
import { Embedder } from './embedder.js';
import { Embedders } from './embedders.js';

const MIN_QUERY_TIMEOUT_MS = 2_000;

/** The one {@link Embedder} that the settings name, and those of tenants whose vectors are of another model. */
@Global()
@Module({
  providers: [
    {
      provide: Embedder,
      inject: [TRIPTYCH_OPTIONS, Meter],
      useFactory: (options: TriptychOptions, meter: Meter) => createEmbedder(embeddingsOf(options), meter),
    },
    {
      provide: Embedders,
      inject: [Embedder, TRIPTYCH_OPTIONS],
      useFactory: (embedder: Embedder, options: TriptychOptions) =>
        createEmbedders(embedder, embeddingsOf(options)),
    },
  ],
  exports: [Embedder, Embedders],
})
export class EmbeddingsModule {}

/** A compile has half of its time left for what the words say. Less than a provider may well need says nothing of it. */
function embeddingsOf({ embeddings, recall }: TriptychOptions): EmbeddingsOptions {
  const queryTimeoutMs = Math.max(MIN_QUERY_TIMEOUT_MS, Math.round(recall.timeoutMs / 2));
  return { ...embeddings, queryTimeoutMs };
}
