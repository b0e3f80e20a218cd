import type { MigrationInterface, QueryRunner } from 'typeorm';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/** What the role that serves requests may do: it checks keys and counts requests, and makes neither. */
const GRANTS = [
  ['shared.tenants', 'SELECT'],
  ['shared.api_keys', 'SELECT'],
  ['shared.usage', 'SELECT, INSERT, UPDATE'],
] as const;

/**
 * Tenants with limits of their own, their API keys, and how many requests each made on a day. Of a key only
 * a salted SHA-256 is kept. `usage` refers to no tenant: those of tokens have no row in `tenants`.
 */
export class TenantsAndApiKeys1795132800004 implements MigrationInterface {
  readonly name = 'TenantsAndApiKeys1795132800004';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      CREATE TABLE shared.tenants (
        tenant_id   text NOT NULL,
        name        text,
        rate_limit  integer,
        daily_quota integer,
        created_at  timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id),
        CONSTRAINT tenants_limits_check CHECK (rate_limit >= 0 AND daily_quota >= 0)
      )`);
    await queryRunner.query(`
      CREATE TABLE shared.api_keys (
        tenant_id  text NOT NULL,
        key_id     text NOT NULL,
        salt       bytea NOT NULL,
        hash       bytea NOT NULL,
        scopes     text[] NOT NULL,
        label      text,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        expires_at timestamptz(3),
        revoked_at timestamptz(3),
        CONSTRAINT api_keys_pkey PRIMARY KEY (tenant_id, key_id),
        CONSTRAINT api_keys_tenant_fkey FOREIGN KEY (tenant_id) REFERENCES shared.tenants ON DELETE CASCADE,
        CONSTRAINT api_keys_scopes_check
          CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['read', 'write', 'admin'])
      )`);
    await queryRunner.query(`
      CREATE TABLE shared.usage (
        tenant_id text NOT NULL,
        day       date NOT NULL,
        requests  bigint NOT NULL,
        CONSTRAINT usage_pkey PRIMARY KEY (tenant_id, day)
      )`);
    for (const [table, privileges] of GRANTS) {
      await queryRunner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
      await queryRunner.query(
        `CREATE POLICY tenant ON ${table} USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
      );
      await queryRunner.query(`GRANT ${privileges} ON ${table} TO triptych_app`);
    }
    // FORCE binds the owner too, who could not list the tenants otherwise: each scope shows one.
    await queryRunner.query(`CREATE POLICY owner ON shared.tenants FOR SELECT TO CURRENT_USER USING (true)`);
  }

  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.usage`);
    await queryRunner.query(`DROP TABLE shared.api_keys`);
    await queryRunner.query(`DROP TABLE shared.tenants`);
  }
}
