import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { StartupError } from '../errors.js';
import { BELIEVED_MS } from '../recall/tenant-spaces.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { DROP_VECTORS, FORGET_PREVIOUS, READ_SPACES } from './space-migration.sql.js';
import type { TenantSpaceRow } from './space-migration.js';

/** Rows that are looked at in one transaction. */
const BATCH = 2_000;
const FIRST = { agentId: '', memoryId: '00000000-0000-0000-0000-000000000000', chunk: -1, model: '' };
/** Of tenants that still use a space. */
const MOST_NAMED = 5;

export interface DropAnswer {
  space: string;
  tenants: number;
  /** Vectors that went. */
  vectors: number;
}

type Row = { isUsed: boolean; dropped: number } & { [Key in keyof typeof FIRST]: (typeof FIRST)[Key] | null };

/**
 * Removes the vectors of a space, which keep no tenant's memories findable any more.
 * @param defaultSpace of a tenant that has none noted yet
 * @throws StartupError when memories of one of the tenants are in that space, or go to it
 */
export async function dropSpace(
  database: Database,
  tenantIds: readonly string[],
  space: string,
  defaultSpace: string,
): Promise<DropAnswer> {
  const tenants = new TenantContext();
  const using: string[] = [];
  for (const tenantId of tenantIds) {
    const [row] = await tenants.run(tenantId, () =>
      database.query<TenantSpaceRow & Record<string, unknown>>(READ_SPACES, [tenantId]),
    );
    if ((row?.space ?? defaultSpace) === space || row?.nextSpace === space) using.push(tenantId);
  }
  if (using.length > 0) throw inUse(space, using);
  // Until nobody searches in it any more who has not heard of a switch.
  await sleep(2 * BELIEVED_MS);
  let vectors = 0;
  for (const tenantId of tenantIds)
    vectors += await tenants.run(tenantId, () => dropOfTenant(database, tenantId, space, defaultSpace));
  return { space, tenants: tenantIds.length, vectors };
}

async function dropOfTenant(
  database: Database,
  tenantId: string,
  space: string,
  defaultSpace: string,
): Promise<number> {
  let vectors = 0;
  for (let last: typeof FIRST | undefined = FIRST; last;) {
    const parameters: unknown[] = [
      tenantId,
      space,
      last.agentId,
      last.memoryId,
      last.chunk,
      last.model,
      BATCH,
      defaultSpace,
    ];
    const [row]: Row[] = await database.query<Row>(DROP_VECTORS, parameters);
    if (row?.isUsed) throw inUse(space, [tenantId]);
    vectors += row?.dropped ?? 0;
    const { agentId, memoryId, chunk, model } = row ?? FIRST;
    last =
      row && agentId !== null && memoryId !== null && chunk !== null && model !== null
        ? { agentId, memoryId, chunk, model }
        : undefined;
  }
  await database.query(FORGET_PREVIOUS, [tenantId, space]);
  return vectors;
}

function inUse(space: string, tenantIds: readonly string[]): StartupError {
  const more = tenantIds.length > MOST_NAMED ? ` and ${tenantIds.length - MOST_NAMED} more` : '';
  return new StartupError(
    `Memories are in ${space}, or go to it, of ${tenantIds.slice(0, MOST_NAMED).join(', ')}${more}: migrate them first.`,
  );
}
