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
const OWNERS_VIEW = /view reads with the rights of its owner/;
const DEFINER = /SECURITY DEFINER/;
const INVOKERS_VIEW = 'CREATE VIEW public.own WITH (security_invoker) AS SELECT * FROM shared.agent_memories';
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

/** A function outside our schemas that runs with the rights of who made it, a superuser. */
const definer = (name: string, rest: string, returns = 'bigint'): Break =>
  object(
    `a function elsewhere, with its owner’s rights, ${name}`,
    `CREATE FUNCTION public.everything() RETURNS ${returns} SECURITY DEFINER ${rest}`,
    'DROP FUNCTION public.everything',
    'everything()',
    DEFINER,
  );
/** A right to one column of a table, or to delete from it. */
const right = (privilege: string, table: string, rule: RegExp): Break =>
  object(
    `the runtime role has ${privilege} on ${table}`,
    `GRANT ${privilege} ON ${table} TO triptych_app`,
    `REVOKE ${privilege} ON ${table} FROM triptych_app`,
    table,
    rule,
  );

/** A right of the background worker's role beyond four columns of one table. */
const workersRight = (privilege: string, table: string): Break =>
  object(
    `the role of the background worker has ${privilege} on ${table}`,
    `GRANT ${privilege} ON ${table} TO triptych_worker`,
    `REVOKE ${privilege} ON ${table} FROM triptych_worker`,
    table,
    /the role triptych_worker may/,
  );

