import { Global, Module } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { createEmbedder } from './create-embedder.js';
import { Embedder } from './embedder.js';

/** The one {@link Embedder} that the settings name. */
@Global()
@Module({
  providers: [
    {
      provide: Embedder,
      inject: [TRIPTYCH_OPTIONS],
      useFactory: ({ embeddings }: TriptychOptions) => createEmbedder(embeddings),
    },
  ],
  exports: [Embedder],
})
export class EmbeddingsModule {}
