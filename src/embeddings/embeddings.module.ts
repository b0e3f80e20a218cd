import { Global, Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { createEmbedder } from './create-embedder.js';
import { Embedder } from './embedder.js';

const MIN_QUERY_TIMEOUT_MS = 2_000;

/** The one {@link Embedder} that the settings name. */
@Global()
@Module({
  providers: [
    {
      provide: Embedder,
      inject: [TRIPTYCH_OPTIONS],
      // A compile has half of its time left for what the words say. Less than a provider may well need says nothing of it.
      useFactory: ({ embeddings, recall }: TriptychOptions) =>
        createEmbedder({
          ...embeddings,
          queryTimeoutMs: Math.max(MIN_QUERY_TIMEOUT_MS, Math.round(recall.timeoutMs / 2)),
        }),
    },
  ],
  exports: [Embedder],
})
export class EmbeddingsModule {}
