import type { Database } from '../database/database.js';
import type { TenantContext } from './tenant-context.js';

/** A bucket holds what may be sent at once: the requests of two seconds, since an agent's work comes in bursts. */
export const SECONDS_HELD = 2;

/** What a process tells the others of one tenant. */
export interface RateExchange {
  readonly tenantId: string;
  /** Requests per second. */
  readonly rate: number;
  /** Requests that were let in and that nobody was told of. */
  readonly admitted: number;
  /** Requests that wait to be let in. */
  readonly waiting: number;
}

/** What it is told. */
export interface RateAnswer {
  /** Requests that may be sent now, over all processes; below zero when too many were. */
  readonly tokens: number;
  /** How many of those that wait are let in; they are taken off `tokens` already. */
  readonly granted: number;
}

/** Exchanges what processes let in. */
export type ExchangeRates = (exchange: RateExchange) => Promise<RateAnswer>;

/**
 * What there is before this exchange. The moment is the one of the row that would be inserted, since only a value may be
 * read in `DO UPDATE` where a tenant's rows are on another server; a clock that was set back gives nothing, and takes nothing.
 */
const BEFORE = `least($2 * ${SECONDS_HELD}::float8,
    bucket.tokens + greatest(extract(epoch FROM excluded.at - bucket.at), 0)::float8 * $2) - $3`;
const FIRST = `$2::float8 * ${SECONDS_HELD} - $3::float8`;
/** Whole requests, no more than wait and no more than there is. */
const granted = (before: string): string => `least(greatest(floor(${before}), 0), $4::float8)`;

/** Takes off what was let in, and lets in what waits as far as there is something left: one row, one statement. */
const EXCHANGE = `
  INSERT INTO shared.rate_buckets AS bucket (tenant_id, tokens, granted, at)
  VALUES ($1, ${FIRST} - ${granted(FIRST)}, ${granted(FIRST)}::int, now())
  ON CONFLICT (tenant_id) DO UPDATE
    SET tokens = ${BEFORE} - ${granted(BEFORE)}, granted = ${granted(BEFORE)}::int,
        at = greatest(bucket.at, excluded.at)
  RETURNING tokens, granted`;

/** The bucket that all processes share, in `shared.rate_buckets`. */
export function sharedRates(database: Pick<Database, 'query'>, tenants: TenantContext): ExchangeRates {
  return async ({ tenantId, rate, admitted, waiting }) => {
    const [answer] = await tenants.run(tenantId, () =>
      database.query<{ tokens: number; granted: number }>(EXCHANGE, [tenantId, rate, admitted, waiting]),
    );
    if (!answer) throw new Error('The exchange of rates was not answered.');
    return answer;
  };
}
