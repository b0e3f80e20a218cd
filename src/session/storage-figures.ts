import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { Database } from '../database/database.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { threadKey } from '../tenancy/thread-key.js';
import { MEASURE_DATABASE, MEASURE_TENANT } from './storage-figures.sql.js';

/** What a tenant has said and what is known, and the bytes that this takes. */
export interface StorageFigure {
  readonly sessions: number;
  /** Those that threads show. */
  readonly messages: number;
  /** Of the message log: replaced and removed messages that old checkpoints need are among them. */
  readonly messageBytes: number;
  /** Of LangGraph's tables. */
  readonly checkpointBytes: number;
  readonly memories: number;
  /** Of their contents, metadata and sources. */
  readonly memoryBytes: number;
}

/** Injected where there are memories: a statement with the parameters $1 tenant, $2 memories to sample. */
export const MEASURE_MEMORIES = Symbol('MEASURE_MEMORIES');

interface Served {
  figure: StorageFigure | undefined;
  measuredAt: number;
}

/** A figure is measured again when it is asked for and older than this. */
const MAX_AGE_MS = 60_000;
/** Of the tenants that were served last. */
const TENANTS = 10_000;
/** Tenants that are measured in one go. */
const ROUND = 100;
/** A tenant's threads are measured up to so many, or so many messages; what is beyond is in proportion. */
const SAMPLED_THREADS = 1_000;
const SAMPLED_MESSAGES = 20_000;
const SAMPLED_MEMORIES = 1_000;
const NO_MEMORIES = { memories: 0, memoryBytes: 0 };
const LONGEST_MS = 5_000;

/**
 * How much each tenant stores, for those that this process has served. Row-level security shows one tenant at
 * a time, so this measures them one after the other, in the background and never while somebody waits, each
 * from a sample of bounded size. Nothing is measured unless the figures are asked for.
 */
@Injectable()
export class StorageFigures {
  readonly #served = new Map<string, Served>();
  readonly #logger = new Logger(StorageFigures.name);
  #underWay: Promise<void> | undefined;
  #databaseBytes: number | undefined;
  #databaseMeasuredAt = -Infinity;

  constructor(
    @Inject(Database) private readonly database: Database,
    private readonly tenants: TenantContext,
    @Optional() @Inject(MEASURE_MEMORIES) private readonly measureMemories?: string,
  ) {}

  /** A request of the tenant was answered. */
  served(tenantId: string): void {
    const known = this.#served.get(tenantId) ?? { figure: undefined, measuredAt: 0 };
    this.#served.delete(tenantId);
    this.#served.set(tenantId, known);
    if (this.#served.size > TENANTS) this.#served.delete(this.#served.keys().next().value as string);
  }

  /** The figures as they were measured last, by tenant. What is too old is measured meanwhile, for the next time. */
  read(): Map<string, StorageFigure> {
    if (!this.#underWay) this.#underWay = this.#refreshQuietly();
    const figures = new Map<string, StorageFigure>();
    for (const [tenantId, { figure }] of this.#served) if (figure) figures.set(tenantId, figure);
    return figures;
  }

  /** Of the whole database, as it was measured last. */
  get databaseBytes(): number | undefined {
    return this.#databaseBytes;
  }

  /** Measures the tenants whose figures are the oldest, 100 at most, of those older than `maxAgeMs`. */
  async refresh({ maxAgeMs = MAX_AGE_MS }: { maxAgeMs?: number } = {}): Promise<void> {
    if (performance.now() - this.#databaseMeasuredAt >= maxAgeMs) {
      this.#databaseMeasuredAt = performance.now();
      const [size] = await this.database.query<{ bytes: number }>(MEASURE_DATABASE);
      this.#databaseBytes = size?.bytes;
    }
    const due = [...this.#served]
      .filter(([, { measuredAt }]) => Date.now() - measuredAt >= maxAgeMs)
      .sort(([, a], [, b]) => a.measuredAt - b.measuredAt)
      .slice(0, ROUND);
    for (const [tenantId, served] of due) {
      // Counts as tried: one that takes too long must not keep the others from their turn.
      served.measuredAt = Date.now();
      served.figure = await this.tenants.run(tenantId, () => this.#measure(tenantId));
    }
  }

  async #refreshQuietly(): Promise<void> {
    try {
      await this.refresh();
    } catch (error) {
      this.#logger.warn({ msg: 'The storage of tenants could not be measured.', error: String(error) });
    } finally {
      this.#underWay = undefined;
    }
  }

  #measure(tenantId: string): Promise<StorageFigure> {
    return this.database.unitOfWork(async () => {
      await this.database.query(`SELECT set_config('statement_timeout', $1, true)`, [String(LONGEST_MS)]);
      const [said] = await this.database.query<Omit<StorageFigure, keyof typeof NO_MEMORIES>>(
        MEASURE_TENANT,
        [tenantId, threadKey(tenantId, ''), SAMPLED_THREADS, SAMPLED_MESSAGES],
      );
      const [known = NO_MEMORIES] = this.measureMemories
        ? await this.database.query<typeof NO_MEMORIES>(this.measureMemories, [tenantId, SAMPLED_MEMORIES])
        : [];
      return { ...(said as StorageFigure), ...known };
    });
  }
}
