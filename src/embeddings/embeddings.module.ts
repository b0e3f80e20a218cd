import { Module, type DynamicModule } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Meter } from '../telemetry/meter.js';
import { createEmbedder, createEmbedders, type EmbeddingsOptions } from './create-embedder.js';
import { Embedder } from './embedder.js';
import { Embedders } from './embedders.js';
import type { GuardOptions } from './guarded-embedder.js';

const MIN_QUERY_TIMEOUT_MS = 2_000;

/** The one {@link Embedder} that the settings name, and those of tenants whose vectors are of another model. */
@Module({})
export class EmbeddingsModule {
  /** @param setup who says for which tenant a provider is asked */
  static register(setup: Pick<GuardOptions, 'tenantOfCaller'>): DynamicModule {
    const embedder = {
      provide: Embedder,
      inject: [TRIPTYCH_OPTIONS, Meter],
      useFactory: (options: TriptychOptions, meter: Meter) =>
        createEmbedder(embeddingsOf(options), { ...setup, meter }),
    };
    const embedders = {
      provide: Embedders,
      inject: [Embedder, TRIPTYCH_OPTIONS],
      useFactory: (own: Embedder, options: TriptychOptions) => createEmbedders(own, embeddingsOf(options)),
    };
    return {
      module: EmbeddingsModule,
      global: true,
      providers: [embedder, embedders],
      exports: [Embedder, Embedders],
    };
  }
}

/** A compile has half of its time left for what the words say. Less than a provider may well need says nothing of it. */
function embeddingsOf({ embeddings, recall }: TriptychOptions): EmbeddingsOptions {
  const queryTimeoutMs = Math.max(MIN_QUERY_TIMEOUT_MS, Math.round(recall.timeoutMs / 2));
  return { ...embeddings, queryTimeoutMs };
}
