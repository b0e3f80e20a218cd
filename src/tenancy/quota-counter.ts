import type { Database } from '../database/database.js';
import { QuotaExceededError } from '../errors.js';
import type { TenantContext } from './tenant-context.js';

const DAY_MS = 86_400_000;

const ADD = `
  INSERT INTO shared.usage AS usage (tenant_id, day, requests) VALUES ($1, $2, $3)
  ON CONFLICT (tenant_id, day) DO UPDATE SET requests = usage.requests + excluded.requests
  RETURNING requests::float8 AS requests`;

interface Count {
  readonly tenantId: string;
  readonly day: string;
  /** Requests of all processes, as the database last told. */
  stored: number;
  /** Requests of this process that the database has not been told of. */
  pending: number;
}

/**
 * Counts requests per tenant and day (UTC) in `shared.usage`. Each process adds what it admitted in batches
 * and learns the total of all from the answer, so together they overshoot a quota by no more than they
 * admit between two flushes, and no request waits for a count to be written.
 */
export class QuotaCounter {
  /** By day and tenant, so that what is pending at midnight still belongs to its day. */
  readonly #counts = new Map<string, Count>();
  #flushing: Promise<void> | undefined;

  constructor(
    private readonly database: Pick<Database, 'query'>,
    private readonly tenants: TenantContext,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Counts one request.
   * @param storedThatDay what the database said of the day of `at`; used when this process knows no better
   * @param at when the request came, in milliseconds since 1970: the day may have ended since
   * @throws QuotaExceededError with the seconds until midnight UTC; such a request is not counted
   */
  admit(tenantId: string, quota: number, storedThatDay: number, at: number): void {
    const day = dayOf(at);
    const key = `${day} ${tenantId}`;
    let count = this.#counts.get(key);
    if (!count) {
      count = { tenantId, day, stored: storedThatDay, pending: 0 };
      this.#counts.set(key, count);
    }
    count.stored = Math.max(count.stored, storedThatDay);
    if (count.stored + count.pending >= quota)
      throw new QuotaExceededError(Math.ceil((DAY_MS - (at % DAY_MS)) / 1_000));
    count.pending += 1;
  }

  /**
   * Adds what is pending to the database, or waits for the flush under way: two at once would write the same counts
   * twice. What cannot be written now stays pending. Never rejects.
   */
  flush(): Promise<void> {
    return (this.#flushing ??= this.#write().finally(() => (this.#flushing = undefined)));
  }

  async #write(): Promise<void> {
    const today = dayOf(this.now());
    for (const [key, count] of this.#counts) {
      const { tenantId, day, pending: added } = count;
      if (added === 0) {
        if (day !== today) this.#counts.delete(key);
        continue;
      }
      try {
        const [row] = await this.tenants.run(tenantId, () =>
          this.database.query<{ requests: number }>(ADD, [tenantId, day, added]),
        );
        count.stored = row?.requests ?? count.stored + added;
        count.pending -= added;
      } catch {
        // The database is away, which requests report, and most likely for the others too: the next flush adds them all,
        // and this one last, lest somebody who locks one row keeps everybody else's from it.
        this.#counts.delete(key);
        this.#counts.set(key, count);
        return;
      }
    }
  }
}

/** The date of a moment in UTC, as `2026-05-08`. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}
