import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import type { QueryResultRow } from 'pg';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { dayOf, QuotaCounter } from './quota-counter.js';
import { sharedRates } from './rate-buckets.js';
import { RateLimiter } from './rate-limiter.js';
import { TenantTurns } from './tenant-turns.js';
import { ShortLivedCache, type ShortLived } from './short-lived-cache.js';
import { TenantContext } from './tenant-context.js';

/** Requests per second of a tenant whose credential was proven; in development nobody's was. */
const DEFAULT_RATE = 50;
/** Requests of such a tenant that are worked on at once. */
const DEFAULT_AT_ONCE = 2;
/** A changed limit holds everywhere after this long at most. */
const LIMITS_KEPT_FOR_MS = 5_000;
const LIMITS_KEPT = 10_000;
const FLUSH_EVERY_MS = 1_000;
/** How long a shutdown waits for a database that does not answer. */
const SHUTDOWN_MS = 2_000;

const FIND_LIMITS = `
  SELECT (SELECT rate_limit FROM shared.tenants WHERE tenant_id = $1) AS rate,
         (SELECT daily_quota FROM shared.tenants WHERE tenant_id = $1) AS quota,
         (SELECT requests::float8 FROM shared.usage WHERE tenant_id = $1 AND day = $2) AS today,
         (SELECT tokens FROM shared.rate_buckets WHERE tenant_id = $1) AS tokens,
         (SELECT extract(epoch FROM now() - at)::float8 FROM shared.rate_buckets WHERE tenant_id = $1) AS age`;

interface Limits {
  /** Requests per second; 0: no limit. */
  readonly rate: number;
  /** Requests per day; 0: no limit. */
  readonly quota: number;
  /** Requests of the day, as the database told. */
  readonly today: number;
  /** Requests that may be sent at once, as the database told; undefined: nobody has counted any. */
  readonly tokens: number | undefined;
}

interface FoundLimits {
  readonly rate: number | null;
  readonly quota: number | null;
  readonly today: number | null;
  readonly tokens: number | null;
  /** Of `tokens`, in seconds. */
  readonly age: number | null;
}

/**
 * Keeps a tenant within its rate and its daily quota, so that none takes the service from the others. Both
 * are counted over all processes: see {@link RateLimiter} and {@link QuotaCounter} for how exactly.
 */
@Injectable()
export class TenantLimits implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #defaults: Pick<Limits, 'rate' | 'quota'>;
  readonly #unlimited: boolean;
  readonly #limits = new ShortLivedCache<Limits>(LIMITS_KEPT);
  readonly #rates: RateLimiter;
  readonly #turns: TenantTurns;
  readonly #quotas: QuotaCounter;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    @Inject(TRIPTYCH_OPTIONS) { auth, limits }: TriptychOptions,
    private readonly database: Database,
    private readonly tenants: TenantContext,
  ) {
    const isDev = auth.mode === 'dev';
    this.#defaults = { rate: limits.rate ?? (isDev ? 0 : DEFAULT_RATE), quota: limits.dailyQuota };
    this.#unlimited = isDev && this.#defaults.rate === 0 && this.#defaults.quota === 0;
    this.#quotas = new QuotaCounter(database, tenants);
    // The embedded engine has one process, so there is nobody to tell.
    const isShared = database.engine === 'postgres';
    this.#rates = new RateLimiter(isShared ? sharedRates(database, tenants) : undefined);
    this.#turns = new TenantTurns(limits.concurrency ?? (isDev ? 0 : DEFAULT_AT_ONCE));
  }

  /**
   * Counts one request of a tenant. In development without limits in the settings it does nothing.
   * @throws RateLimitedError, QuotaExceededError with the seconds to wait
   */
  async admit(tenantId: string): Promise<void> {
    if (this.#unlimited) return;
    // Once: while the limits are read the day may end, and its total is none of the next day's.
    const now = Date.now();
    const day = dayOf(now);
    const { rate, quota, today, tokens } = await this.#limits.get(`${day} ${tenantId}`, () =>
      this.#find(tenantId, day),
    );
    if (rate > 0) await this.#rates.admit(tenantId, rate, tokens);
    if (quota > 0) this.#quotas.admit(tenantId, quota, today, now);
  }

  /** Runs `work` when it is the tenant's turn: see {@link TenantTurns.take}. */
  inTurn<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(tenantId, work);
  }

  onApplicationBootstrap(): void {
    if (this.#unlimited) return;
    this.#timer = setInterval(() => void this.#quotas.flush(), FLUSH_EVERY_MS).unref();
  }

  /** While the database is still open; what it does not take in time is lost. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    // A flush that is under way may have passed a tenant who was admitted since.
    const counted = this.#quotas.flush().then(() => this.#quotas.flush());
    await Promise.race([
      Promise.all([counted, this.#rates.flush()]),
      sleep(SHUTDOWN_MS, undefined, { ref: false }),
    ]);
  }

  async #find(tenantId: string, day: string): Promise<ShortLived<Limits>> {
    const [own] = await this.tenants.run(tenantId, () =>
      this.database.query<FoundLimits & QueryResultRow>(FIND_LIMITS, [tenantId, day]),
    );
    const rate = own?.rate ?? this.#defaults.rate;
    const tokens = typeof own?.tokens === 'number' ? own.tokens + (own.age ?? 0) * rate : undefined;
    return {
      value: { rate, quota: own?.quota ?? this.#defaults.quota, today: own?.today ?? 0, tokens },
      forMs: LIMITS_KEPT_FOR_MS,
    };
  }
}
