import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/**
 * Who changed what. The role that serves requests may add rows and read its tenant's, and neither change nor
 * delete one. It refers to no tenant and no object: it outlives both, and only an erase removes it.
 */
export class AuditLog1795132800005 implements MigrationInterface {
  readonly name = 'AuditLog1795132800005';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.audit_log (
        tenant_id   text NOT NULL,
        audit_id    uuid NOT NULL,
        at          timestamptz(3) NOT NULL DEFAULT now(),
        actor       text NOT NULL,
        action      text NOT NULL,
        object_type text NOT NULL,
        object_id   text NOT NULL,
        outcome     text NOT NULL,
        details     jsonb,
        CONSTRAINT audit_log_pkey PRIMARY KEY (tenant_id, audit_id)
      )`);
    await queryRunner.query(
      `ALTER TABLE shared.audit_log ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await queryRunner.query(
      `CREATE POLICY tenant ON shared.audit_log
         USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
    );
    await queryRunner.query(`GRANT SELECT, INSERT ON shared.audit_log TO triptych_app`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.audit_log`);
  }
}
