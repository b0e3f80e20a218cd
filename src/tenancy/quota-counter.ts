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

  constructor(
    private readonly database: Pick<Database, 'query'>,
    private readonly tenants: TenantContext,
    private readonly now: () => number = Date.now,
  ) {}

  /**
   * Counts one request.
   * @param storedToday what the database said of today; used when this process knows no better
   * @throws QuotaExceededError with the seconds until midnight UTC; such a request is not counted
   */
  admit(tenantId: string, quota: number, storedToday: number): void {
    const now = this.now();
    const day = dayOf(now);
    const key = `${day} ${tenantId}`;
    let count = this.#counts.get(key);
    if (!count) {
      count = { tenantId, day, stored: storedToday, pending: 0 };
      this.#counts.set(key, count);
    }
    count.stored = Math.max(count.stored, storedToday);
    if (count.stored + count.pending >= quota)
      throw new QuotaExceededError(Math.ceil((DAY_MS - (now % DAY_MS)) / 1_000));
    count.pending += 1;
  }

  /** Adds what is pending to the database. What cannot be written now stays pending. */
  async flush(): Promise<void> {
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
        // The database is away, which requests report; the next flush adds these too.
      }
    }
  }
}

/** The date of a moment in UTC, as `2026-05-08`. */
export function dayOf(now: number): string {
  return new Date(now).toISOString().slice(0, 10);
}
