import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Registry } from 'prom-client';
import type { TriptychOptions } from './config/options.js';
import { ContextReceipts } from './context/context-receipts.js';
import { Database } from './database/database.js';
import { Embedders } from './embeddings/embedders.js';
import { measureEmbeddings } from './embeddings/embedding-metrics.js';
import { measureCompiles, measureRecall, measureReceipts } from './http/context-metrics.js';
import { measureConnections } from './http/database-metrics.js';
import { tellBuild } from './http/metrics.js';
import { requestMetrics } from './http/request-metrics.js';
import type { RequestListener } from './http/request-telemetry.js';
import { measureStorage } from './http/storage-metrics.js';
import { EmbeddingBacklog } from './memory/embedding-backlog.js';
import { measureEmbeddingBacklog } from './memory/embedding-backlog-metrics.js';
import { PendingFigures } from './memory/pending-figures.js';
import { StorageFigures } from './session/storage-figures.js';
import { Meter } from './telemetry/meter.js';

/** Makes metrics of everything that the rooms of the service tell, from now on. */
export function measureApp(
  app: NestFastifyApplication,
  options: TriptychOptions['metrics'],
): RequestListener {
  const registry: Registry = app.get(Registry);
  const meter = app.get(Meter);
  const database = app.get(Database);
  tellBuild(registry, database);
  measureConnections(registry, meter, database.pool);
  measureCompiles(registry, meter);
  measureRecall(registry, meter);
  measureReceipts(registry, meter, app.get(ContextReceipts));
  measureEmbeddings(registry, app.get(Embedders), meter);
  measureEmbeddingBacklog(registry, app.get(EmbeddingBacklog), app.get(PendingFigures));
  measureStorage(app.getHttpAdapter().getInstance(), registry, app.get(StorageFigures), options);
  return requestMetrics(registry);
}
