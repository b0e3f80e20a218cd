import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkOptions } from '../../src/config/load-options.js';
import { Database } from '../../src/database/database.js';
import { currentTenant, TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, postgres, type TestDatabase } from '../support/engines.js';
import { asSuperuser } from '../support/superuser.js';
import { fillTables, fingerprint, rowsOf, tenantTables } from '../support/tenant-tables.js';

/** «insufficient_privilege»: what a policy and a missing right both answer. */
const REFUSED = { code: '42501' };
const tenants = new TenantContext();

async function open(home: TestDatabase, poolSize: number): Promise<Database> {
  const options = checkOptions({ database: { ...home.settings, poolSize } });
  return Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
}

describeOnEachEngine('row-level security', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  let tables: string[];

  beforeAll(async () => {
    home = await createDatabase();
    database = await open(home, 2);
    tables = await tenantTables(home, database);
    for (const tenant of ['red', 'blue']) await fillTables(home, database, tables, tenant);
  });
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  const asRed = <T>(work: () => T): T => tenants.run('red', work);
  const tenantsIn = async (table: string): Promise<unknown[]> =>
    (await database.query<{ tenant_id: string }>(`SELECT tenant_id FROM ${table}`)).map(
      (row) => row.tenant_id,
    );
  const insert = (table: string, row: unknown, end = ''): Promise<unknown> =>
    database.query(`INSERT INTO ${table} SELECT * FROM jsonb_populate_record(NULL::${table}, $1) ${end}`, [
      JSON.stringify(row),
    ]);
  const may = async (table: string, right: string): Promise<boolean> => {
    const [row] = await database.query<{ may: boolean }>(
      `SELECT has_table_privilege(current_user, '${table}', '${right}') AS may`,
    );
    return row?.may ?? false;
  };

  it('finds the tables of both schemas, LangGraph’s included', () => {
    expect(tables).toEqual(
      expect.arrayContaining(['shared.agent_memories', 'shared.sessions', 'checkpoints.checkpoint_blobs']),
    );
  });

  it('shows no row and takes none when no tenant is set, in every table', async () => {
    for (const table of tables) {
      expect({ table, seen: await tenantsIn(table) }).toEqual({ table, seen: [] });
      const [row] = await rowsOf(home, database, table, 'red');
      await expect(insert(table, row)).rejects.toMatchObject(REFUSED);
    }
  });

  it('shows a tenant its own rows and no others without any condition, in every table', async () => {
    for (const table of tables)
      expect({ table, seen: await asRed(() => tenantsIn(table)) }).toEqual({ table, seen: ['red'] });
  });

  it('takes no row of another tenant, in every table, and its own where it may write', async () => {
    const before = await fingerprint(home, database, tables, 'blue');
    await asRed(async () => {
      for (const table of tables) {
        const [foreign] = await rowsOf(home, database, table, 'blue');
        const [own] = await rowsOf(home, database, table, 'red');
        await expect(insert(table, foreign)).rejects.toMatchObject(REFUSED);
        await expect(insert(table, { ...(own as object), tenant_id: 'blue' })).rejects.toMatchObject(REFUSED);
        await expect(database.query(`UPDATE ${table} SET tenant_id = 'blue'`)).rejects.toMatchObject(REFUSED);
        if (await may(table, 'INSERT')) await insert(table, own, 'ON CONFLICT DO NOTHING');
      }
    });
    expect(await fingerprint(home, database, tables, 'blue')).toBe(before);
  });

  it('changes and deletes no row of another tenant, though a statement asks for all', async () => {
    const before = await fingerprint(home, database, tables, 'blue');
    const own = await fingerprint(home, database, tables, 'red');
    let statements = 0;
    await asRed(async () => {
      for (const table of tables)
        for (const [right, sql] of [
          ['UPDATE', `UPDATE ${table} SET tenant_id = tenant_id RETURNING tenant_id`],
          ['DELETE', `DELETE FROM ${table} RETURNING tenant_id`],
        ] as const) {
          if (!(await may(table, right))) {
            await expect(database.query(sql)).rejects.toMatchObject(REFUSED);
            continue;
          }
          statements += 1;
          const undone = database.unitOfWork(async () => {
            expect({ sql, rows: await database.query(sql) }).toEqual({ sql, rows: [{ tenant_id: 'red' }] });
            throw new Error('undo');
          });
          await expect(undone).rejects.toThrow('undo');
        }
    });
    expect(statements).toBeGreaterThan(10);
    expect(await fingerprint(home, database, tables, 'blue')).toBe(before);
    expect(await fingerprint(home, database, tables, 'red')).toBe(own);
  });

  it('refuses what would lift it: TRUNCATE, ALTER, DROP, policies, another owner, new objects', async () => {
    const statements = tables.flatMap((table) => [
      `TRUNCATE ${table}`,
      `ALTER TABLE ${table} DISABLE ROW LEVEL SECURITY`,
      `ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY`,
      `ALTER TABLE ${table} OWNER TO triptych_app`,
      `DROP TABLE ${table}`,
      `CREATE POLICY open ON ${table} USING (true)`,
      `DROP POLICY tenant ON ${table}`,
      `CREATE INDEX ON ${table} (tenant_id)`,
      `LOCK TABLE ${table} IN ACCESS EXCLUSIVE MODE`,
      `COPY ${table} TO PROGRAM 'true'`,
    ]);
    statements.push(
      'CREATE TABLE shared.more ()',
      'CREATE TABLE checkpoints.more ()',
      'CREATE TABLE public.more ()',
      'CREATE TABLE shared.copy AS SELECT * FROM shared.agent_memories',
      'CREATE VIEW shared.all_of_it AS SELECT * FROM shared.agent_memories',
      `CREATE FUNCTION shared.f() RETURNS int LANGUAGE sql AS 'SELECT 1'`,
      'CREATE SCHEMA more',
      'CREATE ROLE more',
      'ALTER ROLE triptych_app BYPASSRLS',
      'DROP SCHEMA shared CASCADE',
    );
    for (const statement of statements) {
      const outcome = await asRed(() => database.query(statement)).then(
        () => 'done',
        (error: unknown) => (error as { code?: string }).code,
      );
      // LOCK is allowed to whoever may delete, in a transaction (25P01); it changes nothing and ends with it.
      const expected = statement.startsWith('LOCK') ? expect.stringMatching(/^(done|42501|25P01)$/) : '42501';
      expect({ statement, outcome }).toEqual({ statement, outcome: expected });
    }
  });

  it('answers with an error, not with all rows, when a statement switches row security off', async () => {
    for (const table of tables) {
      const peek = asRed(() =>
        database.unitOfWork(async () => {
          await database.query('SET LOCAL row_security = off');
          return database.query(`SELECT * FROM ${table}`);
        }),
      );
      await expect(peek).rejects.toMatchObject(REFUSED);
    }
  });
});

