import type { TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { INSUFFICIENT_PRIVILEGE } from '../database/sql-states.js';
import { NotFoundError, StartupError } from '../errors.js';
import { currentTenant, TenantContext } from '../tenancy/tenant-context.js';
import { COUNT_BY_TENANT, COUNT_OF_TENANT, READ_PARKED, RETRY } from './embedding-backlog.sql.js';
import { READ_TENANTS } from './space-migration.sql.js';

/** Parked memories that are shown of a tenant. */
const MOST_SHOWN = 100;

export interface TenantStatus {
  tenantId: string;
  /** In which its memories are found: `model/dimensions`; null until the first of them has vectors. */
  space: string | null;
  /** Into which they are being migrated. */
  nextSpace: string | null;
  /** Memories that have no vectors of the first of them. */
  pending: number;
  parked: number;
  /** Memories that have no vectors of the other one yet. */
  migrating: number;
  migratingParked: number;
}

/** Tenants whose memories are in a space, and whose go to it. */
export interface SpaceStatus {
  space: string;
  tenants: number;
  next: number;
}

export interface ParkedMemory {
  memoryId: string;
  /** Of which its vectors would be: `model/dimensions`. */
  space: string;
  attempts: number;
  reason: string;
  parkedAt: Date;
}

export interface StatusAnswer {
  /** Of all tenants that were asked about. */
  pending: number;
  parked: number;
  migrating: number;
  migratingParked: number;
  spaces: SpaceStatus[];
  /** The one that was asked for, or those that have any of these, or are being migrated. */
  tenants: TenantStatus[];
  /** Of one tenant, the oldest first. */
  memories?: ParkedMemory[];
}

export interface RetryAnswer {
  /** Memories that are tried again. */
  retried: number;
  /** Of so many tenants. */
  tenants: number;
}

/** @throws StartupError when the database must not be used as it is */
export async function withMemories<T>(
  options: TriptychOptions,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

/**
 * How many memories wait for vectors, of one tenant or of all.
 * @throws StartupError when the login may not see all tenants
 */
export async function embeddingStatus(
  database: Database,
  { tenantId }: { tenantId?: string | undefined },
): Promise<StatusAnswer> {
  const all = await tenantsOf(database, tenantId);
  const sum = (kind: 'pending' | 'parked' | 'migrating' | 'migratingParked') =>
    all.reduce((total, tenant) => total + tenant[kind], 0);
  const tenants = all.filter((tenant) => tenantId !== undefined || isUnderWay(tenant));
  const answer = {
    ...{ pending: sum('pending'), parked: sum('parked') },
    ...{ migrating: sum('migrating'), migratingParked: sum('migratingParked') },
    spaces: spacesOf(all),
    tenants,
  };
  if (tenantId === undefined) return answer;
  const parameters = [tenantId, MOST_SHOWN];
  const memories = await new TenantContext().run(tenantId, () =>
    database.query<ParkedMemory & Record<string, unknown>>(READ_PARKED, parameters),
  );
  return { ...answer, memories };
}

/**
 * Has parked memories tried again, as if they had never failed: of all tenants, of one, or one memory.
 * @throws NotFoundError when that memory is not parked; StartupError as {@link embeddingStatus} does
 */
export async function retryParked(
  database: Database,
  { tenantId, memoryId }: { tenantId?: string | undefined; memoryId?: string | undefined },
): Promise<RetryAnswer> {
  const parked = (await tenantsOf(database, tenantId)).filter(
    (tenant) => tenant.parked + tenant.migratingParked > 0,
  );
  const answer = { retried: 0, tenants: 0 };
  for (const { tenantId: id } of parked) {
    const rows = await new TenantContext().run(id, () =>
      database.query<{ memoryId: string }>(RETRY, [id, memoryId ?? null]),
    );
    // A memory may be parked in two spaces.
    answer.retried += new Set(rows.map((row) => row.memoryId)).size;
    if (rows.length > 0) answer.tenants += 1;
  }
  if (memoryId !== undefined && answer.retried === 0) throw new NotFoundError('parked memory');
  return answer;
}

/**
 * All tenants that have memories.
 * @throws StartupError when the login may not see them
 */
export async function tenantsWithMemories(database: Database): Promise<string[]> {
  const rows = await asWorker(() => database.queryAsWorker<{ tenantId: string }>(READ_TENANTS));
  return rows.map(({ tenantId }) => tenantId);
}

function isUnderWay({ nextSpace, pending, parked, migrating, migratingParked }: TenantStatus): boolean {
  return nextSpace !== null || pending + parked + migrating + migratingParked > 0;
}

function spacesOf(all: readonly TenantStatus[]): SpaceStatus[] {
  const names = new Set(all.flatMap(({ space, nextSpace }) => [space, nextSpace]));
  return [...names]
    .filter((name) => name !== null)
    .sort()
    .map((space) => ({
      space,
      tenants: all.filter((tenant) => tenant.space === space).length,
      next: all.filter(({ nextSpace }) => nextSpace === space).length,
    }));
}

/** Of one tenant in its scope, for which no other role is needed. */
async function tenantsOf(database: Database, tenantId: string | undefined): Promise<TenantStatus[]> {
  type Row = TenantStatus & Record<string, unknown>;
  if (tenantId !== undefined)
    return new TenantContext().run(tenantId, () => database.query<Row>(COUNT_OF_TENANT, [tenantId]));
  return asWorker(() => database.queryAsWorker<Row>(COUNT_BY_TENANT));
}

async function asWorker<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if ((error as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new StartupError(
      'The login of DATABASE_URL may not see the tenants of others. Name one with --tenant, or as a superuser run ' +
        'GRANT triptych_worker TO that login.',
      { cause: error },
    );
  }
}
