import type { EntityManager } from 'typeorm';
import type { TenantTable } from '../tenancy/tenant-tables.js';
import { threadKey } from '../tenancy/thread-key.js';
import { BackupRefusedError, type ExportedTable, type ExportHeader, type Row } from './export-format.js';
import { columnsOf } from './table-columns.js';

/** Writes rows of one table of a file. Names come from the catalogue; the file's are only compared with them. */
export class RowInsert {
  private constructor(
    private readonly table: string,
    private readonly sql: string,
    private readonly isOfTenant: (row: Row) => boolean,
  ) {}

  /** @throws BackupRefusedError when the database has no such table or column */
  static async into(
    manager: EntityManager,
    { name, columns }: ExportedTable,
    tables: readonly TenantTable[],
    { tenantId }: ExportHeader,
  ): Promise<RowInsert> {
    const found = tables.find(({ table }) => table === name);
    if (!found) throw unknown(`table ${JSON.stringify(name)}`);
    const known = new Map((await columnsOf(manager, found.table)).map((column) => [column.name, column]));
    const chosen = columns.map((column) => {
      const match = known.get(column);
      // Each once: what is taken twice is missing the second time.
      if (!match || !known.delete(column))
        throw unknown(`column ${JSON.stringify(column)} of ${found.table}`);
      return match;
    });
    const tenant = columns.indexOf('tenant_id');
    if (tenant < 0) throw unknown(`${found.table} without a tenant_id`);
    const thread = found.hasThreads ? columns.indexOf('thread_id') : -1;
    const prefix = threadKey(tenantId, '');
    return new RowInsert(
      found.table,
      `INSERT INTO ${found.table} (${chosen.map(({ quoted }) => quoted).join()}) OVERRIDING SYSTEM VALUE
       SELECT ${chosen.map(({ type }, index) => `c${index}::${type}`).join()}
         FROM unnest(${chosen.map((_, index) => `$${index + 1}::text[]`).join()})
              AS given (${chosen.map((_, index) => `c${index}`).join()})`,
      (row) => row[tenant] === tenantId && (thread < 0 || row[thread]?.startsWith(prefix) === true),
    );
  }

  /** @throws BackupRefusedError when a row is of another tenant, or the database does not take one */
  async insert(manager: EntityManager, rows: readonly Row[]): Promise<void> {
    if (!rows.every(this.isOfTenant))
      throw new BackupRefusedError(
        `The file has rows of another tenant for ${this.table}. Nothing was imported.`,
      );
    const columns = (rows[0] ?? []).map((_, column) => rows.map((row) => row[column]));
    try {
      await manager.query(this.sql, columns);
    } catch (error) {
      throw new BackupRefusedError(
        `The database does not take rows of ${this.table}: ${(error as Error).message}. Nothing was imported.`,
        { cause: error },
      );
    }
  }
}

function unknown(what: string): BackupRefusedError {
  return new BackupRefusedError(
    `The file has ${what}, which this database has not. Nothing was imported. Import it with the version ` +
      'that wrote it, or a later one.',
  );
}
