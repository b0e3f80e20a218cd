import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { RolledBackError } from '../src/errors.js';
import { currentTenant, TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { asSuperuser } from './support/superuser.js';

describeOnEachEngine('unit of work', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  const tenants = new TenantContext();
  const insert = (value: number): Promise<unknown> =>
    database.query('INSERT INTO public.numbers VALUES ($1)', [value]);
  const numbers = async (): Promise<number[]> =>
    (await database.query<{ value: number }>('SELECT value FROM public.numbers ORDER BY value')).map(
      ({ value }) => value,
    );

  beforeAll(async () => {
    home = await createDatabase();
    const options = checkOptions({ database: { ...home.settings, poolSize: 1 } });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
    await asSuperuser(
      home,
      database,
      'CREATE TABLE public.numbers (value int PRIMARY KEY); GRANT ALL ON public.numbers TO PUBLIC',
    );
  });
  beforeEach(() => database.query('DELETE FROM public.numbers'));
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  it('commits everything, whoever borrowed the connection, on a pool of one', async () => {
    await database.unitOfWork(async () => {
      await insert(1);
      await database.unitOfWork(() => insert(2));
      await database.dataSource.query('INSERT INTO public.numbers VALUES (3)');
      await database.dataSource.transaction((manager) =>
        manager.query('INSERT INTO public.numbers VALUES (4)'),
      );
      const client = await database.pool.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO public.numbers VALUES (5)');
      await client.query('COMMIT');
      client.release();
    });
    expect(await numbers()).toEqual([1, 2, 3, 4, 5]);
  });

  it('rolls everything back when the work throws', async () => {
    const failed = database.unitOfWork(async () => {
      await insert(1);
      await database.dataSource.transaction((manager) =>
        manager.query('INSERT INTO public.numbers VALUES (2)'),
      );
      throw new Error('on purpose');
    });
    await expect(failed).rejects.toThrow('on purpose');
    expect(await numbers()).toEqual([]);
  });

  it('keeps nothing when a part rolled back or failed, though the work resolves', async () => {
    const part = database.unitOfWork(async () => {
      await insert(1);
      const client = await database.pool.connect();
      await client.query('BEGIN');
      await client.query('ROLLBACK');
      client.release();
    });
    await expect(part).rejects.toThrow(RolledBackError);
    const swallowed = database.unitOfWork(async () => {
      await insert(1);
      await insert(1).catch(() => undefined);
    });
    await expect(swallowed).rejects.toThrow(RolledBackError);
    expect(await numbers()).toEqual([]);
  });

  it('takes parallel work inside it', async () => {
    await database.unitOfWork(() => Promise.all(Array.from({ length: 50 }, (_, value) => insert(value))));
    expect(await numbers()).toHaveLength(50);
  });

  it('does not starve when many wait for the one connection', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, value) =>
        database.unitOfWork(async () => {
          await insert(value);
          await sleep(1);
          await database.query('SELECT 1');
        }),
      ),
    );
    expect(await numbers()).toHaveLength(20);
  });

  it('gives every borrower a connection of its own tenant', async () => {
    const setting = async (): Promise<unknown> =>
      (await database.query<{ tenant: string }>(`SELECT current_setting('app.tenant_id', true) AS tenant`))[0]
        ?.tenant;
    const seen = await Promise.all(
      Array.from({ length: 40 }, (_, index) =>
        tenants.run(`t${index % 4}`, () => database.unitOfWork(setting)),
      ),
    );
    expect(seen).toEqual(Array.from({ length: 40 }, (_, index) => `t${index % 4}`));
    expect(await setting()).toBe('');
  });

  it('leaves nothing of its tenant and its role on the connection', async () => {
    await tenants.run('acme', () => database.unitOfWork(() => insert(1)));
    await tenants.run('acme', () => insert(2));
    // As another client of a pooler may get it: the one connection of the pool, without our scope around it.
    const connect = Reflect.get(pg.Pool.prototype, 'connect') as () => Promise<pg.PoolClient>;
    const bare = await connect.call(database.pool);
    try {
      const { rows } = await bare.query(
        `SELECT current_setting('app.tenant_id', true) AS tenant, current_user = session_user AS "isItself"`,
      );
      expect(rows).toEqual([{ tenant: '', isItself: true }]);
    } finally {
      bare.release();
    }
  });

  it('belongs to one tenant', async () => {
    const mixed = tenants.run('a', () => database.unitOfWork(() => tenants.run('b', () => insert(1))));
    await expect(mixed).rejects.toThrow('tenant changed');
    expect(await numbers()).toEqual([]);
  });

  it('closes a connection that comes back in mid-transaction', async () => {
    const client = await database.pool.connect();
    await client.query('BEGIN');
    await client.query('INSERT INTO public.numbers VALUES (1)');
    client.release();
    expect(await numbers()).toEqual([]);
  });
});
