import type { PGlite } from '@electric-sql/pglite';
import { checkOptions } from '../../src/config/load-options.js';
import { Database } from '../../src/database/database.js';
import { MigrationDataSource } from '../../src/database/migration-data-source.js';
import { TenantRegistry } from '../../src/tenancy/tenant-registry.js';
import type { TestDatabase } from './engines.js';
import type { TestService } from './service.js';

type Query = (sql: string, parameters?: unknown[]) => Promise<never>;

/**
 * Works on the database of a running service as the owner of its schema, as `npm run tenant` does. The
 * embedded engine has one session, which is the owner's between the transactions of requests.
 */
export async function asOperator<T>(
  { app }: TestService,
  { engine, settings }: TestDatabase,
  work: (registry: TenantRegistry, query: Query) => Promise<T>,
): Promise<T> {
  if (engine === 'embedded') {
    const { pglite } = app.get(Database).dataSource.options.extra as { pglite: PGlite };
    const queryOf =
      (session: Pick<PGlite, 'query'>): Query =>
      async (sql, parameters) =>
        (await session.query(sql, parameters)).rows as never;
    const query = queryOf(pglite);
    const transaction = (run: (manager: { query: Query }) => Promise<unknown>) =>
      pglite.transaction((session) => run({ query: queryOf(session as never) }));
    return work(new TenantRegistry({ query, transaction } as never), query);
  }
  const owner = new MigrationDataSource({ options: checkOptions({ database: settings }), entities: [] });
  await owner.initialize();
  try {
    return await work(new TenantRegistry(owner), (sql, parameters) => owner.query(sql, parameters) as never);
  } finally {
    await owner.destroy();
  }
}
