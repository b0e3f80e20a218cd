import { BurstyRateLimiter, RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { RateLimitedError } from '../errors.js';

/** Seconds over which a tenant may once use its rate a second time: an agent's work comes in bursts. */
const BURST_EVERY_S = 10;

/** Counts requests per second in this process, by tenant; a count is dropped when its time is over. */
export class RateLimiter {
  readonly #byRate = new Map<number, BurstyRateLimiter>();

  /**
   * @param rate requests per second; as many again are allowed as a burst every 10 s
   * @throws RateLimitedError with the seconds until the next request can succeed
   */
  async admit(tenantId: string, rate: number): Promise<void> {
    try {
      await this.#of(rate).consume(tenantId);
    } catch (error) {
      if (!(error instanceof RateLimiterRes)) throw error;
      throw new RateLimitedError(Math.max(1, Math.ceil(error.msBeforeNext / 1_000)));
    }
  }

  /** One for each rate that there is, few: the setting and those given to single tenants. */
  #of(rate: number): BurstyRateLimiter {
    let limiter = this.#byRate.get(rate);
    if (!limiter) {
      limiter = new BurstyRateLimiter(
        new RateLimiterMemory({ points: rate, duration: 1 }),
        new RateLimiterMemory({ points: rate, duration: BURST_EVERY_S }),
      );
      this.#byRate.set(rate, limiter);
    }
    return limiter;
  }
}
