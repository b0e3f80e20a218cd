import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../src/database/connection-pool.js';
import { postgres, type TestDatabase } from './support/engines.js';

const TENANT = `SELECT current_setting('app.tenant_id', true) AS tenant, pg_backend_pid() AS pid`;
const NAMED = `SELECT count(*)::int AS count FROM pg_prepared_statements WHERE name LIKE 'triptych%'`;

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('a statement sent under a name', () => {
  let home: TestDatabase;
  let pool: ConnectionPool;
  beforeAll(async () => {
    home = await postgres();
    pool = new ConnectionPool({
      connectionString: home.settings.url,
      max: 1,
      pipeline: true,
      tenantOfCaller: () => 'acme',
    });
  });
  afterAll(async () => {
    await pool.end();
    await home.drop();
  });

  const rowOf = async (
    text: string,
    on: Pick<pg.PoolClient, 'query'> = pool,
  ): Promise<{ tenant?: string; pid?: number; count?: number } | undefined> =>
    (await on.query<Record<string, never>>(text)).rows[0];
  /** Makes the next statements ones that are sent under a name. */
  async function name(): Promise<void> {
    for (let asked = 0; asked < 3; asked += 1) await rowOf(TENANT);
    expect(await rowOf(NAMED)).toEqual({ count: 1 });
  }

  it('that fails for itself is not sent again', async () => {
    await name();
    const statement = `SELECT nextval('tries'), 1 / 0`;
    await rowOf(`CREATE SEQUENCE tries`);
    await expect(rowOf(statement)).rejects.toThrow('division by zero');
    await expect(rowOf(`EXECUTE nobody`)).rejects.toThrow('"nobody" does not exist');
    expect(await rowOf(`SELECT last_value::int AS count FROM tries`)).toEqual({ count: 1 });
  });

  it('is sent again when the name is gone, and so are those sent with it', async () => {
    await name();
    const client = await pool.connect();
    try {
      await client.query('DEALLOCATE ALL');
      const rows = await Promise.all(Array.from({ length: 4 }, () => rowOf(TENANT, client)));
      expect(rows.map((row) => row?.tenant)).toEqual(Array(4).fill('acme'));
    } finally {
      client.release();
    }
  });

  it('goes to another connection when its own was killed', async () => {
    const before = await rowOf(TENANT);
    await expect(rowOf(`SELECT pg_terminate_backend(pg_backend_pid())`)).rejects.toThrow();
    const after = await rowOf(TENANT);
    expect(after?.tenant).toBe('acme');
    expect(after?.pid).not.toBe(before?.pid);
    await name();
  });
});
