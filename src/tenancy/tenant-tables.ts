import type { DataSource, EntityManager } from 'typeorm';
import { InvalidTenantError } from '../errors.js';
import { isTenantId } from './tenant-context.js';
import { threadKey } from './thread-key.js';

/** Connections with the rights of the schema's owner; the runtime role may neither see nor change all of this. */
export type Owner = Pick<DataSource, 'transaction'>;

/** How many rows of a tenant a table has, or had. */
export interface TableHoldings {
  /** Qualified, and quoted where PostgreSQL asks for it. */
  readonly table: string;
  readonly rows: number;
}

export interface TenantTable {
  /** Qualified, and quoted where PostgreSQL asks for it. */
  readonly table: string;
  /** LangGraph's tables name the tenant a second time, in the thread id. */
  readonly hasThreads: boolean;
}

/**
 * Every table of both schemas that has a tenant, from the catalogue, so that a table of a later migration
 * cannot be forgotten. Those that refer to others come first: a cascade would delete their rows uncounted.
 */
const TABLES = `
  WITH RECURSIVE tables AS (
    SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS "table",
           n.nspname = 'checkpoints' AND bool_or(a.attname = 'thread_id') AS "hasThreads"
      FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
     WHERE n.nspname IN ('shared', 'checkpoints') AND c.relkind IN ('r', 'p') AND NOT c.relispartition
     GROUP BY c.oid, n.nspname, c.relname
    HAVING bool_or(a.attname = 'tenant_id')
  ), depths (id, depth) AS (
    SELECT oid, 0 FROM tables
    UNION
    SELECT conrelid, depth + 1 FROM depths
      JOIN pg_constraint ON confrelid = id AND contype = 'f' AND conrelid <> confrelid
     WHERE depth < 32
  )
  SELECT "table", "hasThreads" FROM tables JOIN depths ON id = oid
   GROUP BY "table", "hasThreads" ORDER BY max(depth) DESC, "table" COLLATE "C"`;

/**
 * One transaction in the scope of one tenant, with every table that has rows of tenants: policies are forced
 * on an owner that is no superuser.
 * @param options.snapshot everything is read as of one moment
 * @throws InvalidTenantError
 */
export async function inTenantScope<T>(
  owner: Owner,
  tenantId: string,
  work: (manager: EntityManager, tables: readonly TenantTable[]) => Promise<T>,
  { snapshot = false }: { snapshot?: boolean } = {},
): Promise<T> {
  if (!isTenantId(tenantId)) throw new InvalidTenantError();
  const scoped = async (manager: EntityManager): Promise<T> => {
    await manager.query(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId]);
    return work(manager, await manager.query<TenantTable[]>(TABLES));
  };
  return snapshot ? owner.transaction('REPEATABLE READ', scoped) : owner.transaction(scoped);
}

/**
 * How many rows of the tenant each table has. A superuser sees rows in which thread and tenant disagree, too;
 * policies hide them from anybody else.
 */
export async function holdings(
  manager: EntityManager,
  tables: readonly TenantTable[],
  tenantId: string,
): Promise<TableHoldings[]> {
  const found: TableHoldings[] = [];
  for (const { table, hasThreads } of tables) {
    const [{ rows }] = await manager.query<[{ rows: number }]>(
      `SELECT count(*)::int AS rows FROM ${table}
        WHERE tenant_id = $1 ${hasThreads ? 'OR starts_with(thread_id, $2)' : ''}`,
      hasThreads ? [tenantId, threadKey(tenantId, '')] : [tenantId],
    );
    found.push({ table, rows });
  }
  return found;
}
