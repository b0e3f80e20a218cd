import { Module, type DynamicModule, type Provider } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { Registry } from 'prom-client';
import type { TriptychOptions } from './config/options.js';
import { ContextController } from './context/context.controller.js';
import { ContextModule } from './context/context.module.js';
import { ReceiptsController } from './context/receipts.controller.js';
import { SearchController } from './context/search.controller.js';
import { Database } from './database/database.js';
import { Embedder } from './embeddings/embedder.js';
import { GuardedEmbedder } from './embeddings/guarded-embedder.js';
import { ShuttingDownError } from './errors.js';
import { HealthController } from './http/health.controller.js';
import { HealthProbes } from './http/health-probes.js';
import { createRegistry } from './http/metrics.js';
import { MetricsController } from './http/metrics.controller.js';
import { RequestDrain } from './http/request-drain.js';
import { McpController } from './mcp/mcp.controller.js';
import { MEASURE_STORED_MEMORIES } from './memory/stored-memories.sql.js';
import { MemoryController } from './memory/memory.controller.js';
import { SessionController } from './session/session.controller.js';
import { MEASURE_MEMORIES, StorageFigures } from './session/storage-figures.js';

const METRICS: Provider[] = [
  StorageFigures,
  { provide: MEASURE_MEMORIES, useValue: MEASURE_STORED_MEMORIES },
  { provide: Registry, useFactory: createRegistry },
];

/** The standalone service: the context module, and REST in front of it. */
@Module({})
export class AppModule {
  static forRoot(options: TriptychOptions, seed?: Blob): DynamicModule {
    return {
      module: AppModule,
      imports: [
        ContextModule.forRootAsync({ useFactory: () => options, seed }),
        TerminusModule.forRoot({ logger: false }),
      ],
      controllers: [
        SessionController,
        MemoryController,
        SearchController,
        ContextController,
        ReceiptsController,
        HealthController,
        ...(options.metrics.enabled ? [MetricsController] : []),
        ...(options.mcp.enabled ? [McpController] : []),
      ],
      providers: [
        ...(options.metrics.enabled ? METRICS : []),
        { provide: RequestDrain, useFactory: () => new RequestDrain(options.http) },
        { provide: HealthProbes, inject: [RequestDrain, Database, Embedder], useFactory: probes },
      ],
    };
  }
}

function probes(drain: RequestDrain, database: Database, embedder: Embedder): HealthProbes {
  return {
    service: () => {
      if (drain.isDraining) throw new ShuttingDownError();
      return Promise.resolve({});
    },
    database: async () => {
      await database.checkServing();
      return { engine: database.engine };
    },
    schema: async () => {
      await database.checkSchema();
      return {};
    },
    embeddings: () =>
      Promise.resolve({ model: embedder.model, dimensions: embedder.dimensions, ...breakerOf(embedder) }),
  };
}

/** Of a provider that is away: told, and no reason to be out of service, since all goes on without it. */
function breakerOf(embedder: Embedder): Record<string, string> {
  if (!(embedder instanceof GuardedEmbedder)) return {};
  const { name, since, nextAttempt } = embedder.state;
  return {
    breaker: name,
    since: since.toISOString(),
    ...(nextAttempt && { nextAttempt: nextAttempt.toISOString() }),
  };
}
