import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/** What the role that serves requests may do; of an answer it can only blank what was remembered. */
const GRANTS = [
  ['shared.idempotency_keys', 'SELECT, INSERT, DELETE, UPDATE (request_hash, answer)'],
  ['shared.idempotency_key_objects', 'SELECT, INSERT, DELETE'],
] as const;

/**
 * The answers of writes that were sent with an `Idempotency-Key`, written in the transaction of the write.
 * `answer` is `json`, which keeps its text, so that it is given again byte for byte. A key of a session goes
 * with the session. One whose `request_hash` is null has had its answer blanked, because an object that the
 * answer shows was deleted; `idempotency_key_objects` finds those. It is a table and no array of the key:
 * `@>` is not leakproof, so row-level security would keep an index on the array from being used.
 */
export class IdempotencyKeys1795132800007 implements MigrationInterface {
  readonly name = 'IdempotencyKeys1795132800007';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.idempotency_keys (
        tenant_id    text NOT NULL,
        key          text NOT NULL,
        request_hash bytea,
        status       integer NOT NULL,
        answer       json,
        session_id   uuid,
        created_at   timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant_id, key),
        CONSTRAINT idempotency_keys_session_fkey FOREIGN KEY (tenant_id, session_id)
          REFERENCES shared.sessions (tenant_id, session_id) ON DELETE CASCADE
      )`);
    await queryRunner.query(`
      CREATE INDEX idempotency_keys_session ON shared.idempotency_keys (tenant_id, session_id)
        WHERE session_id IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX idempotency_keys_oldest ON shared.idempotency_keys (tenant_id, created_at)
        WHERE session_id IS NULL`);
    await queryRunner.query(`
      CREATE TABLE shared.idempotency_key_objects (
        tenant_id text NOT NULL,
        object_id uuid NOT NULL,
        key       text NOT NULL,
        CONSTRAINT idempotency_key_objects_pkey PRIMARY KEY (tenant_id, object_id, key),
        CONSTRAINT idempotency_key_objects_key_fkey FOREIGN KEY (tenant_id, key)
          REFERENCES shared.idempotency_keys (tenant_id, key) ON DELETE CASCADE
      )`);
    await queryRunner.query(
      `CREATE INDEX idempotency_key_objects_key ON shared.idempotency_key_objects (tenant_id, key)`,
    );
    for (const [table, privileges] of GRANTS) {
      await queryRunner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
      await queryRunner.query(
        `CREATE POLICY tenant ON ${table} USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
      );
      await queryRunner.query(`GRANT ${privileges} ON ${table} TO triptych_app`);
    }
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.idempotency_key_objects`);
    await queryRunner.query(`DROP TABLE shared.idempotency_keys`);
  }
}
