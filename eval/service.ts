import { type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import packageJson from '../package.json' with { type: 'json' };
import { loadOptions } from '../src/config/load-options.js';
import { ContextManager } from '../src/context/context-manager.js';
import { ContextModule } from '../src/context/context.module.js';
import { Database } from '../src/database/database.js';
import { Embedder } from '../src/embeddings/embedder.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { resolveBudget, TOKEN_BUDGET, type TokenBudget } from '../src/working-context/token-budget.js';

/** What the figures were measured on. */
export interface Setup {
  triptych: string;
  node: string;
  engine: Database['engine'];
  postgres: string;
  pgvector: string;
  embedder: string;
  dimensions: number;
}

/** Triptych, used as a host application uses it: without HTTP. */
export class Service {
  readonly context: ContextManager;
  readonly memory: LongTermMemory;
  readonly tenants: TenantContext;
  /** Tokens of each model tier of the budget, the smallest first. */
  readonly tiers: ReadonlyMap<string, number>;

  private constructor(private readonly app: INestApplicationContext) {
    this.context = app.get(ContextManager);
    this.memory = app.get(LongTermMemory);
    this.tenants = app.get(TenantContext);
    const budget = app.get<TokenBudget>(TOKEN_BUDGET);
    const sizes = Object.keys(budget.tiers).map(
      (tier) => [tier, resolveBudget(budget, { tier }).total] as const,
    );
    this.tiers = new Map(sizes.sort(([, a], [, b]) => a - b));
  }

  /**
   * Starts with the settings of the environment; without a `DATABASE_URL` on an embedded engine that keeps
   * nothing, whatever `DATA_DIR` says.
   * @throws StartupError
   */
  static async start(environment: NodeJS.ProcessEnv): Promise<Service> {
    const options = loadOptions(environment);
    const { url } = options.database;
    const database = url === undefined ? { dataDir: 'memory://' } : options.database;
    const module = ContextModule.forRoot({ ...options, database, log: { level: 'silent' } });
    return new Service(
      await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
    );
  }

  async setup(): Promise<Setup> {
    const database = this.app.get(Database);
    const { model, dimensions } = this.app.get(Embedder);
    const [versions] = await database.query<{ postgres: string; pgvector: string }>(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres, extversion AS pgvector
         FROM pg_extension WHERE extname = 'vector'`,
    );
    return {
      triptych: packageJson.version,
      node: process.versions.node,
      engine: database.engine,
      postgres: versions?.postgres ?? '',
      pgvector: versions?.pgvector ?? '',
      embedder: model,
      dimensions,
    };
  }

  close(): Promise<void> {
    return this.app.close();
  }
}
