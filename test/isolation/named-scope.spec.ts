import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/database/connection-pool.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { PgBouncer } from '../support/pgbouncer.js';

const NAMED = `SELECT name FROM pg_prepared_statements WHERE name LIKE 'triptych%' ORDER BY name`;
const TENANT = `SELECT current_setting('app.tenant_id', true) AS tenant, current_user::text AS role`;
const hasServer = process.env['TEST_DATABASE_URL'] !== undefined;

(hasServer ? describe : describe.skip)('entering a scope under a name', () => {
  let home: TestDatabase;
  const pools: pg.Pool[] = [];
  beforeAll(async () => {
    home = await postgres();
  });
  afterAll(async () => {
    for (const pool of pools) await pool.end();
    await home.drop();
  });

  /** One connection, and the tenant that its next statement is for. */
  function open(url = home.settings.url ?? ''): { pool: pg.Pool; as: (tenant: string) => pg.Pool } {
    let tenant = 'acme';
    const pool = new ConnectionPool({
      connectionString: url,
      max: 1,
      pipeline: true,
      role: 'pg_monitor',
      tenantOfCaller: () => tenant,
    });
    pools.push(pool);
    return { pool, as: (next) => ((tenant = next), pool) };
  }

  async function rowsOf(pool: pg.Pool, text: string): Promise<unknown[]> {
    return (await pool.query<Record<string, unknown>>(text)).rows;
  }

  it('is parsed once a connection', async () => {
    const { pool, as } = open();
    expect(await rowsOf(pool, NAMED)).toEqual([]);
    for (const tenant of ['acme', 'other', '', 'acme'])
      expect(await rowsOf(as(tenant), TENANT)).toEqual([{ tenant, role: 'pg_monitor' }]);
    expect(await rowsOf(pool, NAMED)).toEqual([{ name: 'triptych_enter_as' }]);
  });

  it('is under no name before a statement, a mistake or not, has been answered', async () => {
    const { pool, as } = open();
    await expect(pool.query('SELECT 1 / 0')).rejects.toThrow('division by zero');
    expect(await rowsOf(as('other'), TENANT)).toEqual([{ tenant: 'other', role: 'pg_monitor' }]);
    await expect(pool.query('SELECT nonsense')).rejects.toThrow('nonsense');
    expect(await rowsOf(as('acme'), TENANT)).toEqual([{ tenant: 'acme', role: 'pg_monitor' }]);
  });

  it('does without when somebody takes the names away', async () => {
    const { pool, as } = open();
    await rowsOf(pool, TENANT);
    await rowsOf(pool, TENANT);
    await pool.query('DEALLOCATE ALL');
    for (const tenant of ['other', 'acme'])
      expect(await rowsOf(as(tenant), TENANT)).toEqual([{ tenant, role: 'pg_monitor' }]);
    expect(await rowsOf(pool, NAMED)).toEqual([]);
  });

  (PgBouncer.isInstalled ? it : it.skip)('has no name behind PgBouncer', async () => {
    const url = home.settings.url ?? '';
    const bouncer = await PgBouncer.start(url, 1);
    try {
      const first = open(bouncer.urlOf(url));
      const second = open(bouncer.urlOf(url));
      for (let round = 0; round < 5; round += 1)
        for (const [{ as }, tenant] of [[first, 'acme'] as const, [second, 'other'] as const])
          expect(await rowsOf(as(tenant), TENANT)).toEqual([{ tenant, role: 'pg_monitor' }]);
      expect(await rowsOf(first.pool, NAMED)).toEqual([]);
      for (const pool of pools.splice(-2)) await pool.end();
    } finally {
      await bouncer.stop();
    }
  });
});
