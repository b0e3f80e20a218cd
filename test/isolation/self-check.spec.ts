import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { checkOptions } from '../../src/config/load-options.js';
import { Database } from '../../src/database/database.js';
import { checkIsolation } from '../../src/database/isolation-check.js';
import { StartupError } from '../../src/errors.js';
import { currentTenant } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { asSuperuser } from '../support/superuser.js';
import { tenantTables } from '../support/tenant-tables.js';

interface Break {
  name: string;
  /** What somebody did by hand. */
  done: string;
  undone: string;
  /** The object that the refusal names, and the rule. */
  names: string;
  rule: RegExp;
}

const TENANT = `tenant_id = nullif(current_setting('app.tenant_id', true), '')`;
const BINDS = /no policy that binds the runtime role to the tenant/;
const WIDER = /policy \w+ shows more than the rows of the tenant/;
const KEY = /does not begin with tenant_id/;
const EMPTY_TABLE = (columns: string): string => `CREATE TABLE shared.more (${columns})`;
const PROTECTED = `ALTER TABLE shared.more ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
  CREATE POLICY tenant ON shared.more USING (${TENANT}) WITH CHECK (${TENANT})`;

const policy = (name: string, done: string, rule: RegExp): Break => ({
  name,
  done: `DROP POLICY tenant ON shared.sessions; ${done}`,
  undone: `DROP POLICY IF EXISTS tenant ON shared.sessions;
    CREATE POLICY tenant ON shared.sessions USING (${TENANT}) WITH CHECK (${TENANT})`,
  names: 'shared.sessions',
  rule,
});
const extra = (name: string, policyText: string): Break => ({
  name,
  done: `CREATE POLICY extra ON shared.agent_memories ${policyText}`,
  undone: 'DROP POLICY extra ON shared.agent_memories',
  names: 'shared.agent_memories',
  rule: WIDER,
});
const object = (name: string, done: string, undone: string, names: string, rule: RegExp): Break => ({
  name,
  done,
  undone,
  names,
  rule,
});

