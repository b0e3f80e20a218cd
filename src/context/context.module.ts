import { Module, type DynamicModule } from '@nestjs/common';
import { ConfigModule, type SettingsFactory } from '../config/config.module.js';
import type { TriptychSettings } from '../config/options.js';
import { DatabaseModule } from '../database/database.module.js';
import { EmbeddingsModule } from '../embeddings/embeddings.module.js';
import { MemoryEntry } from '../memory/memory-entry.entity.js';
import { MemoryModule } from '../memory/memory.module.js';
import { RecallModule } from '../recall/recall.module.js';
import { Session } from '../session/session.entity.js';
import { SessionModule } from '../session/session.module.js';
import { currentTenant } from '../tenancy/tenant-context.js';
import { SummariesModule } from '../summaries/summaries.module.js';
import { TelemetryModule } from '../telemetry/telemetry.module.js';
import { TenancyModule } from '../tenancy/tenancy.module.js';
import { TokensModule } from '../tokens/tokens.module.js';
import { WorkingContextModule } from '../working-context/working-context.module.js';
import { ContextManager } from './context-manager.js';
import { ContextRecall } from './context-recall.js';
import { ContextReceipts } from './context-receipts.js';
import { ContextSearch } from './context-search.js';
import { HistoryFolding } from './history-folding.js';

/** How `forRootAsync` is told its settings. */
export interface ContextModuleAsyncOptions extends SettingsFactory {
  /** Archive of an embedded data folder to begin with, used only while there is no data. */
  seed?: Blob | undefined;
}

/**
 * Triptych inside a Nest application: import `forRoot` or `forRootAsync` once, then inject
 * `ContextManager`, `ContextSearch`, `SessionStore`, `LongTermMemory`, `WorkingContextCompiler` and `TenantContext`.
 * It opens a database of its own and leaves the host's DataSource, pools and `ClsModule` alone; call
 * `app.enableShutdownHooks()` or `app.close()` so that it is closed in the end.
 */
@Module({})
export class ContextModule {
  /** @throws StartupError at start when a setting is not acceptable */
  static forRoot(settings: TriptychSettings = {}): DynamicModule {
    return this.forRootAsync({ useFactory: () => settings });
  }

  /** The same with settings made by a factory, such as one that injects the host's `ConfigService`. */
  static forRootAsync({ seed, ...settings }: ContextModuleAsyncOptions): DynamicModule {
    const tiers = [SessionModule, MemoryModule, WorkingContextModule];
    return {
      module: ContextModule,
      imports: [
        ConfigModule.register(settings),
        DatabaseModule.register({ entities: [Session, MemoryEntry], tenantOfCaller: currentTenant, seed }),
        TelemetryModule,
        TenancyModule,
        EmbeddingsModule.register({ tenantOfCaller: currentTenant }),
        RecallModule,
        SummariesModule,
        TokensModule,
        ...tiers,
      ],
      providers: [ContextManager, ContextRecall, ContextReceipts, ContextSearch, HistoryFolding],
      exports: [ContextManager, ContextReceipts, ContextSearch, TenancyModule, ...tiers],
    };
  }
}
