import type { DataSource, EntityManager } from 'typeorm';
import { InvalidTenantError } from '../errors.js';
import { isTenantId } from './tenant-context.js';
import { threadKey } from './thread-key.js';

/** Connections with the rights of the schema's owner; the runtime role may neither see nor delete all of this. */
type Owner = Pick<DataSource, 'transaction'>;

/** How many rows of a tenant a table has, or had. */
export interface TableHoldings {
  /** Qualified, and quoted where PostgreSQL asks for it. */
  readonly table: string;
  readonly rows: number;
}

/** An erase was asked for and did not happen. The message says why. */
export class NothingErasedError extends Error {}

/** Rows of a tenant were left after an erase, which was taken back. */
export class ResidueError extends NothingErasedError {
  constructor(
    tenantId: string,
    readonly residue: readonly TableHoldings[],
  ) {
    const tables = residue.map(({ table, rows }) => `${table} (${rows})`).join(', ');
    super(
      `Nothing was erased: rows of ${tenantId} would be left in ${tables}. ` +
        'If something still writes for that tenant, stop it, and try again.',
    );
  }
}

interface TenantTable {
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
   GROUP BY "table", "hasThreads" ORDER BY max(depth) DESC, "table"`;

/**
 * Removes a tenant from every table that has a `tenant_id`, in one transaction, and then looks in all of
 * them for what is left: rows of the tenant and, in LangGraph's tables, rows of its threads. Whatever is
 * found takes the erase back. What a running service writes for the tenant later is not prevented.
 * @returns every table, with the rows that it had
 * @throws InvalidTenantError, ResidueError
 */
export function eraseTenant(owner: Owner, tenantId: string): Promise<TableHoldings[]> {
  return inScope(owner, tenantId, async (manager, tables) => {
    const erased: TableHoldings[] = [];
    for (const { table } of tables) {
      const [, rows] = await manager.query<[unknown, number]>(`DELETE FROM ${table} WHERE tenant_id = $1`, [
        tenantId,
      ]);
      erased.push({ table, rows });
    }
    const residue = (await holdings(manager, tables, tenantId)).filter(({ rows }) => rows > 0);
    if (residue.length > 0) throw new ResidueError(tenantId, residue);
    return erased;
  });
}

/**
 * What an erase would remove: every table, with the rows that it has.
 * @throws InvalidTenantError
 */
export function holdingsOf(owner: Owner, tenantId: string): Promise<TableHoldings[]> {
  return inScope(owner, tenantId, (manager, tables) => holdings(manager, tables, tenantId));
}

/** One transaction in the scope of one tenant: policies are forced on an owner that is no superuser. */
async function inScope<T>(
  owner: Owner,
  tenantId: string,
  work: (manager: EntityManager, tables: readonly TenantTable[]) => Promise<T>,
): Promise<T> {
  if (!isTenantId(tenantId)) throw new InvalidTenantError();
  return owner.transaction(async (manager) => {
    await manager.query(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId]);
    return work(manager, await manager.query<TenantTable[]>(TABLES));
  });
}

/** A superuser sees rows in which thread and tenant disagree, too; policies hide them from anybody else. */
async function holdings(
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
