import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import pg from 'pg';
import { failureOf, STATUS } from '../src/cli/failure.js';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { type MigrationDataSource } from '../src/database/migration-data-source.js';
import { migrations } from '../src/database/migrations.js';
import { withSchema } from '../src/database/owner-database.js';
import { postgres, type TestDatabase } from './support/engines.js';

const LIMITS = [
  'statement_timeout',
  'lock_timeout',
  'idle_session_timeout',
  'idle_in_transaction_session_timeout',
];

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)('a login that is no superuser', () => {
  /** A name that has to be quoted. */
  const login = `Triptych login ${process.pid}`;
  const successor = `triptych_successor_${process.pid}`;
  let home: TestDatabase;
  let admin: pg.Client;
  let database: string;

  const urlOf = (user: string): string => {
    const url = new URL(home.settings.url ?? '');
    url.username = encodeURIComponent(user);
    return url.href;
  };
  const start = async (user = login, migrateOnStart = true): Promise<void> => {
    const options = checkOptions({ database: { url: urlOf(user), migrateOnStart } });
    const opened = await Database.open({ options, entities: [], tenantOfCaller: () => undefined });
    await opened.close();
  };
  const asOwner = <T>(user: string, work: (owner: MigrationDataSource) => Promise<T>): Promise<T> =>
    withSchema(checkOptions({ database: { url: urlOf(user) } }), work);
  /** What a person sees of `triptych migrate run`. */
  const migrated = (user = login): Promise<unknown> =>
    asOwner(user, (owner) => owner.runMigrations()).then(() => 'migrated', failureOf);
  const run = async (...statements: string[]): Promise<void> => {
    for (const statement of statements) await admin.query(statement);
  };

  beforeEach(async () => {
    home = await postgres({ empty: true });
    admin = new pg.Client(home.settings.url);
    await admin.connect();
    database = new URL(home.settings.url ?? '').pathname.slice(1);
    await run('CREATE EXTENSION vector', `CREATE ROLE "${login}" LOGIN`, `CREATE ROLE ${successor} LOGIN`);
  });
  afterEach(async () => {
    for (const role of [`"${login}"`, successor]) await run(`DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
    await admin.end();
    await home.drop();
  });

  it('is told the statement that lets it make the schema', async () => {
    const remedy = `GRANT CREATE ON DATABASE ${database} TO "${login}"`;
    expect(await migrated()).toEqual({
      status: STATUS.notAllowed,
      message: expect.stringMatching(`^This login may not make schemas .*\`${remedy}\`\\.$`),
    });
    await expect(start()).rejects.toThrow(remedy);
  });

  it('is told the statement that lets it be who serves, by a migration and by the start', async () => {
    const noted = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const answered = jest.spyOn(console, 'log');
    await run(`GRANT CREATE ON DATABASE ${database} TO "${login}"`);
    for (const role of ['triptych_app', 'triptych_worker']) {
      const remedy = `${login} is no member of the role ${role}. As a superuser run: GRANT ${role} TO "${login}".`;
      expect(await migrated()).toEqual({
        status: STATUS.notAllowed,
        message: `The database did not do it: ${remedy}`,
      });
      await expect(start()).rejects.toThrow(`The database could not be migrated: ${remedy}`);
      await run(`GRANT ${role} TO "${login}"`);
    }
    // Which one it was; standard output belongs to the answers of commands.
    expect(
      noted.mock.calls.map(([text]) => /^Migration "(\w+)\d{13}" failed/.exec(String(text))?.[1]),
    ).toEqual(['RowLevelSecurity', 'RowLevelSecurity', 'PendingEmbeddings', 'PendingEmbeddings']);
    expect(answered).not.toHaveBeenCalled();
    jest.restoreAllMocks();
    await start();
    await run(`REVOKE triptych_app FROM "${login}"`);
    await expect(start(login, false)).rejects.toThrow(`GRANT triptych_app, triptych_worker TO "${login}"`);
  });

  it.each([['that is kept'], [`of which DROP OWNED BY "${login}" took the rights`]])(
    'may become the owner after another %s',
    async (how) => {
      await run(
        ...[`"${login}"`, successor].flatMap((role) => [
          `GRANT CREATE ON DATABASE ${database} TO ${role}`,
          `GRANT triptych_app, triptych_worker TO ${role}`,
        ]),
      );
      expect(await migrated()).toBe('migrated');
      await run(
        `INSERT INTO shared.tenants (tenant_id) VALUES ('acme')`,
        `REASSIGN OWNED BY "${login}" TO ${successor}`,
      );
      const drops = /DROP OWNED BY "[^"]+"/.exec(how);
      if (drops) await run(drops[0]);
      await asOwner(successor, async (owner) => {
        await owner.undoLastMigration();
        expect(await owner.query('SELECT FROM shared.migrations')).toHaveLength(migrations.length - 1);
        expect(await owner.runMigrations()).toHaveLength(1);
        expect(await owner.query('SELECT tenant_id FROM shared.tenants')).toEqual([{ tenant_id: 'acme' }]);
      });
      await start(successor);
    },
  );

  it('migrates without the limits of its role', async () => {
    await run(
      `GRANT CREATE ON DATABASE ${database} TO "${login}"`,
      `GRANT triptych_app, triptych_worker TO "${login}"`,
      ...LIMITS.map((name) => `ALTER ROLE "${login}" SET ${name} = '30s'`),
    );
    const limits = `SELECT ${LIMITS.map((name) => `current_setting('${name}') AS ${name}`).join(', ')}`;
    const none = Object.fromEntries(LIMITS.map((name) => [name, '0']));
    await asOwner(login, async (owner) => {
      const runners = [owner.createQueryRunner(), owner.createQueryRunner()];
      for (const runner of runners) expect(await runner.query(limits)).toEqual([none]);
      for (const runner of runners) await runner.release();
    });
  });
});
