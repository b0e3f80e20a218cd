import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The tenant of the connection; nullif, because a setting that was once set is '' and never absent again. */
const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;
const OF_TENANTS = [
  'shared.agent_memories',
  'shared.memory_embeddings',
  'shared.sessions',
  'shared.session_messages',
  'checkpoints.checkpoints',
  'checkpoints.checkpoint_blobs',
  'checkpoints.checkpoint_writes',
];
const LANGGRAPH = OF_TENANTS.filter((table) => table.startsWith('checkpoints.'));
/**
 * The privilege that SET ROLE needs. From PostgreSQL 16 on a member need not have it: who creates a role without being a
 * superuser becomes a member that may give it to others, and no more.
 */
const MAY_BECOME = `CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END`;
/** Lists of migrations, which belong to no tenant: everybody may read them, their owner keeps them. */
const OF_NOBODY = ['shared.migrations', 'checkpoints.checkpoint_migrations'];

/**
 * The second of two layers between tenants: PostgreSQL itself shows a connection the rows of its tenant
 * and no others, owners included (FORCE), whatever the statement says. Requests are served by a role that
 * owns nothing, may not TRUNCATE, and cannot bypass policies as a superuser would.
 */
export class RowLevelSecurity1795132800003 implements MigrationInterface {
  readonly name = 'RowLevelSecurity1795132800003';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createRole(queryRunner);
    // A stored thread id is `<length of the tenant>:<tenant>:<thread>`.
    for (const table of LANGGRAPH) {
      await queryRunner.query(`ALTER TABLE ${table} ADD COLUMN tenant_id text`);
      await queryRunner.query(`
        UPDATE ${table} SET tenant_id = substr(
          thread_id, strpos(thread_id, ':') + 1, split_part(thread_id, ':', 1)::int)`);
      await queryRunner.query(`
        ALTER TABLE ${table} ALTER COLUMN tenant_id SET NOT NULL, ALTER COLUMN tenant_id SET DEFAULT ${TENANT}`);
    }
    for (const table of OF_TENANTS) {
      await queryRunner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
      await queryRunner.query(
        `CREATE POLICY tenant ON ${table} USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
      );
      await queryRunner.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO triptych_app`);
    }
    for (const table of OF_NOBODY) {
      await queryRunner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
      await queryRunner.query(`CREATE POLICY everybody ON ${table} FOR SELECT USING (true)`);
      await queryRunner.query(
        `CREATE POLICY owner ON ${table} TO CURRENT_USER USING (true) WITH CHECK (true)`,
      );
      await queryRunner.query(`GRANT SELECT ON ${table} TO triptych_app`);
    }
    await queryRunner.query(`GRANT USAGE ON SCHEMA shared, checkpoints TO triptych_app`);
  }

  /** The role stays: it belongs to the whole server, where other databases may use it. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`REVOKE ALL ON SCHEMA shared, checkpoints FROM triptych_app`);
    for (const table of [...OF_TENANTS, ...OF_NOBODY]) {
      await queryRunner.query(`REVOKE ALL ON ${table} FROM triptych_app`);
      await queryRunner.query(`ALTER TABLE ${table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY`);
    }
    for (const table of OF_TENANTS) await queryRunner.query(`DROP POLICY tenant ON ${table}`);
    for (const table of OF_NOBODY) {
      await queryRunner.query(`DROP POLICY everybody ON ${table}`);
      await queryRunner.query(`DROP POLICY owner ON ${table}`);
    }
    for (const table of LANGGRAPH) await queryRunner.query(`ALTER TABLE ${table} DROP COLUMN tenant_id`);
  }
}

/**
 * Makes the role that serves requests, and the migrating user a member of it, so that its connections can
 * become that role. Roles belong to the whole server: another database may have made it before, or be
 * making it now.
 */
async function createRole(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'triptych_app') THEN
        CREATE ROLE triptych_app NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
      END IF;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'The role triptych_app is missing and % may not create it.', current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = 'As a superuser run: CREATE ROLE triptych_app NOLOGIN; GRANT triptych_app TO ' || quote_ident(current_user);
    END $$`);
  await queryRunner.query(`
    DO $$ BEGIN
      IF NOT pg_has_role(current_user, 'triptych_app', ${MAY_BECOME}) THEN
        EXECUTE format('GRANT triptych_app TO %I', current_user);
      END IF;
    EXCEPTION
      -- The migration of another database on this server has granted it in the same moment.
      WHEN unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION '% is no member of the role triptych_app.', current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = 'As a superuser run: GRANT triptych_app TO ' || quote_ident(current_user);
    END $$`);
}
