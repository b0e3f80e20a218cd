import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { ConnectionPool } from '../../src/database/connection-pool.js';
import { prepared } from '../../src/database/prepared-statements.js';
import { postgres, type TestDatabase } from '../support/engines.js';
import { PgBouncer } from '../support/pgbouncer.js';

const hasServer = process.env['TEST_DATABASE_URL'] !== undefined;
const TABLE = `
  CREATE TABLE shared.notes (tenant_id text DEFAULT current_setting('app.tenant_id'), note text, UNIQUE (tenant_id, note));
  ALTER TABLE shared.notes ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY tenant ON shared.notes USING (tenant_id = current_setting('app.tenant_id'));
  GRANT SELECT, INSERT ON shared.notes TO triptych_app;
  CREATE SEQUENCE shared.attempts;
  GRANT USAGE ON SEQUENCE shared.attempts TO triptych_app;
  CREATE FUNCTION shared.fail(code text) RETURNS void LANGUAGE plpgsql AS $$
    BEGIN PERFORM nextval('shared.attempts'); RAISE 'on purpose' USING ERRCODE = code; END $$`;

// Which tenant's, only row-level security says.
const READ = prepared('read_notes', 'SELECT tenant_id, note FROM shared.notes ORDER BY note');
const READ_ALL = prepared('read_all_notes', 'SELECT * FROM shared.notes ORDER BY note');
const WRITE = prepared('write_note', 'INSERT INTO shared.notes (note) VALUES ($1) RETURNING *');
const FAIL = prepared('fail', 'SELECT shared.fail($1)');

const NAMED = `
  SELECT name, generic_plans::int AS generic, custom_plans::int AS custom FROM pg_prepared_statements
   WHERE name LIKE 'triptych%' AND name NOT LIKE 'triptych_enter%' ORDER BY name`;
const LOST: readonly [how: string, sql: string][] = [
  ['all of them by DEALLOCATE', 'DEALLOCATE ALL'],
  ['that of the statement alone', 'DEALLOCATE triptych_write_note'],
  ['that of its entry alone', 'DEALLOCATE triptych_enter_as_kept'],
  ['all of them by DISCARD', 'DISCARD ALL'],
];

