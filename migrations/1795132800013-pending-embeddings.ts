import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;
const WORKER = 'triptych_worker';
/** What SET ROLE needs: see the migration that made `triptych_app`. */
const MAY_BECOME = `CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END`;

/**
 * Memories that wait for their vectors: one row for each memory and each space of vectors (`model/dimensions`), which goes
 * when the vectors are there. `claim` is the worker that has it, until `due_at`; whoever changes the content takes the row
 * away, and with it the claim. A row with `parked_at` failed too often and is nobody's until somebody asks for it.
 * `agent_memories.embedding_status` says the same beside the memory: null for one that waits for nothing.
 *
 * Policies show one tenant, and a worker has to know which tenants have something due. So the role `triptych_worker` sees
 * the rows of all, of four columns that tell nothing of a memory, not even its id.
 */
export class PendingEmbeddings1795132800013 implements MigrationInterface {
  readonly name = 'PendingEmbeddings1795132800013';

  async up(queryRunner: QueryRunner): Promise<void> {
    await createRole(queryRunner);
    await queryRunner.query(`
      CREATE TABLE shared.pending_embeddings (
        tenant_id  text NOT NULL,
        memory_id  uuid NOT NULL,
        space      text NOT NULL,
        due_at     timestamptz NOT NULL DEFAULT now(),
        claim      uuid,
        attempts   integer NOT NULL DEFAULT 0,
        reason     text,
        failed_at  timestamptz(3),
        parked_at  timestamptz(3),
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT pending_embeddings_pkey PRIMARY KEY (tenant_id, memory_id, space),
        CONSTRAINT pending_embeddings_memory_fkey FOREIGN KEY (tenant_id, memory_id)
          REFERENCES shared.agent_memories (tenant_id, memory_id) ON DELETE CASCADE
      ) WITH (autovacuum_vacuum_scale_factor = 0.02)`);
    // From one tenant to the next without reading what lies between, and within a tenant from the longest due on.
    await queryRunner.query(`
      CREATE INDEX pending_embeddings_due ON shared.pending_embeddings (space, tenant_id, due_at)
        WHERE parked_at IS NULL`);
    await queryRunner.query(`ALTER TABLE shared.agent_memories ADD COLUMN embedding_status text`);
    await queryRunner.query(`
      CREATE INDEX agent_memories_not_embedded
        ON shared.agent_memories (tenant_id, embedding_status, created_at, memory_id)
        WHERE embedding_status IS NOT NULL`);
    await queryRunner.query(
      `ALTER TABLE shared.pending_embeddings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await queryRunner.query(
      `CREATE POLICY tenant ON shared.pending_embeddings USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
    );
    await queryRunner.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON shared.pending_embeddings TO triptych_app`,
    );
    await queryRunner.query(
      `CREATE POLICY worker ON shared.pending_embeddings FOR SELECT TO ${WORKER} USING (true)`,
    );
    await queryRunner.query(`GRANT USAGE ON SCHEMA shared TO ${WORKER}`);
    await queryRunner.query(
      `GRANT SELECT (tenant_id, space, due_at, parked_at) ON shared.pending_embeddings TO ${WORKER}`,
    );
  }

  /** The role stays, as that of requests does. Memories that waited stay without vectors. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.pending_embeddings`);
    await queryRunner.query(`REVOKE ALL ON SCHEMA shared FROM ${WORKER}`);
    await queryRunner.query(`DROP INDEX shared.agent_memories_not_embedded`);
    await queryRunner.query(`ALTER TABLE shared.agent_memories DROP COLUMN embedding_status`);
  }
}

/**
 * Makes the role, and whoever may serve requests a member of it: the migrating user, and the other members of
 * `triptych_app` as far as that user may. Roles belong to the whole server: see the migration that made `triptych_app`.
 */
async function createRole(queryRunner: QueryRunner): Promise<void> {
  await queryRunner.query(`
    DO $$ BEGIN
      IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '${WORKER}') THEN
        CREATE ROLE ${WORKER} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
      END IF;
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION 'The role ${WORKER} is missing and % may not create it.', current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = 'As a superuser run: CREATE ROLE ${WORKER} NOLOGIN; GRANT ${WORKER} TO ' || quote_ident(current_user);
    END $$`);
  await queryRunner.query(`
    DO $$ BEGIN
      IF NOT pg_has_role(current_user, '${WORKER}', ${MAY_BECOME}) THEN
        EXECUTE format('GRANT ${WORKER} TO %I', current_user);
      END IF;
    EXCEPTION
      -- The migration of another database on this server has granted it in the same moment.
      WHEN unique_violation THEN NULL;
      WHEN insufficient_privilege THEN
        RAISE EXCEPTION '% is no member of the role ${WORKER}.', current_user
          USING ERRCODE = 'insufficient_privilege',
                HINT = 'As a superuser run: GRANT ${WORKER} TO ' || quote_ident(current_user);
    END $$`);
  await queryRunner.query(`
    DO $$ DECLARE login record;
    BEGIN
      FOR login IN
        SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.member
         WHERE m.roleid = 'triptych_app'::regrole AND NOT pg_has_role(r.oid, '${WORKER}', ${MAY_BECOME})
      LOOP
        BEGIN
          EXECUTE format('GRANT ${WORKER} TO %I', login.rolname);
        -- Another migration may do the same now, or a role may be going. A service that is no member says so.
        EXCEPTION WHEN insufficient_privilege OR undefined_object OR unique_violation OR internal_error THEN NULL;
        END;
      END LOOP;
    END $$`);
}
