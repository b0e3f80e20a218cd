import type { INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { TriptychSettings } from '../src/config/options.js';
import { ContextManager } from '../src/context/context-manager.js';
import { ContextModule } from '../src/context/context.module.js';
import { Embedder } from '../src/embeddings/embedder.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import type { Message } from '../src/session/message.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { TokenCounter } from '../src/tokens/token-counter.js';
import { WorkingContextCompiler } from '../src/working-context/working-context-compiler.js';
import type { CompileInput } from '../src/working-context/working-context.js';
import { DIMENSIONS, GivenVectors } from './recall-embedder.js';

/** Messages of one call to fill a thread; the most that one may append. */
const BATCH = 1_000;

/** The settings under which an embedder asks a model, whose place {@link giveVectors} takes. */
export const MODEL = {
  provider: 'openai',
  baseUrl: 'http://127.0.0.1:9/v1',
  model: new GivenVectors().model,
  dimensions: DIMENSIONS,
} as const satisfies TriptychSettings['embeddings'];

/** The embedder of an application answers vectors that are given, so that no model is measured. */
export function giveVectors(app: Pick<INestApplicationContext, 'get'>, vectors: GivenVectors): void {
  app.get(Embedder, { strict: false }).embed = (texts) => vectors.embed(texts);
}

/** Triptych as a Nest application holds it, its vectors given. */
export class CompileService {
  readonly context: ContextManager;
  readonly compiler: WorkingContextCompiler;
  readonly counter: TokenCounter;
  readonly memory: LongTermMemory;
  readonly sessions: SessionStore;
  readonly tenants: TenantContext;
  readonly embedder = new GivenVectors();

  private constructor(private readonly app: INestApplicationContext) {
    giveVectors(app, this.embedder);
    this.context = app.get(ContextManager);
    this.compiler = app.get(WorkingContextCompiler);
    this.counter = app.get(TokenCounter, { strict: false });
    this.memory = app.get(LongTermMemory);
    this.sessions = app.get(SessionStore);
    this.tenants = app.get(TenantContext);
  }

  static async open(url: string, poolSize: number): Promise<CompileService> {
    const module = ContextModule.forRoot({
      database: { url, migrateOnStart: true, poolSize },
      embeddings: MODEL,
      log: { level: 'silent' },
    });
    return new CompileService(
      await NestFactory.createApplicationContext(module, { logger: false, abortOnError: false }),
    );
  }

  async append(tenantId: string, threadId: string, messages: readonly Message[]): Promise<void> {
    for (let from = 0; from < messages.length; from += BATCH)
      await this.tenants.run(tenantId, () =>
        this.sessions.appendMessages(threadId, messages.slice(from, from + BATCH)),
      );
  }

  /** What `work` hands to the compiler, as it comes from the database. */
  async inputOf(work: () => Promise<unknown>): Promise<CompileInput> {
    const inputs: CompileInput[] = [];
    const { compiler } = this;
    compiler.compile = (input) => {
      inputs.push(input);
      return WorkingContextCompiler.prototype.compile.call(compiler, input);
    };
    try {
      await work();
    } finally {
      delete (compiler as Partial<WorkingContextCompiler>).compile;
    }
    const [input] = inputs;
    if (!input) throw new Error('Nothing was compiled.');
    return input;
  }

  close(): Promise<void> {
    return this.app.close();
  }
}
