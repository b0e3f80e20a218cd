import { runCommand } from '../config/command-line.js';
import { loadOptions } from '../config/load-options.js';
import type { TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { NotFoundError, StartupError } from '../errors.js';
import { currentTenant, TenantContext } from '../tenancy/tenant-context.js';
import { COUNT_BY_TENANT, COUNT_OF_TENANT, READ_PARKED, RETRY } from './embedding-backlog.sql.js';
import {
  parseCommand,
  USAGE,
  type EmbeddingCommand,
  type RetryCommand,
  type StatusCommand,
} from './embedding-command.js';

/** Parked memories that are shown of a tenant. */
const MOST_SHOWN = 100;
const INSUFFICIENT_PRIVILEGE = '42501';

export interface TenantStatus {
  tenantId: string;
  pending: number;
  parked: number;
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
  /** Those that have any. */
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
 * @returns the exit status
 */
export function runEmbeddingCommand(args: string[], environment?: NodeJS.ProcessEnv): Promise<number> {
  return runCommand<EmbeddingCommand>(args, {
    usage: USAGE,
    parse: parseCommand,
    run: (command) =>
      withDatabase(loadOptions(environment), (database): Promise<object> =>
        command.name === 'status' ? status(database, command) : retry(database, command),
      ),
    forPeople: (answer) => {
      const { tenants, memories, ...totals } = answer as Partial<StatusAnswer>;
      return Array.isArray(tenants) ? [totals, ...(memories ?? tenants)] : answer;
    },
  });
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
  const tenants = await tenantsOf(database, tenantId);
  const sum = (kind: 'pending' | 'parked') => tenants.reduce((total, tenant) => total + tenant[kind], 0);
  const answer = { pending: sum('pending'), parked: sum('parked'), tenants };
  if (tenantId === undefined) return answer;
  const parameters = [tenantId, MOST_SHOWN];
  const memories = await new TenantContext().run(tenantId, () =>
    database.query<ParkedMemory & Record<string, unknown>>(READ_PARKED, parameters),
  );
  return { ...answer, memories };
}

async function retry(database: Database, { tenantId, memoryId }: RetryCommand): Promise<RetryAnswer> {
  const parked = (await tenantsOf(database, tenantId)).filter((tenant) => tenant.parked > 0);
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
  try {
    return await database.queryAsWorker<Row>(COUNT_BY_TENANT);
  } catch (error) {
    if ((error as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw error;
    throw new StartupError(
      'The login of DATABASE_URL may not see the tenants of others. Name one with --tenant, or as a superuser run ' +
        'GRANT triptych_worker TO that login.',
      { cause: error },
    );
  }
}