const BREAKS: Break[] = [
  object(
    'row-level security is disabled',
    'ALTER TABLE shared.sessions DISABLE ROW LEVEL SECURITY',
    'ALTER TABLE shared.sessions ENABLE ROW LEVEL SECURITY',
    'shared.sessions',
    /row-level security is not enabled and forced/,
  ),
  object(
    'row-level security is not forced, on a table of LangGraph',
    'ALTER TABLE checkpoints.checkpoint_blobs NO FORCE ROW LEVEL SECURITY',
    'ALTER TABLE checkpoints.checkpoint_blobs FORCE ROW LEVEL SECURITY',
    'checkpoints.checkpoint_blobs',
    /row-level security is not enabled and forced/,
  ),
  object(
    'a table of nobody is not protected',
    'ALTER TABLE shared.migrations NO FORCE ROW LEVEL SECURITY',
    'ALTER TABLE shared.migrations FORCE ROW LEVEL SECURITY',
    'shared.migrations',
    /row-level security is not enabled and forced/,
  ),
  policy('the policy is gone', '', BINDS),
  policy(
    'the policy is for reading only',
    `CREATE POLICY tenant ON shared.sessions FOR SELECT USING (${TENANT})`,
    BINDS,
  ),
  policy(
    'the policy is for another role',
    `CREATE POLICY tenant ON shared.sessions TO pg_monitor USING (${TENANT})`,
    BINDS,
  ),
  policy(
    'the policy is true',
    'CREATE POLICY tenant ON shared.sessions USING (true) WITH CHECK (true)',
    WIDER,
  ),
  policy(
    'the policy lets rows in that it does not show',
    `CREATE POLICY tenant ON shared.sessions USING (${TENANT}) WITH CHECK (true)`,
    WIDER,
  ),
  policy(
    'the policy has an alternative',
    `CREATE POLICY tenant ON shared.sessions USING (${TENANT} OR thread_id = 'public') WITH CHECK (${TENANT})`,
    WIDER,
  ),
  policy(
    'the policy shows rows when no tenant is set',
    `CREATE POLICY tenant ON shared.sessions USING (tenant_id = coalesce(current_setting('app.tenant_id', true), tenant_id))`,
    WIDER,
  ),
  extra('a second policy that is true', 'USING (true)'),
  extra('a second policy, for reading', 'FOR SELECT USING (content IS NOT NULL)'),
  extra('a second policy, for inserting', 'FOR INSERT WITH CHECK (true)'),
  extra('a second policy, for the runtime role', 'TO triptych_app USING (true)'),
  object(
    'a primary key begins with another column',
    EMPTY_TABLE('tenant_id text, id int, PRIMARY KEY (id, tenant_id)') + `; ${PROTECTED}`,
    'DROP TABLE shared.more',
    'shared.more',
    KEY,
  ),
  object(
    'a unique key begins with another column',
    'ALTER TABLE shared.agent_memories ADD CONSTRAINT one UNIQUE (memory_id)',
    'ALTER TABLE shared.agent_memories DROP CONSTRAINT one',
    'shared.agent_memories',
    /the key one does not begin with tenant_id/,
  ),
  object(
    'a foreign key begins with another column',
    EMPTY_TABLE('id int UNIQUE') +
      '; ALTER TABLE shared.sessions ADD CONSTRAINT there FOREIGN KEY (version) REFERENCES shared.more (id)',
    'ALTER TABLE shared.sessions DROP CONSTRAINT there; DROP TABLE shared.more',
    'shared.sessions',
    /the key there does not begin with tenant_id/,
  ),
  object(
    'a unique index begins with another column',
    'CREATE UNIQUE INDEX one ON shared.sessions (thread_id, tenant_id)',
    'DROP INDEX shared.one',
    'shared.sessions',
    /the unique index shared\.one does not begin with tenant_id/,
  ),
  object(
    'a unique index begins with an expression',
    'CREATE UNIQUE INDEX one ON shared.sessions (lower(tenant_id), thread_id)',
    'DROP INDEX shared.one',
    'shared.sessions',
    /the unique index shared\.one does not begin with tenant_id/,
  ),
  object(
    'an exclusion constraint compares rows of all tenants',
    'ALTER TABLE shared.sessions ADD CONSTRAINT apart EXCLUDE USING btree (thread_id WITH =)',
    'ALTER TABLE shared.sessions DROP CONSTRAINT apart',
    'shared.sessions',
    /apart does not begin with tenant_id/,
  ),
  object(
    'a unique index of LangGraph’s does not begin with the thread',
    'CREATE UNIQUE INDEX one ON checkpoints.checkpoints (checkpoint_id)',
    'DROP INDEX checkpoints.one',
    'checkpoints.checkpoints',
    KEY,
  ),
  object(
    'a view reads with its owner’s rights',
    'CREATE VIEW shared.everything AS SELECT * FROM shared.agent_memories',
    'DROP VIEW shared.everything',
    'shared.everything',
    /view reads with the rights of its owner/,
  ),
  object(
    'a view says so',
    'CREATE VIEW shared.everything WITH (security_invoker = false) AS SELECT * FROM shared.agent_memories',
    'DROP VIEW shared.everything',
    'shared.everything',
    /view reads with the rights of its owner/,
  ),
  object(
    'a view of another schema',
    'CREATE VIEW public.everything AS SELECT * FROM shared.agent_memories',
    'DROP VIEW public.everything',
    'everything',
    /view reads with the rights of its owner/,
  ),
  object(
    'a materialised view',
    'CREATE MATERIALIZED VIEW shared.everything AS SELECT * FROM shared.agent_memories',
    'DROP MATERIALIZED VIEW shared.everything',
    'shared.everything',
    /view reads with the rights of its owner/,
  ),
  object(
    'a function runs with its owner’s rights',
    `CREATE FUNCTION shared.everything() RETURNS SETOF shared.agent_memories LANGUAGE sql SECURITY DEFINER
       AS 'SELECT * FROM shared.agent_memories'`,
    'DROP FUNCTION shared.everything',
    'shared.everything()',
    /SECURITY DEFINER/,
  ),
  object(
    'the runtime role may TRUNCATE',
    'GRANT TRUNCATE ON shared.session_messages TO triptych_app',
    'REVOKE TRUNCATE ON shared.session_messages FROM triptych_app',
    'shared.session_messages',
    /may TRUNCATE it/,
  ),
  object(
    'everybody may TRUNCATE',
    'GRANT TRUNCATE ON shared.session_messages TO PUBLIC',
    'REVOKE TRUNCATE ON shared.session_messages FROM PUBLIC',
    'shared.session_messages',
    /may TRUNCATE it/,
  ),
  object(
    'the runtime role owns a table',
    `ALTER TABLE shared.agent_memories OWNER TO triptych_app`,
    'ALTER TABLE shared.agent_memories OWNER TO CURRENT_USER; GRANT SELECT, INSERT, UPDATE, DELETE ON shared.agent_memories TO triptych_app',
    'shared.agent_memories',
    /the runtime role is its owner/,
  ),
  ...['INSERT', 'UPDATE', 'DELETE'].map((right) =>
    object(
      `a table of nobody is open to ${right}`,
      `GRANT ${right} ON shared.migrations TO triptych_app`,
      `REVOKE ${right} ON shared.migrations FROM triptych_app`,
      'shared.migrations',
      /no column tenant_id, and the runtime role may write to it/,
    ),
  ),
  object(
    'a new table without any of it',
    EMPTY_TABLE('tenant_id text PRIMARY KEY'),
    'DROP TABLE shared.more',
    'shared.more',
    BINDS,
  ),
  object(
    'a new partitioned table',
    'CREATE TABLE shared.more (tenant_id text) PARTITION BY HASH (tenant_id)',
    'DROP TABLE shared.more',
    'shared.more',
    /row-level security is not enabled and forced/,
  ),
];

