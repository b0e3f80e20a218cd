import { createHash, type Hash } from 'node:crypto';
import type { EntityManager } from 'typeorm';
import packageJson from '../../package.json' with { type: 'json' };
import {
  holdings,
  inTenantScope,
  type Owner,
  type TableHoldings,
  type TenantTable,
} from '../tenancy/tenant-tables.js';
import {
  BackupRefusedError,
  FORMAT,
  FORMAT_VERSION,
  type ExportFooter,
  type ExportHeader,
  type TableFooter,
} from './export-format.js';
import { usePlainSession } from './plain-session.js';
import { columnsOf, migrationsOf, type Column } from './table-columns.js';
import { readRows } from './table-rows.js';

const KEYS = 'shared.api_keys';

export interface ExportOptions {
  readonly tenantId: string;
  /** Leaves API keys out. */
  readonly withoutKeys?: boolean;
  /** Takes the file, chunk by chunk, and rejects when it cannot be kept. */
  readonly write: (chunks: AsyncIterable<string>) => Promise<void>;
  /** Rows so far, and altogether. */
  readonly progress?: (done: number, of: number) => void;
}

/** What was exported, or imported. */
export interface Exported {
  readonly tenantId: string;
  readonly rows: number;
  /** Of the whole file but its last line. */
  readonly sha256: string;
  readonly tables: readonly TableHoldings[];
}

/** The database has nothing of the tenant. */
export class NothingToExportError extends BackupRefusedError {
  constructor(tenantId: string) {
    super(`There is nothing of ${tenantId} in this database. Check the id, and DATABASE_URL or DATA_DIR.`);
  }
}

interface Part {
  readonly table: string;
  readonly columns: readonly Column[];
  readonly rows: number;
}

/**
 * Writes every row of a tenant, of every table that an erase would look into, as of one moment.
 * @throws InvalidTenantError, NothingToExportError, BackupRefusedError; what `write` rejects with
 */
export function exportTenant(owner: Owner, options: ExportOptions): Promise<Exported> {
  const { tenantId } = options;
  return inTenantScope(
    owner,
    tenantId,
    async (manager, tables) => {
      await manager.query('SET TRANSACTION READ ONLY');
      await usePlainSession(manager);
      const parts = await partsOf(manager, tables, options);
      const header: ExportHeader = {
        format: FORMAT,
        formatVersion: FORMAT_VERSION,
        tenantId,
        createdAt: new Date().toISOString(),
        productVersion: packageJson.version,
        migrations: await migrationsOf(manager),
        tables: parts.map(({ table, columns }) => ({
          name: table,
          columns: columns.map(({ name }) => name),
        })),
      };
      const whole = createHash('sha256');
      await options.write(linesOf(manager, header, parts, whole, options));
      return {
        tenantId,
        rows: total(parts),
        sha256: whole.digest('hex'),
        tables: parts.map(({ table, rows }) => ({ table, rows })),
      };
    },
    { snapshot: true },
  );
}

/** The tables, those that others refer to first, with how many rows they have. */
async function partsOf(
  manager: EntityManager,
  tables: readonly TenantTable[],
  { tenantId, withoutKeys = false }: ExportOptions,
): Promise<Part[]> {
  const held = await holdings(manager, tables, tenantId);
  if (total(held) === 0) throw new NothingToExportError(tenantId);
  const parts: Part[] = [];
  for (const { table, rows } of held.toReversed())
    if (!withoutKeys || table !== KEYS) parts.push({ table, rows, columns: await columnsOf(manager, table) });
  return parts;
}

async function* linesOf(
  manager: EntityManager,
  header: ExportHeader,
  parts: readonly Part[],
  whole: Hash,
  { tenantId, progress }: ExportOptions,
): AsyncGenerator<string> {
  const hashed = (text: string): string => {
    whole.update(text);
    return text;
  };
  const of = total(parts);
  let done = 0;
  yield hashed(lineOf(header));
  for (const { table, columns, rows } of parts) {
    const hash = createHash('sha256');
    let found = 0;
    for await (const lines of readRows(manager, table, columns, tenantId)) {
      if (lines.length === 0) continue;
      const text = `${lines.join('\n')}\n`;
      hash.update(text);
      found += lines.length;
      done += lines.length;
      yield hashed(text);
      progress?.(done, of);
    }
    if (found !== rows)
      throw new BackupRefusedError(
        `${table} has ${rows} rows of ${tenantId} or its threads, and ${found} of them are its own. Nothing was ` +
          'exported: find out who wrote the others.',
      );
    yield hashed(lineOf({ table, rows, sha256: hash.digest('hex') } satisfies TableFooter));
  }
  yield lineOf({ end: FORMAT, rows: done, sha256: whole.copy().digest('hex') } satisfies ExportFooter);
}

function lineOf(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function total(tables: readonly { readonly rows: number }[]): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}
