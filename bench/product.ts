import { Logger } from '@nestjs/common';
import pg, { type QueryResultRow } from 'pg';
import { DataSource } from 'typeorm';
import type { TriptychOptions } from '../src/config/options.js';
import { dataSourceOptions } from '../src/database/data-source-options.js';
import { Database } from '../src/database/database.js';
import { Embedder } from '../src/embeddings/embedder.js';
import { Embedders } from '../src/embeddings/embedders.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { TenantSpaces } from '../src/recall/tenant-spaces.js';
import { SessionStore } from '../src/session/session-store.js';
import { Session } from '../src/session/session.entity.js';
import { AuditLog } from '../src/tenancy/audit-log.js';
import { Idempotency } from '../src/tenancy/idempotency.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { TiktokenCounter } from '../src/tokens/tiktoken-counter.js';
import { DIMENSIONS, MODEL } from './isolation-data.js';
import { UnscopedPool } from './unscoped-pool.js';
import { unitVectors } from './vectors.js';

const ENTITIES = [MemoryEntry, Session];

/** Answers prepared vectors, so that a search is the database's work alone. */
class PreparedEmbedder extends Embedder {
  readonly model = MODEL;
  readonly dimensions = DIMENSIONS;
  readonly #vectors = unitVectors(64, DIMENSIONS, 2);
  #next = 0;

  embed(texts: readonly string[]): Promise<number[][]> {
    return Promise.resolve(texts.map(() => this.#vectors[(this.#next += 1) % this.#vectors.length] ?? []));
  }
}

/** The tiers as a host application holds them. */
export interface Product {
  readonly memory: LongTermMemory;
  readonly sessions: SessionStore;
  readonly tenants: TenantContext;
  close(): Promise<void>;
}

/** Triptych as it is: the runtime role, row-level security, a scope in each transaction. */
export async function isolatedProduct(
  options: TriptychOptions,
  embedder: Embedder = new PreparedEmbedder(),
): Promise<Product & { readonly database: Database }> {
  const database = await Database.open({ options, entities: ENTITIES, tenantOfCaller: currentTenant });
  return { ...productOf(database, { options, embedder, close: () => database.close() }), database };
}

/** The same classes on connections without a role or a tenant, whose user is past every policy. */
export async function unscopedProduct(
  options: TriptychOptions,
): Promise<Product & { readonly pool: UnscopedPool }> {
  const settings = dataSourceOptions({ options, entities: ENTITIES });
  const dataSource = new DataSource({
    ...settings,
    driver: { ...pg, Pool: UnscopedPool },
    // Rows of LangGraph's tables take their tenant from the setting; here one stands for all.
    extra: { ...(settings.extra as object), pipeline: true, options: '-c app.tenant_id=unscoped' },
  });
  await dataSource.initialize();
  const { master } = dataSource.driver as unknown as { master: UnscopedPool };
  const database = {
    engine: 'postgres',
    dataSource,
    pool: master,
    query: async <Row extends QueryResultRow>(sql: string, parameters: unknown[] = []) =>
      (await master.query<Row>(sql, parameters)).rows,
    unitOfWork: <T>(work: () => Promise<T>) => master.unitOfWork(work),
    afterCommit: (callback: () => void) => {
      master.afterCommit(callback);
    },
  };
  const product = productOf(database as unknown as Database, {
    options,
    embedder: new PreparedEmbedder(),
    close: () => dataSource.destroy(),
  });
  return { ...product, pool: master };
}

interface Parts {
  readonly options: TriptychOptions;
  readonly embedder: Embedder;
  readonly close: () => Promise<void>;
}

function productOf(database: Database, { options, embedder, close }: Parts): Product {
  // The log is no part of what is measured.
  Logger.overrideLogger(false);
  const tenants = new TenantContext();
  const audit = new AuditLog(database, tenants);
  const idempotency = new Idempotency(database, tenants);
  const counter = new TiktokenCounter();
  const spaces = new TenantSpaces(database, new Embedders(embedder));
  return {
    memory: new LongTermMemory(database, options, spaces, tenants, audit, idempotency, counter),
    sessions: new SessionStore(database, tenants, counter, audit, idempotency),
    tenants,
    close,
  };
}
