import { WORKER_ROLE } from '../database/data-source-options.js';
import type { Query } from '../database/preflight.js';
import { ok, skipped, warning, type Result } from './finding.js';

/** Memories that have no vectors, of all tenants. */
export async function checkPending(query: Query): Promise<Result> {
  await query('BEGIN');
  try {
    await query(`SET LOCAL ROLE ${WORKER_ROLE}`);
    const [row] = await query<{ pending: number; parked: number }>(
      `SELECT count(*) FILTER (WHERE parked_at IS NULL)::int AS pending, count(parked_at)::int AS parked
         FROM shared.pending_embeddings`,
    );
    const { pending = 0, parked = 0 } = row ?? {};
    if (parked > 0)
      return warning(
        `${parked} memories could not be embedded, and ${pending} more wait`,
        '`triptych embeddings status --tenant <tenantId>` says why, and `triptych embeddings retry` tries again.',
      );
    return ok(pending === 0 ? 'every memory has its own' : `${pending} memories wait for theirs`);
  } catch {
    return skipped(`the login cannot act as ${WORKER_ROLE}`);
  } finally {
    await query('ROLLBACK');
  }
}
