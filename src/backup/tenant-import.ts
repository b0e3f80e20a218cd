import type { EntityManager } from 'typeorm';
import { holdings, inTenantScope, type Owner, type TenantTable } from '../tenancy/tenant-tables.js';
import { BackupRefusedError } from './export-format.js';
import type { ExportReader } from './export-reader.js';
import { usePlainSession } from './plain-session.js';
import { RowInsert } from './row-insert.js';
import { requireFit } from './schema-fit.js';
import { migrationsOf } from './table-columns.js';
import type { Exported } from './tenant-export.js';

export interface ImportOptions {
  /** Does all of it, and takes it back. */
  readonly dryRun?: boolean;
  /** Rows so far. */
  readonly progress?: (done: number) => void;
  /** Ends the import between two batches; nothing is left of it. */
  readonly signal?: AbortSignal;
}

/** Ends the transaction of a dry run. */
class TakenBack extends Error {
  constructor(readonly imported: Exported) {
    super();
  }
}

/**
 * Writes every row of a file in one transaction: all of them, or none.
 * @throws BackupRefusedError when the file is not whole, does not fit the schema, has rows of another tenant, or
 * the tenant has rows here; the reason of `signal`
 */
export async function importTenant(
  owner: Owner,
  reader: ExportReader,
  { dryRun = false, progress, signal }: ImportOptions = {},
): Promise<Exported> {
  const { header } = reader;
  const { tenantId } = header;
  try {
    return await inTenantScope(owner, tenantId, async (manager, tables) => {
      await usePlainSession(manager);
      requireFit(header, await migrationsOf(manager));
      await requireNothingOf(manager, tables, tenantId);
      const inserts = new Map<string, RowInsert>();
      for (const table of header.tables)
        inserts.set(table.name, await RowInsert.into(manager, table, tables, header));
      const counts = new Map<string, number>();
      let done = 0;
      for await (const { table, rows } of reader.batches()) {
        signal?.throwIfAborted();
        await inserts.get(table.name)?.insert(manager, rows);
        counts.set(table.name, (counts.get(table.name) ?? 0) + rows.length);
        done += rows.length;
        progress?.(done);
      }
      signal?.throwIfAborted();
      await requireAllOf(manager, tables, tenantId, counts);
      const { rows, sha256 } = reader.footer;
      const imported = {
        tenantId,
        rows,
        sha256,
        tables: header.tables.map(({ name }) => ({ table: name, rows: counts.get(name) ?? 0 })),
      };
      if (dryRun) throw new TakenBack(imported);
      return imported;
    });
  } catch (error) {
    if (error instanceof TakenBack) return error.imported;
    throw error;
  }
}

/** Of two imports of a tenant the second one waits for the first, and then finds its rows. */
async function requireNothingOf(
  manager: EntityManager,
  tables: readonly TenantTable[],
  tenantId: string,
): Promise<void> {
  await manager.query(`SELECT pg_advisory_xact_lock(hashtextextended('triptych import ' || $1, 0))`, [
    tenantId,
  ]);
  const held = (await holdings(manager, tables, tenantId)).filter(({ rows }) => rows > 0);
  if (held.length > 0)
    throw new BackupRefusedError(
      `${tenantId} has rows here already, in ${held.map(({ table, rows }) => `${table} (${rows})`).join(', ')}. ` +
        `Nothing was imported. If the file is to take their place, erase them first: \`npm run tenant -- erase ` +
        `${tenantId}\`.`,
    );
}

/** A trigger could have kept rows away, and a service could have written some meanwhile. */
async function requireAllOf(
  manager: EntityManager,
  tables: readonly TenantTable[],
  tenantId: string,
  counts: ReadonlyMap<string, number>,
): Promise<void> {
  for (const { table, rows } of await holdings(manager, tables, tenantId))
    if (rows !== (counts.get(table) ?? 0))
      throw new BackupRefusedError(
        `${table} has ${rows} rows of ${tenantId} after the import, and the file ${counts.get(table) ?? 0}. ` +
          'Nothing was imported. If something writes for that tenant, stop it, and try again.',
      );
}
