import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/**
 * What was decided about the parts of a compiled context: ids, numbers and reasons, and a fingerprint of each message of
 * the prompt. A receipt goes with its session. `tier`, `tokens` and `hash` are those of the receipt, so that a list need not
 * read that. The thread's id has the collation of `shared.sessions`: with another one the cascade could not use the index.
 */
export class ContextReceipts1795132800012 implements MigrationInterface {
  readonly name = 'ContextReceipts1795132800012';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.context_receipts (
        tenant_id    text NOT NULL,
        receipt_id   uuid NOT NULL,
        thread_id    text NOT NULL,
        created_at   timestamptz(3) NOT NULL,
        tier         text NOT NULL,
        tokens       integer NOT NULL,
        hash         text NOT NULL,
        receipt      json NOT NULL,
        fingerprints bytea NOT NULL,
        CONSTRAINT context_receipts_pkey PRIMARY KEY (tenant_id, receipt_id),
        CONSTRAINT context_receipts_session_fkey FOREIGN KEY (tenant_id, thread_id)
          REFERENCES shared.sessions (tenant_id, thread_id) ON DELETE CASCADE
      )`);
    await queryRunner.query(
      `CREATE INDEX context_receipts_newest ON shared.context_receipts (tenant_id, thread_id, receipt_id)`,
    );
    await queryRunner.query(
      `ALTER TABLE shared.context_receipts ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await queryRunner.query(
      `CREATE POLICY tenant ON shared.context_receipts USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
    );
    await queryRunner.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON shared.context_receipts TO triptych_app`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.context_receipts`);
  }
}
