import { RateLimitedError } from '../errors.js';
import { SharedBucket } from './shared-bucket.js';
import type { ExchangeRates } from './rate-buckets.js';

/** Above so many tenants the one who was away longest is forgotten: his bucket is the likeliest to be full. */
const MANY = 100_000;

/**
 * Counts requests per second, by tenant: a token bucket, which is filled all the time. Fixed windows admit the
 * requests of a second in its first moment, and whoever comes next waits behind all of them (measured under a
 * flood: 197 requests in a tenth of a second, then none for half of one).
 *
 * With `exchange` the bucket is one over all processes: a process lets in up to a tenth of a second's requests
 * before the others know, and tells them within a second; those above that wait for the answer, all of them for
 * one. So N processes let in at most rate × (seconds + 2) + N × max(1, rate ÷ 10) in any stretch of time. What was
 * too much is owed: over a long time it is the rate.
 */
export class RateLimiter {
  readonly #buckets = new Map<string, SharedBucket>();

  /**
   * @param exchange tells the other processes; absent: there are none
   * @param now milliseconds that only go on
   */
  constructor(
    private readonly exchange?: ExchangeRates,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Lets a request in, or waits until the others were told of those before it.
   * @param rate requests per second; twice as many at once
   * @param known requests that may be sent, as the database last told; for a tenant of whom nothing is known here
   * @throws RateLimitedError with the seconds until the next request can succeed
   */
  async admit(tenantId: string, rate: number, known?: number): Promise<void> {
    const bucket = this.#bucketOf(tenantId, rate, known);
    if (!(await bucket.take(rate))) throw new RateLimitedError(bucket.retryAfter());
  }

  /** Tells the others what they were not told yet. */
  async flush(): Promise<void> {
    await Promise.all([...this.#buckets.values()].map((bucket) => bucket.tell()));
  }

  /** The bucket, last in the order of use. */
  #bucketOf(tenantId: string, rate: number, known: number | undefined): SharedBucket {
    const bucket =
      this.#buckets.get(tenantId) ??
      new SharedBucket({ tenantId, rate, known, exchange: this.exchange, now: this.now });
    this.#buckets.delete(tenantId);
    this.#buckets.set(tenantId, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MANY && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}
