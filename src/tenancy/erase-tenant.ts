import type { EntityManager } from 'typeorm';
import { againIfUndone } from '../database/undone.js';
import {
  holdings,
  inTenantScope,
  type Owner,
  type TableHoldings,
  type TenantTable,
} from './tenant-tables.js';

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

/**
 * Removes a tenant from every table that has a `tenant_id`, in one transaction, and then looks in all of
 * them for what is left: rows of the tenant and, in LangGraph's tables, rows of its threads. Whatever is
 * found takes the erase back. What a running service writes for the tenant later is not prevented.
 * @returns every table, with the rows that it had
 * @throws InvalidTenantError, ResidueError
 */
export function eraseTenant(owner: Owner, tenantId: string): Promise<TableHoldings[]> {
  const erase = async (manager: EntityManager, tables: readonly TenantTable[]): Promise<TableHoldings[]> => {
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
  };
  // A request that writes for the tenant meanwhile takes its tables in another order.
  return againIfUndone(() => inTenantScope(owner, tenantId, erase));
}

/**
 * What an erase would remove: every table, with the rows that it has.
 * @throws InvalidTenantError
 */
export function holdingsOf(owner: Owner, tenantId: string): Promise<TableHoldings[]> {
  return inTenantScope(owner, tenantId, (manager, tables) => holdings(manager, tables, tenantId));
}