describeOnEachEngine('what a borrower leaves on a connection', (createDatabase) => {
  describe.each(createDatabase === postgres ? [1, 2] : [1])('pool of %i', (poolSize) => {
    let home: TestDatabase;
    let database: Database;
    let tables: string[];

    beforeAll(async () => {
      home = await createDatabase();
      database = await open(home, poolSize);
      tables = await tenantTables(home, database);
      for (const tenant of ['red', 'blue']) await fillTables(home, database, tables, tenant);
    });
    afterAll(async () => {
      await database.close();
      await home.drop();
    });

    /** Every way to ask, on every connection of the pool at once: nothing of red is there. */
    const expectNothingOfRed = async (): Promise<void> => {
      const all = tables.map((table) => `SELECT tenant_id FROM ${table}`).join(' UNION ALL ');
      const state = `SELECT current_user::text AS role, current_setting('app.tenant_id') AS tenant,
                            current_setting('row_security') AS rls,
                            (SELECT array_agg(DISTINCT tenant_id) FROM (${all}) AS every_table) AS seen`;
      const ways: (() => Promise<unknown[]>)[] = [
        () => database.query(state),
        () =>
          database.unitOfWork(async () => [
            ...(await database.query(state)),
            ...(await database.query(state)),
          ]),
        () => database.dataSource.query<unknown[]>(state),
        () => database.dataSource.transaction((manager) => manager.query<unknown[]>(state)),
      ];
      for (const way of ways) {
        const borrow = async (tenant?: string): Promise<unknown[]> => [
          tenant ?? '',
          ...(await (tenant ? tenants.run(tenant, way) : way())),
        ];
        const answers = await Promise.all(
          Array.from({ length: 4 * poolSize }, (_, index) => borrow(index % 2 ? 'blue' : undefined)),
        );
        for (const [tenant, ...rows] of answers) {
          expect(rows.length).toBeGreaterThan(0);
          for (const row of rows)
            expect(row).toEqual({ role: 'triptych_app', tenant, rls: 'on', seen: tenant ? [tenant] : null });
        }
      }
    };
    const leftovers: Record<string, () => Promise<unknown>> = {
      'an abort in mid-transaction': async () => {
        const client = await database.pool.connect();
        await client.query('BEGIN');
        await client.query('SELECT count(*) FROM shared.agent_memories');
        client.release();
      },
      'an abort in mid-transaction, given back as if it were good': async () => {
        const client = await database.pool.connect();
        await client.query('BEGIN');
        await client.query('SELECT 1 / 0').catch(() => undefined);
        client.release(false);
      },
      'a transaction given back while a statement of it is still running': async () => {
        const client = await database.pool.connect();
        await client.query('BEGIN');
        const running = client.query('SELECT pg_sleep(0.02)').catch(() => undefined);
        client.release();
        await running;
      },
      'a thrown handler': () =>
        database.unitOfWork(async () => {
          await database.query('SELECT 1');
          throw new Error('handler');
        }),
      'a failed statement': () => database.query('SELECT 1 / 0'),
      'a failed statement in a unit of work': () => database.unitOfWork(() => database.query('SELECT 1 / 0')),
      'a failed BEGIN': async () => {
        const client = await database.pool.connect();
        await client.query('BEGIN ISOLATION LEVEL IMAGINARY').catch(() => undefined);
        client.release();
      },
      'statements that a unit of work did not wait for': async () => {
        const late: Promise<unknown>[] = [];
        await database.unitOfWork(async () => {
          late.push(
            database.query('SELECT pg_sleep(0.01)'),
            sleep(5).then(() => database.query('SELECT 1')),
          );
          await database.query('SELECT 1');
        });
        await Promise.all(late);
      },
      'a tenant set for the session': () =>
        database.query(`SELECT set_config('app.tenant_id', 'red', false)`),
      'a tenant set for the session in a transaction': () =>
        database.unitOfWork(() => database.query(`SET app.tenant_id = 'red'`)),
      'a role set for the session': () => database.query(`SELECT set_config('role', session_user, false)`),
      'SET ROLE': () => database.query('SET ROLE NONE'),
      'SET ROLE in a unit of work': () => database.unitOfWork(() => database.query('SET ROLE NONE')),
      'RESET ROLE': () => database.query('RESET ROLE'),
      'RESET ALL': () => database.query('RESET ALL'),
      'SET SESSION AUTHORIZATION': () => database.query('SET SESSION AUTHORIZATION triptych_app'),
      ...Object.fromEntries(
        ['COMMIT WORK', 'COMMIT AND CHAIN', 'ROLLBACK AND CHAIN', 'ABORT WORK', 'END TRANSACTION'].map(
          (end) => [
            `${end}, then more`,
            async (): Promise<void> => {
              const client = await database.pool.connect();
              await client.query('BEGIN');
              await client.query(end);
              await client.query('SELECT 1');
              client.release();
            },
          ],
        ),
      ),
    };

    it('begins clean', expectNothingOfRed);

    it.each(Object.keys(leftovers))('%s', async (name) => {
      for (let round = 0; round < 3; round += 1) {
        await Promise.all(
          Array.from({ length: poolSize }, () =>
            tenants.run('red', async () => leftovers[name]?.()).catch(() => undefined),
          ),
        );
        await expectNothingOfRed();
      }
    });

    it.each([
      ['a text', 'BEGIN', 'COMMIT'],
      ['several words', 'begin transaction;', 'COMMIT WORK'],
      ['a chain', 'BEGIN', 'COMMIT AND CHAIN'],
      ['a rollback to come back from', 'BEGIN', 'ROLLBACK AND CHAIN'],
      ['a comment before it', '/* c */ BEGIN', '-- c\nCOMMIT'],
      ['an object', { text: 'BEGIN' }, { text: 'COMMIT' }],
      ['a failed begin', 'BEGIN ISOLATION LEVEL IMAGINARY', 'SELECT 1'],
    ])(
      'serves every statement of a borrower as the runtime role: transaction by %s',
      async (_, first, last) => {
        const seen = await tenants.run('red', async () => {
          const client = await database.pool.connect();
          const state = async (): Promise<unknown> =>
            (
              await client.query(
                `SELECT current_user::text AS role, current_setting('app.tenant_id') AS tenant`,
              )
            ).rows[0];
          const states = [await state()];
          await client.query(first as string).catch(() => undefined);
          states.push(await state());
          await client.query(last as string);
          states.push(await state(), await state());
          client.release();
          return states;
        });
        expect(seen).toEqual(Array(4).fill({ role: 'triptych_app', tenant: 'red' }));
        await expectNothingOfRed();
      },
    );

    /** Ends what sleeps, once it does. */
    const killSleeper = (): Promise<unknown[]> =>
      asSuperuser(
        home,
        database,
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
          WHERE datname = current_database() AND query = 'SELECT pg_sleep(30)' AND state = 'active'`,
      );

    it('lends nobody a connection whose backend has said goodbye, before its wire is cut', async () => {
      if (home.engine === 'embedded') return; // one process, no backend to kill
      const next = tenants.run('red', () =>
        database.query('SELECT pg_sleep(30)').catch(() => database.query('SELECT 1 AS one')),
      );
      while ((await killSleeper()).length === 0) await sleep(5);
      expect(await next).toEqual([{ one: 1 }]);
    });

    it('serves the next borrower on a new connection after the backend was killed', async () => {
      if (home.engine === 'embedded') return; // one process, no backend to kill
      for (const inTransaction of [false, true]) {
        const held = tenants.run('red', () =>
          inTransaction
            ? database.unitOfWork(() => database.query('SELECT pg_sleep(30)'))
            : database.query('SELECT pg_sleep(30)'),
        );
        const failed = expect(held).rejects.toThrow();
        while ((await killSleeper()).length === 0) await sleep(5);
        await failed;
        await expectNothingOfRed();
      }
    });
  });
});