const BREAKS: Break[] = [
  workersRight('SELECT', 'shared.agent_memories'),
  workersRight('SELECT (memory_id)', 'shared.pending_embeddings'),
  workersRight('UPDATE (due_at)', 'shared.pending_embeddings'),
  workersRight('DELETE', 'shared.pending_embeddings'),
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
    OWNERS_VIEW,
  ),
  object(
    'a view says so',
    'CREATE VIEW shared.everything WITH (security_invoker = false) AS SELECT * FROM shared.agent_memories',
    'DROP VIEW shared.everything',
    'shared.everything',
    OWNERS_VIEW,
  ),
  object(
    'a view of another schema',
    'CREATE VIEW public.everything AS SELECT * FROM shared.agent_memories',
    'DROP VIEW public.everything',
    'everything',
    OWNERS_VIEW,
  ),
  object(
    'a materialised view',
    'CREATE MATERIALIZED VIEW shared.everything AS SELECT * FROM shared.agent_memories',
    'DROP MATERIALIZED VIEW shared.everything',
    'shared.everything',
    OWNERS_VIEW,
  ),
  object(
    'a function runs with its owner’s rights',
    `CREATE FUNCTION shared.everything() RETURNS SETOF shared.agent_memories LANGUAGE sql SECURITY DEFINER
       AS 'SELECT * FROM shared.agent_memories'`,
    'DROP FUNCTION shared.everything',
    'shared.everything()',
    DEFINER,
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
  right('UPDATE (details)', 'shared.audit_log', /may change or delete what was recorded/),
  right('UPDATE', 'shared.audit_log', /may change or delete what was recorded/),
  right('DELETE', 'shared.audit_log', /may change or delete what was recorded/),
  right('INSERT (name)', 'shared.migrations', /no column tenant_id, and the runtime role may write to it/),
  right('UPDATE (name)', 'shared.migrations', /no column tenant_id, and the runtime role may write to it/),
  right('UPDATE (daily_quota)', 'shared.tenants', /may write to it/),
  right('INSERT (tenant_id)', 'shared.tenants', /may write to it/),
  right('DELETE', 'shared.tenants', /may write to it/),
  right('UPDATE (scopes)', 'shared.api_keys', /may write to it/),
  right('INSERT', 'shared.api_keys', /may write to it/),
  right('DELETE', 'shared.api_keys', /may write to it/),
  right('DELETE', 'shared.usage', /may reset what was used of a quota/),
  right('DELETE', 'shared.rate_buckets', /may reset what was used of a rate/),
  object(
    'everybody may update a column',
    'GRANT UPDATE (details) ON shared.audit_log TO PUBLIC',
    'REVOKE UPDATE (details) ON shared.audit_log FROM PUBLIC',
    'shared.audit_log',
    /may change or delete what was recorded/,
  ),
  definer('that names a table', `LANGUAGE sql AS 'SELECT count(*) FROM shared.agent_memories'`),
  definer(
    'that quotes a name',
    `LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM "checkpoints" . "checkpoints"); END'`,
  ),
  definer(
    'that puts a name together',
    `LANGUAGE plpgsql AS $$DECLARE n bigint;
       BEGIN EXECUTE format('SELECT count(*) FROM SHARED.%I', 'sessions') INTO n; RETURN n; END$$`,
  ),
  definer(
    'that has one of our schemas in its path',
    `SET search_path = public, shared LANGUAGE plpgsql AS 'BEGIN RETURN (SELECT count(*) FROM sessions); END'`,
  ),
  definer('whose body was read', 'BEGIN ATOMIC SELECT count(*) FROM shared.agent_memories; END'),
  definer('that answers our rows', `LANGUAGE plpgsql AS 'BEGIN RETURN; END'`, 'SETOF shared.agent_memories'),
  object(
    'a function that calls a function that reads a view',
    `${INVOKERS_VIEW};
     CREATE FUNCTION public.inner_one() RETURNS bigint BEGIN ATOMIC SELECT count(*) FROM public.own; END;
     CREATE FUNCTION public.everything() RETURNS bigint SECURITY DEFINER BEGIN ATOMIC SELECT public.inner_one(); END`,
    'DROP FUNCTION public.everything; DROP FUNCTION public.inner_one; DROP VIEW public.own',
    'everything()',
    DEFINER,
  ),
  object(
    'a trigger of a table runs with the rights of another',
    `CREATE FUNCTION public.everything() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
     REVOKE ALL ON FUNCTION public.everything FROM PUBLIC;
     CREATE TRIGGER one BEFORE INSERT ON shared.sessions FOR EACH ROW EXECUTE FUNCTION public.everything()`,
    'DROP TRIGGER one ON shared.sessions; DROP FUNCTION public.everything',
    'everything()',
    DEFINER,
  ),
  object(
    'a view on a view on a view',
    `${INVOKERS_VIEW};
     CREATE VIEW public.second WITH (security_invoker) AS SELECT content FROM public.own;
     CREATE VIEW public.everything AS SELECT * FROM public.second`,
    'DROP VIEW public.everything; DROP VIEW public.second; DROP VIEW public.own',
    'everything',
    OWNERS_VIEW,
  ),
  object(
    'a materialised view of a view',
    `${INVOKERS_VIEW}; CREATE MATERIALIZED VIEW public.everything AS SELECT * FROM public.own`,
    'DROP MATERIALIZED VIEW public.everything; DROP VIEW public.own',
    'everything',
    OWNERS_VIEW,
  ),
  object(
    'a rule writes with the rights of who owns it',
    `CREATE TABLE public.inbox (content text);
     CREATE RULE clear AS ON INSERT TO public.inbox DO ALSO DELETE FROM shared.agent_memories`,
    'DROP TABLE public.inbox',
    'inbox',
    /the rule clear acts with the rights of its owner/,
  ),
  object(
    'a rule of a view with the rights of who asks',
    `${INVOKERS_VIEW};
     CREATE RULE clear AS ON INSERT TO public.own DO INSTEAD DELETE FROM shared.agent_memories`,
    'DROP VIEW public.own',
    'own',
    /the rule clear acts with the rights of its owner/,
  ),
  object(
    'a table elsewhere inherits the rows of one of ours',
    `CREATE TABLE public.everything (tenant_id text NOT NULL);
     ALTER TABLE shared.sessions INHERIT public.everything`,
    'ALTER TABLE shared.sessions NO INHERIT public.everything; DROP TABLE public.everything',
    'shared.sessions',
    /shown by everything, which it inherits from/,
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
  [
    'a view that says so in another word',
    'CREATE VIEW shared.own WITH (security_invoker = on) AS SELECT * FROM shared.agent_memories',
    'DROP VIEW shared.own',
  ],
  [
    'a view of such a view',
    `${INVOKERS_VIEW}; CREATE VIEW public.second WITH (security_invoker) AS SELECT * FROM public.own`,
    'DROP VIEW public.second; DROP VIEW public.own',
  ],
  [
    'views and rules of something else',
    `CREATE TABLE public.other (one int); CREATE VIEW public.first AS SELECT * FROM public.other;
     CREATE VIEW public.second AS SELECT * FROM public.first;
     CREATE RULE twice AS ON INSERT TO public.other DO ALSO DELETE FROM public.first WHERE false`,
    'DROP TABLE public.other CASCADE',
  ],
  [
    'a function with its owner’s rights that is about something else',
    `CREATE TABLE public.shared_notes (one int);
     CREATE FUNCTION public.other() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, my_shared
       AS '/* This is shared. */ SELECT count(*) FROM public.shared_notes'`,
    'DROP FUNCTION public.other; DROP TABLE public.shared_notes',
  ],
  [
    'a function with the rights of who calls it',
    `CREATE FUNCTION public.own() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM shared.agent_memories'`,
    'DROP FUNCTION public.own',
  ],
  [
    'a function that the runtime role may not call',
    `CREATE FUNCTION public.report() RETURNS bigint LANGUAGE sql SECURITY DEFINER
       AS 'SELECT count(*) FROM shared.agent_memories';
     REVOKE ALL ON FUNCTION public.report FROM PUBLIC`,
    'DROP FUNCTION public.report',
  ],
  [
    'a function whose owner has no right to our schemas',
    `CREATE FUNCTION public.other() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER
       AS 'BEGIN RETURN (SELECT count(*) FROM shared.agent_memories); END';
     ALTER FUNCTION public.other OWNER TO pg_monitor`,
    'DROP FUNCTION public.other',
  ],
  [
    'a function of the runtime role',
    `CREATE FUNCTION public.own() RETURNS bigint LANGUAGE sql SECURITY DEFINER
       AS 'SELECT count(*) FROM shared.agent_memories';
     ALTER FUNCTION public.own OWNER TO triptych_app`,
    'DROP FUNCTION public.own',
  ],
  [
    'a function of an extension',
    `CREATE FUNCTION public.other() RETURNS text LANGUAGE sql SECURITY DEFINER AS $$SELECT 'shared.x'$$;
     ALTER EXTENSION vector ADD FUNCTION public.other()`,
    'ALTER EXTENSION vector DROP FUNCTION public.other(); DROP FUNCTION public.other',
  ],
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

  it.each(['search_path = shared, checkpoints, public', 'quote_all_identifiers = on'])(
    'says the same where somebody has set %s',
    async (setting) => {
      const checkThere = (): Promise<void> =>
        running.unitOfWork(async () => {
          await running.query(`SET LOCAL ${setting}`);
          await checkIsolation((sql, parameters) => running.query(sql, parameters));
        });
      await checkThere();
      await asSuperuser(home, running, 'GRANT UPDATE ON shared.audit_log TO triptych_app');
      try {
        await expect(checkThere()).rejects.toThrow(
          '  shared.audit_log: the runtime role may change or delete what was recorded',
        );
      } finally {
        await asSuperuser(home, running, 'REVOKE UPDATE ON shared.audit_log FROM triptych_app');
      }
      await checkThere();
    },
  );

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
