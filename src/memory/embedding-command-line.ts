import { runCommand } from '../config/command-line.js';
import { loadOptions } from '../config/load-options.js';
import type { TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { createEmbedder } from '../embeddings/create-embedder.js';
import { vectorSpaceOf } from '../embeddings/vector-space.js';
import { NotFoundError, StartupError } from '../errors.js';
import { currentTenant, TenantContext } from '../tenancy/tenant-context.js';
import { dropSpace } from './drop-space.js';
import { COUNT_BY_TENANT, COUNT_OF_TENANT, READ_PARKED, RETRY } from './embedding-backlog.sql.js';
import {
  parseCommand,
  USAGE,
  type EmbeddingCommand,
  type RetryCommand,
  type StatusCommand,
} from './embedding-command.js';
import type { BacklogPace } from './embedding-worker.js';
import { migrateEmbeddings, type MigrateAnswer } from './migrate-embeddings.js';
import { READ_TENANTS } from './space-migration.sql.js';

/** Parked memories that are shown of a tenant. */
const MOST_SHOWN = 100;
const INSUFFICIENT_PRIVILEGE = '42501';

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
  tenants: number;
}

/**
 * Runs one command of `npm run embeddings`: its answer goes to standard output, all else to standard error.
 * @param environment where the settings are read, as `loadOptions` does
 * @param pace of a migration's worker
 * @returns the exit status
 */
export function runEmbeddingCommand(
  args: string[],
  environment?: NodeJS.ProcessEnv,
  pace?: BacklogPace,
): Promise<number> {
  return runCommand<EmbeddingCommand>(args, {
    usage: USAGE,
    parse: parseCommand,
    run: (command) => {
      const options = loadOptions(environment);
      return withDatabase(options, (database) => run({ database, options, pace }, command));
    },
    forPeople: (answer) => {
      const { tenants, memories, spaces, ...totals } = answer as Partial<StatusAnswer>;
      return Array.isArray(tenants) ? [totals, ...(spaces ?? []), ...(memories ?? tenants)] : answer;
    },
    statusOf: (answer) => ('blocked' in answer && (answer as MigrateAnswer).blocked.length > 0 ? 1 : 0),
  });
}

interface Room {
  readonly database: Database;
  readonly options: TriptychOptions;
  readonly pace: BacklogPace | undefined;
}

async function run(room: Room, command: EmbeddingCommand): Promise<object> {
  const { database, options } = room;
  switch (command.name) {
    case 'status':
      return status(database, command);
    case 'retry':
      return retry(database, command);
    case 'migrate':
      return migrateEmbeddings({ ...room, tenantIds: () => allTenants(database) }, command);
    case 'drop': {
      const { tenantId, space } = command;
      const tenantIds = tenantId === undefined ? await allTenants(database) : [tenantId];
      return dropSpace(database, tenantIds, space, vectorSpaceOf(createEmbedder(options.embeddings)));
    }
  }
}

async function withDatabase<T>(
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

async function status(database: Database, { tenantId }: StatusCommand): Promise<StatusAnswer> {
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

async function retry(database: Database, { tenantId, memoryId }: RetryCommand): Promise<RetryAnswer> {
  const parked = (await tenantsOf(database, tenantId)).filter(
    (tenant) => tenant.parked + tenant.migratingParked > 0,
  );
  let retried = 0;
  for (const tenant of parked) {
    const parameters = [tenant.tenantId, memoryId ?? null];
    const rows = await new TenantContext().run(tenant.tenantId, () => database.query(RETRY, parameters));
    retried += rows.length;
  }
  if (memoryId !== undefined && retried === 0) throw new NotFoundError('parked memory');
  return { retried, tenants: parked.length };
}

/** Of one tenant in its scope, for which no other role is needed. */
async function tenantsOf(database: Database, tenantId: string | undefined): Promise<TenantStatus[]> {
  type Row = TenantStatus & Record<string, unknown>;
  if (tenantId !== undefined)
    return new TenantContext().run(tenantId, () => database.query<Row>(COUNT_OF_TENANT, [tenantId]));
  return asWorker(() => database.queryAsWorker<Row>(COUNT_BY_TENANT));
}

async function allTenants(database: Database): Promise<string[]> {
  const rows = await asWorker(() => database.queryAsWorker<{ tenantId: string }>(READ_TENANTS));
  return rows.map(({ tenantId }) => tenantId);
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
