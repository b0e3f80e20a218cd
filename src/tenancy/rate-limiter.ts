import { RateLimitedError } from '../errors.js';

/** A bucket holds what may be sent at once: the requests of two seconds, since an agent's work comes in bursts. */
const SECONDS_HELD = 2;
/** Above so many tenants the one who was away longest is forgotten: his bucket is the likeliest to be full. */
const MANY = 100_000;

interface Bucket {
  readonly rate: number;
  /** Requests that may be sent now. */
  tokens: number;
  /** In ms since the epoch: when `tokens` was right. */
  at: number;
}

/**
 * Counts requests per second in this process, by tenant: a token bucket, which is filled all the time. Fixed
 * windows admit the requests of a second in its first moment, and whoever comes next waits behind all of
 * them (measured under a flood: 197 requests in a tenth of a second, then none for half of one).
 */
export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>();
  readonly #now: () => number;

  /** @param now milliseconds since the epoch */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /**
   * @param rate requests per second; twice as many at once
   * @throws RateLimitedError with the seconds until the next request can succeed
   */
  admit(tenantId: string, rate: number): void {
    const bucket = this.#bucketOf(tenantId, rate);
    if (bucket.tokens < 1) throw new RateLimitedError(Math.max(1, Math.ceil((1 - bucket.tokens) / rate)));
    bucket.tokens -= 1;
  }

  /** The bucket as it is now, last in the order of use. */
  #bucketOf(tenantId: string, rate: number): Bucket {
    const now = this.#now();
    const known = this.#buckets.get(tenantId);
    const tokens = known?.rate === rate ? tokensAt(known, now) : rate * SECONDS_HELD;
    const bucket = { rate, tokens, at: now };
    this.#buckets.delete(tenantId);
    this.#buckets.set(tenantId, bucket);
    const [oldest] = this.#buckets.keys();
    if (this.#buckets.size > MANY && oldest !== undefined) this.#buckets.delete(oldest);
    return bucket;
  }
}

/** A clock that was set back gives nothing, and takes nothing. */
function tokensAt({ rate, tokens, at }: Bucket, now: number): number {
  return Math.min(rate * SECONDS_HELD, tokens + (Math.max(now - at, 0) / 1_000) * rate);
}
