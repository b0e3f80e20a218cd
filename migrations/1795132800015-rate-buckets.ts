import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/**
 * What each tenant may still send, over all processes: a token bucket that is filled all the time. `tokens` was right
 * at `at`, and is below zero when processes let in more than there was before they heard of each other; `granted` is how
 * many waiting requests the last exchange let in. It refers to no tenant, as `usage` does not: those of tokens have no row
 * in `tenants`. Rows are changed in their place several times a second, hence the room that is left on each page.
 */
export class RateBuckets1795132800015 implements MigrationInterface {
  readonly name = 'RateBuckets1795132800015';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.rate_buckets (
        tenant_id text NOT NULL,
        tokens    float8 NOT NULL,
        granted   integer NOT NULL,
        at        timestamptz NOT NULL,
        CONSTRAINT rate_buckets_pkey PRIMARY KEY (tenant_id)
      ) WITH (fillfactor = 50)`);
    await queryRunner.query(
      `ALTER TABLE shared.rate_buckets ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`,
    );
    await queryRunner.query(
      `CREATE POLICY tenant ON shared.rate_buckets USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
    );
    await queryRunner.query(`GRANT SELECT, INSERT, UPDATE ON shared.rate_buckets TO triptych_app`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.rate_buckets`);
  }
}
