import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/**
 * What was said in a session up to the message `through_seq`, in short: one row of a session, which a later summary
 * replaces. The messages themselves stay where they are. It goes with its session, so a clear takes it along.
 */
export class SessionSummaries1795132800011 implements MigrationInterface {
  readonly name = 'SessionSummaries1795132800011';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.session_summaries (
        tenant_id   text NOT NULL,
        session_id  uuid NOT NULL,
        through_seq integer NOT NULL,
        summary     text NOT NULL,
        tokens      integer NOT NULL,
        encoding    text NOT NULL,
        model       text NOT NULL,
        updated_at  timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT session_summaries_pkey PRIMARY KEY (tenant_id, session_id),
        CONSTRAINT session_summaries_session_fkey FOREIGN KEY (tenant_id, session_id)
          REFERENCES shared.sessions (tenant_id, session_id) ON DELETE CASCADE
      )`);
    await queryRunner.query(
      `ALTER TABLE shared.session_summaries ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await queryRunner.query(
      `CREATE POLICY tenant ON shared.session_summaries USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
    );
    await queryRunner.query(
      `GRANT SELECT, INSERT, UPDATE, DELETE ON shared.session_summaries TO triptych_app`,
    );
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.session_summaries`);
  }
}