/** Things that a check which only wants to refuse would refuse as well. */
const HARMLESS: [name: string, done: string, undone: string][] = [
  [
    'a view with the rights of who asks',
    'CREATE VIEW shared.own WITH (security_invoker = true) AS SELECT * FROM shared.agent_memories',
    'DROP VIEW shared.own',
  ],
  [
    'a policy that takes away',
    'CREATE POLICY less ON shared.agent_memories AS RESTRICTIVE USING (length(content) < 1000)',
    'DROP POLICY less ON shared.agent_memories',
  ],
  [
    'a policy for a role that serves no request',
    'CREATE POLICY report ON shared.agent_memories FOR SELECT TO pg_monitor USING (true)',
    'DROP POLICY report ON shared.agent_memories',
  ],
  [
    'a protected table',
    EMPTY_TABLE('tenant_id text, id int, PRIMARY KEY (tenant_id, id)') + `; ${PROTECTED}`,
    'DROP TABLE shared.more',
  ],
  ['a view of something else', 'CREATE VIEW public.other AS SELECT 1 AS one', 'DROP VIEW public.other'],
  [
    'an index that is not unique',
    'CREATE INDEX more ON shared.sessions (thread_id)',
    'DROP INDEX shared.more',
  ],
];

describeOnEachEngine('the check at start', (createDatabase) => {
  let home: TestDatabase;
  let running: Database;
  let tables: string[];

  const open = (): Promise<Database> =>
    Database.open({
      options: checkOptions({ database: home.settings }),
      entities: [],
      tenantOfCaller: currentTenant,
      seed: home.seed,
    });
  /** On the embedded engine, whose data lives in the process, the same check without the start around it. */
  const check = async (): Promise<void> => {
    if (home.engine === 'embedded')
      await checkIsolation((sql, parameters) => running.dataSource.query(sql, parameters));
    else await (await open()).close();
  };
  const refusal = (): Promise<unknown> =>
    check().then(
      () => 'opened',
      (error: unknown) => error,
    );

  beforeAll(async () => {
    home = await createDatabase();
    running = await open();
    tables = await tenantTables(home, running);
  });
  afterAll(async () => {
    await running.close();
    await home.drop();
  });

  it('opens what the migrations made', check);

  it.each(BREAKS)('refuses: $name', async ({ done, undone, names, rule }) => {
    await asSuperuser(home, running, done);
    try {
      const error = await refusal();
      expect(error).toBeInstanceOf(StartupError);
      const lines = (error as StartupError).message.split('\n').filter((line) => line.startsWith('  '));
      expect(lines).toContainEqual(expect.stringMatching(rule));
      expect(lines.find((line) => rule.test(line))).toContain(`  ${names}: `);
      for (const line of lines) expect(line).toMatch(/^ {2}(shared\.(more|one)|[\w.()]+): /);
    } finally {
      await asSuperuser(home, running, undone);
    }
    await check();
  });

  it.each(HARMLESS)('opens with %s', async (_, done, undone) => {
    await asSuperuser(home, running, done);
    try {
      await check();
    } finally {
      await asSuperuser(home, running, undone);
    }
  });

  it('names every table at once', async () => {
    await asSuperuser(home, running, tables.map((table) => `DROP POLICY tenant ON ${table}`).join(';'));
    const { message } = (await refusal()) as Error;
    for (const table of tables) expect(message).toContain(`  ${table}: it has no policy that binds`);
    await asSuperuser(
      home,
      running,
      tables.map((t) => `CREATE POLICY tenant ON ${t} USING (${TENANT}) WITH CHECK (${TENANT})`).join(';'),
    );
    await check();
  });

  describe('of the role', () => {
    // A role belongs to the whole server, and other tests use it there; the embedded server is this test's own.
    it.each(['BYPASSRLS', 'SUPERUSER'])('refuses %s', async (attribute) => {
      if (home.engine === 'postgres') {
        const column = { BYPASSRLS: 'rolbypassrls', SUPERUSER: 'rolsuper' }[attribute] ?? '';
        const others = column === 'rolsuper' ? 'rolbypassrls' : 'rolsuper';
        const roles = `(SELECT rolname, true AS ${column}, ${others} FROM pg_catalog.pg_roles) AS pg_roles`;
        const pretended = checkIsolation((sql, parameters) =>
          running.dataSource.query(sql.replace('FROM pg_roles', `FROM ${roles}`), parameters),
        );
        await expect(pretended).rejects.toThrow(/triptych_app: the runtime role is a superuser or bypasses/);
        return;
      }
      await asSuperuser(home, running, `ALTER ROLE triptych_app ${attribute}`);
      await expect(check()).rejects.toThrow(/triptych_app: the runtime role is a superuser or bypasses/);
      await asSuperuser(home, running, `ALTER ROLE triptych_app NO${attribute}`);
      await check();
    });

    it('refuses to serve requests as another', async () => {
      const asLogin = checkIsolation((sql, parameters) => {
        const escaped = running.unitOfWork(async () => {
          await running.query('RESET ROLE');
          return running.query(sql, parameters);
        });
        return escaped as never;
      });
      await expect(asLogin).rejects.toThrow(
        /postgres: requests are served as this role and not as triptych_app/,
      );
    });
  });
});
