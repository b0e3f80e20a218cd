import {
  Inject,
  Injectable,
  Logger,
  Optional,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { INSUFFICIENT_PRIVILEGE } from '../database/sql-states.js';
import { Embedders } from '../embeddings/embedders.js';
import { EmbeddingsUnavailableError } from '../errors.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { WAITING_SPACES } from './embedding-backlog.sql.js';
import {
  DEFAULT_PACE,
  EmbeddingWorker,
  SHUTDOWN_MS,
  type BacklogCounts,
  type BacklogPace,
} from './embedding-worker.js';

export const BACKLOG_PACE = Symbol('BACKLOG_PACE');

/**
 * Gives memories that were stored while the embedding provider failed their vectors, and those that are being migrated
 * theirs of another model: a worker in each process for each space in which something waits, so that a model which fails
 * keeps no other from its work.
 */
@Injectable()
export class EmbeddingBacklog implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #logger = new Logger(EmbeddingBacklog.name);
  readonly #stop = new AbortController();
  readonly #outside = new AsyncResource('EmbeddingBacklog');
  readonly #workers = new Map<string, EmbeddingWorker>();
  /** Spaces of which this process has no embedder, and has said so. */
  readonly #unserved = new Set<string>();
  readonly #pace: BacklogPace;
  readonly #timeoutMs: number;
  #isStarted = false;
  #discovering: Promise<void> | undefined;

  constructor(
    @Inject(Database) private readonly database: Database,
    @Inject(TRIPTYCH_OPTIONS) { embeddings: { timeoutMs } }: TriptychOptions,
    private readonly embedders: Embedders,
    private readonly tenants: TenantContext,
    @Optional() @Inject(BACKLOG_PACE) pace: BacklogPace = DEFAULT_PACE,
  ) {
    this.#pace = pace;
    this.#timeoutMs = timeoutMs;
  }

  onApplicationBootstrap(): void {
    this.#isStarted = true;
    this.#workerOf(this.embedders.defaultSpace);
    for (const worker of this.#workers.values()) worker.start();
    this.#discovering ??= this.#outside.runInAsyncScope(() => this.#discover());
  }

  /**
   * Says that something of a tenant is due, once it is committed. Returns at once.
   * @param space in which it waits for vectors: that of the settings unless said otherwise
   */
  wake(tenantId: string, space: string = this.embedders.defaultSpace): void {
    this.#workerOf(space)?.wake(tenantId);
  }

  /** Says that the provider has just answered somebody else, so that it need not be left alone any longer. */
  providerAnswered(space: string): void {
    this.#workers.get(space)?.providerAnswered();
  }

  get counts(): BacklogCounts {
    const counts = [...this.#workers.values()].map((worker) => worker.counts);
    const sum = (name: keyof BacklogCounts): number => counts.reduce((total, each) => total + each[name], 0);
    return { finished: sum('finished'), retried: sum('retried'), parked: sum('parked') };
  }

  /** Does not wait for the provider, and gives back what it has, while the database is still open. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#stop.abort();
    const workers = [...this.#workers.values()].map((worker) => worker.stop());
    // Whose statement may be under way; the workers wait for theirs no longer than this.
    const discovered = Promise.race([this.#discovering, sleep(SHUTDOWN_MS, undefined, { ref: false })]);
    await Promise.all([discovered, ...workers]);
  }

  #workerOf(space: string): EmbeddingWorker | undefined {
    const known = this.#workers.get(space);
    if (known) return known;
    try {
      const { database, tenants } = this;
      const embedder = this.embedders.of(space);
      const parts = { database, tenants, embedder, timeoutMs: this.#timeoutMs, pace: this.#pace };
      // It may be a request that asks for it first, whose id and turn are none of the worker's.
      const worker = this.#outside.runInAsyncScope(() => new EmbeddingWorker(parts));
      this.#workers.set(space, worker);
      if (this.#isStarted && !this.#stop.signal.aborted) worker.start();
      return worker;
    } catch (error) {
      if (!(error instanceof EmbeddingsUnavailableError)) throw error;
      if (!this.#unserved.has(space))
        this.#logger.warn({ event: 'embeddings_space_unserved', space, remedy: error.message });
      this.#unserved.add(space);
      return undefined;
    }
  }

  /** Looks for spaces in which something waits. Never rejects: the worker of the settings tells what is wrong. */
  async #discover(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        const spaces = await this.database.queryAsWorker<{ space: string }>(WAITING_SPACES);
        for (const { space } of spaces) this.#workerOf(space);
      } catch (error) {
        if ((error as { code?: unknown }).code === INSUFFICIENT_PRIVILEGE) return;
      }
      const jittered = this.#pace.pollMs * (0.75 + Math.random() / 2);
      await sleep(jittered, undefined, { signal, ref: false }).catch(() => undefined);
    }
  }
}
