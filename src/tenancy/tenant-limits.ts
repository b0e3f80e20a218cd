import {
  Inject,
  Injectable,
  type BeforeApplicationShutdown,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { dayOf, QuotaCounter } from './quota-counter.js';
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

const FIND_LIMITS = `
  SELECT (SELECT rate_limit FROM shared.tenants WHERE tenant_id = $1) AS rate,
         (SELECT daily_quota FROM shared.tenants WHERE tenant_id = $1) AS quota,
         (SELECT requests::float8 FROM shared.usage WHERE tenant_id = $1 AND day = $2) AS today`;

interface Limits {
  /** Requests per second; 0: no limit. */
  readonly rate: number;
  /** Requests per day; 0: no limit. */
  readonly quota: number;
  /** Requests of today, as the database told. */
  readonly today: number;
}

/**
 * Keeps a tenant within its rate and its daily quota, so that none takes the service from the others. The
 * rate is counted in each process, the quota over all of them.
 */
@Injectable()
export class TenantLimits implements OnApplicationBootstrap, BeforeApplicationShutdown {
  readonly #defaults: Omit<Limits, 'today'>;
  readonly #unlimited: boolean;
  readonly #limits = new ShortLivedCache<Limits>(LIMITS_KEPT);
  readonly #rates = new RateLimiter();
  readonly #turns: TenantTurns;
  readonly #quotas: QuotaCounter;
  #flushing: Promise<void> = Promise.resolve();
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
    this.#turns = new TenantTurns(limits.concurrency ?? (isDev ? 0 : DEFAULT_AT_ONCE));
  }

  /**
   * Counts one request of a tenant. In development without limits in the settings it does nothing.
   * @throws RateLimitedError, QuotaExceededError with the seconds to wait
   */
  async admit(tenantId: string): Promise<void> {
    if (this.#unlimited) return;
    const day = dayOf(Date.now());
    const { rate, quota, today } = await this.#limits.get(`${day} ${tenantId}`, () =>
      this.#find(tenantId, day),
    );
    if (rate > 0) this.#rates.admit(tenantId, rate);
    if (quota > 0) this.#quotas.admit(tenantId, quota, today);
  }

  /** Runs `work` when it is the tenant's turn: see {@link TenantTurns.take}. */
  inTurn<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    return this.#turns.take(tenantId, work);
  }

  onApplicationBootstrap(): void {
    if (this.#unlimited) return;
    this.#timer = setInterval(() => void this.#flush(), FLUSH_EVERY_MS).unref();
  }

  /** While the database is still open. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flush();
  }

  /** One after the other: two at once would write the same counts twice. */
  #flush(): Promise<void> {
    this.#flushing = this.#flushing.then(() => this.#quotas.flush());
    return this.#flushing;
  }

  async #find(tenantId: string, day: string): Promise<ShortLived<Limits>> {
    const [own] = await this.tenants.run(tenantId, () =>
      this.database.query<{ rate: number | null; quota: number | null; today: number | null }>(FIND_LIMITS, [
        tenantId,
        day,
      ]),
    );
    const { rate, quota } = this.#defaults;
    return {
      value: { rate: own?.rate ?? rate, quota: own?.quota ?? quota, today: own?.today ?? 0 },
      forMs: LIMITS_KEPT_FOR_MS,
    };
  }
}