(hasServer ? describe : describe.skip)('a statement under a name', () => {
  let home: TestDatabase;
  const pools: pg.Pool[] = [];
  beforeAll(async () => {
    home = await postgres();
    await asOwner(TABLE);
  });
  afterEach(async () => {
    for (const pool of pools.splice(0)) await pool.end();
    await asOwner('TRUNCATE shared.notes');
  });
  afterAll(async () => {
    await home.drop();
  });

  async function asOwner(sql: string): Promise<Record<string, unknown>[]> {
    const client = new pg.Client(home.settings.url);
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  /** One connection, which is known to be one of PostgreSQL's own. */
  async function open(url = home.settings.url ?? '') {
    let tenant = 'acme';
    const pool = new ConnectionPool({
      connectionString: url,
      max: 1,
      pipeline: true,
      role: 'triptych_app',
      tenantOfCaller: () => tenant,
    });
    pools.push(pool);
    const raw: pg.PoolClient[] = [];
    pool.on('connect', (client) => raw.push(client));
    // Of a backend that is killed.
    pool.on('error', () => undefined);
    const run = async (text: string, ...values: unknown[]): Promise<Record<string, unknown>[]> =>
      (await pool.run<Record<string, unknown>>(text, values)).rows;
    await run('SELECT 1');
    return {
      pool,
      run,
      as: (next: string) => {
        tenant = next;
        return run;
      },
      /** The connection past the pool. */
      raw: () => raw.at(-1) as pg.PoolClient,
    };
  }

  const notesOf = (tenant: string) => [
    { tenant_id: tenant, note: 'first' },
    { tenant_id: tenant, note: 'second' },
  ];

  it('is parsed and planned once a connection', async () => {
    const { run } = await open();
    for (const note of ['a', 'b', 'c', 'd', 'e', 'f', 'g']) await run(WRITE, note);
    for (let n = 0; n < 7; n += 1) expect(await run(READ)).toHaveLength(7);
    expect(await run(NAMED)).toEqual([
      { name: 'triptych_read_notes', generic: 7, custom: 0 },
      { name: 'triptych_write_note', generic: 7, custom: 0 },
    ]);
  });

  it('shows no tenant the rows of another, whoever planned it, and an owner all', async () => {
    const { pool, as } = await open();
    for (const tenant of ['acme', 'other'])
      for (const note of ['first', 'second']) await as(tenant)(WRITE, note);
    const asOwnerOfAll = async (): Promise<unknown> => {
      const client = await pool.connect();
      await client.query('BEGIN');
      await client.query('SET LOCAL ROLE NONE');
      const { rows } = await client.query('EXECUTE triptych_read_notes');
      await client.query('COMMIT');
      client.release();
      return rows.length;
    };
    for (let round = 0; round < 8; round += 1) {
      expect(await as('acme')(READ)).toEqual(notesOf('acme'));
      expect(await as('other')(READ)).toEqual(notesOf('other'));
      expect(await as('')(READ)).toEqual([]);
      expect(await asOwnerOfAll()).toBe(4);
    }
  });

  it.each(LOST)('is sent again, and done once, when the connection loses its names: %s', async (_, loss) => {
    const { run, raw, as } = await open();
    await run(WRITE, 'first');
    await raw().query(loss);
    expect(await run(WRITE, 'second')).toMatchObject([{ note: 'second' }]);
    expect(await run(READ)).toEqual(notesOf('acme'));
    expect(await as('other')(READ)).toEqual([]);
  });

  it('takes a name that was taken', async () => {
    const { run, raw } = await open();
    await raw().query(`PREPARE triptych_write_note AS SELECT 'somebody else''s'`);
    expect(await run(WRITE, 'first')).toMatchObject([{ note: 'first' }]);
    expect(await run(NAMED)).toEqual([{ name: 'triptych_write_note', generic: 1, custom: 0 }]);
  });

  it('answers with the columns that a migration has made, and is named again', async () => {
    const { run } = await open();
    await run(WRITE, 'first');
    await run(READ_ALL);
    await asOwner('ALTER TABLE shared.notes ADD COLUMN made int DEFAULT 1');
    try {
      expect(await run(WRITE, 'second')).toEqual([{ tenant_id: 'acme', note: 'second', made: 1 }]);
      for (let round = 0; round < 2; round += 1)
        expect(await run(READ_ALL)).toEqual(notesOf('acme').map((note) => ({ ...note, made: 1 })));
      expect(await run(NAMED)).toContainEqual({ name: 'triptych_read_all_notes', generic: 1, custom: 0 });
    } finally {
      await asOwner('ALTER TABLE shared.notes DROP COLUMN made');
    }
  });

  it('is named anew by the connection that follows one whose backend was killed', async () => {
    const { run, raw } = await open();
    await run(WRITE, 'first');
    const killed = raw();
    const [{ pid } = {}] = await run('SELECT pg_backend_pid() AS pid');
    const ended = new Promise((resolve) => killed.once('end', resolve));
    await asOwner(`SELECT pg_terminate_backend(${Number(pid)})`);
    await ended;
    expect(await run('SELECT 1')).toHaveLength(1);
    expect(raw()).not.toBe(killed);
    expect(await run(WRITE, 'second')).toHaveLength(1);
    expect(await run(READ)).toEqual(notesOf('acme'));
    expect(await run(NAMED)).toMatchObject([
      { name: 'triptych_read_notes' },
      { name: 'triptych_write_note' },
    ]);
  });

  it.each([
    ['26000', 2],
    ['0A000', 2],
    ['23505', 1],
  ])('that fails by itself with %s is tried %i times, and its error reported', async (code, attempts) => {
    const { run } = await open();
    const last = async (): Promise<number> =>
      Number(
        (
          await asOwner('SELECT CASE WHEN is_called THEN last_value ELSE 0 END AS n FROM shared.attempts')
        )[0]?.['n'],
      );
    const before = await last();
    await expect(run(FAIL, code)).rejects.toMatchObject({ code, message: 'on purpose' });
    expect((await last()) - before).toBe(attempts);
  });

  it('has no name inside of a unit of work, which goes on when names are lost', async () => {
    const { pool, run, raw } = await open();
    await run(WRITE, 'first');
    await pool.unitOfWork(async () => {
      await raw().query('DEALLOCATE ALL');
      await run(WRITE, 'second');
      expect(await run(NAMED)).toEqual([]);
    });
    expect(await run(READ)).toEqual(notesOf('acme'));
  });

  (PgBouncer.isInstalled ? it : it.skip)('has no name behind PgBouncer', async () => {
    const url = home.settings.url ?? '';
    const bouncer = await PgBouncer.start(url, 1);
    try {
      const first = await open(bouncer.urlOf(url));
      const second = await open(bouncer.urlOf(url));
      for (const note of ['first', 'second'])
        for (const [{ as }, tenant] of [[first, 'acme'] as const, [second, 'other'] as const])
          await as(tenant)(WRITE, note);
      for (const [{ as }, tenant] of [[first, 'acme'] as const, [second, 'other'] as const])
        expect(await as(tenant)(READ)).toEqual(notesOf(tenant));
      expect(await first.run(NAMED)).toEqual([]);
      for (const pool of pools.splice(0)) await pool.end();
    } finally {
      await bouncer.stop();
    }
  });

  it('needs a name of its own', () => {
    expect(() => prepared('read_notes', 'SELECT 1')).toThrow('there already');
    expect(() => prepared('read_notes_again', READ)).toThrow('there already');
    expect(prepared('read_notes', READ)).toBe(READ);
  });
});
