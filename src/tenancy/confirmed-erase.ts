import { createInterface } from 'node:readline/promises';
import { NothingErasedError } from './erase-tenant.js';
import type { TenantRegistry } from './tenant-registry.js';
import type { TableHoldings } from './tenant-tables.js';

/**
 * Erases a tenant once whoever asks has typed its id again, or said so with `--yes`.
 * @returns how many rows each table had; `total` of them were erased and `residue` are left
 * @throws NothingErasedError when it is not confirmed, or cannot be done whole
 */
export async function confirmedErase(
  registry: TenantRegistry,
  tenantId: string,
  { yes = false }: { yes?: boolean | undefined },
): Promise<Record<string, number>> {
  const rows = total(await registry.holdings(tenantId));
  if (rows === 0) console.error(`There is nothing of ${tenantId} in this database.`);
  else if (!yes) await confirm(tenantId, rows);
  const erased = await registry.erase(tenantId);
  const residue = total(await registry.holdings(tenantId));
  if (residue > 0)
    console.error(
      `Something has written ${residue} new rows for ${tenantId} since. Stop it, and erase again.`,
    );
  return {
    ...Object.fromEntries(erased.map(({ table, rows }) => [table, rows])),
    total: total(erased),
    residue,
  };
}

async function confirm(tenantId: string, rows: number): Promise<void> {
  if (!process.stdin.isTTY)
    throw new NothingErasedError('Nothing was erased: without a terminal, say --yes.');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(
      `This erases ${rows} rows of ${tenantId}, for good. Type its id to go on: `,
    );
    if (answer.trim() !== tenantId)
      throw new NothingErasedError(`Nothing was erased: "${answer}" is not ${tenantId}.`);
  } finally {
    terminal.close();
  }
}

function total(tables: readonly TableHoldings[]): number {
  return tables.reduce((sum, { rows }) => sum + rows, 0);
}
