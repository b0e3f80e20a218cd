import { Module, type DynamicModule } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { Registry } from 'prom-client';
import type { TriptychOptions } from './config/options.js';
import { ContextController } from './context/context.controller.js';
import { ContextModule } from './context/context.module.js';
import { ReceiptsController } from './context/receipts.controller.js';
import { SearchController } from './context/search.controller.js';
import { Database } from './database/database.js';
import { Embedder } from './embeddings/embedder.js';
import { HealthController } from './http/health.controller.js';
import { HealthProbes } from './http/health-probes.js';
import { createRegistry } from './http/metrics.js';
import { MetricsController } from './http/metrics.controller.js';
import { MemoryController } from './memory/memory.controller.js';
import { SessionController } from './session/session.controller.js';
import { StorageFigures } from './session/storage-figures.js';

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
        MetricsController,
      ],
      providers: [
        StorageFigures,
        { provide: Registry, useFactory: createRegistry },
        { provide: HealthProbes, inject: [Database, Embedder], useFactory: probes },
      ],
    };
  }
}

function probes(database: Database, embedder: Embedder): HealthProbes {
  return {
    database: async () => {
      await database.query('SELECT 1');
      return { engine: database.engine };
    },
    schema: async () => {
      await database.checkSchema();
      return {};
    },
    embeddings: () => Promise.resolve({ model: embedder.model, dimensions: embedder.dimensions }),
  };
}
