import type { MigrationInterface, QueryRunner } from 'typeorm';
import { KEY_OF_EMBEDDINGS, KEY_OF_EMBEDDINGS_BEFORE, NEAREST_FUNCTIONS } from './ddl/nearest-memories.js';
import { HOLD_RECALL_SETTINGS } from './ddl/recall-settings.js';

const WORKER = 'triptych_worker';

/**
 * A tenant has a space of vectors (`model/dimensions`), as it has a text search configuration, so that a change of the
 * settings changes nothing for those who have memories: `recall_settings.space`, in which its memories are found;
 * `next_space`, into which they are being migrated; `previous_space`, from which they were. Null for a tenant without vectors:
 * then it is that of the next memory stored. Vectors of several spaces stand side by side.
 *
 * The role of the worker sees of each tenant in which spaces its memories are: who migrates has to know all tenants, and what
 * waits for a migration is told apart from what waits because the provider failed.
 */
export class VectorSpaces1795132800014 implements MigrationInterface {
  readonly name = 'VectorSpaces1795132800014';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE shared.recall_settings
        ADD COLUMN space text, ADD COLUMN next_space text, ADD COLUMN previous_space text`);
    // The functions, once more, for a database that has them without the model in their look-ups.
    for (const statement of [...KEY_OF_EMBEDDINGS, ...NEAREST_FUNCTIONS]) await queryRunner.query(statement);
    for (const statement of HOLD_RECALL_SETTINGS) await queryRunner.query(statement);
    await queryRunner.query(`
      CREATE POLICY worker ON shared.recall_settings FOR SELECT TO ${WORKER} USING (true)`);
    await queryRunner.query(`
      GRANT SELECT (tenant_id, space, next_space) ON shared.recall_settings TO ${WORKER}`);
    for (const tenantId of await tenantsOf(queryRunner)) {
      await queryRunner.query(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId]);
      // Of several, that of most vectors; without any, that of what waits.
      await queryRunner.query(
        `UPDATE shared.recall_settings SET space = coalesce(
           (SELECT model FROM shared.memory_embeddings WHERE tenant_id = $1
             GROUP BY model ORDER BY count(*) DESC, model LIMIT 1),
           (SELECT space FROM shared.pending_embeddings WHERE tenant_id = $1
             GROUP BY space ORDER BY count(*) DESC, space LIMIT 1))
          WHERE tenant_id = $1`,
        [tenantId],
      );
    }
    await queryRunner.query(`SELECT set_config('app.tenant_id', '', true)`);
  }

  /** Vectors of other spaces than the tenant's go. */
  async down(queryRunner: QueryRunner): Promise<void> {
    for (const tenantId of await tenantsOf(queryRunner)) {
      await queryRunner.query(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId]);
      await queryRunner.query(
        `DELETE FROM shared.memory_embeddings e USING shared.recall_settings s
          WHERE e.tenant_id = $1 AND s.tenant_id = $1 AND e.model <> s.space`,
        [tenantId],
      );
    }
    await queryRunner.query(`SELECT set_config('app.tenant_id', '', true)`);
    for (const statement of KEY_OF_EMBEDDINGS_BEFORE) await queryRunner.query(statement);
    await queryRunner.query(`DROP FUNCTION shared.hold_recall_settings`);
    await queryRunner.query(`DROP POLICY worker ON shared.recall_settings`);
    await queryRunner.query(`REVOKE ALL ON shared.recall_settings FROM ${WORKER}`);
    await queryRunner.query(`
      REVOKE SELECT (tenant_id, space, next_space) ON shared.recall_settings FROM ${WORKER}`);
    await queryRunner.query(`
      ALTER TABLE shared.recall_settings
        DROP COLUMN space, DROP COLUMN next_space, DROP COLUMN previous_space`);
  }
}

/** Row-level security is forced, and an owner sees the rows of one tenant at a time. */
async function tenantsOf(queryRunner: QueryRunner): Promise<string[]> {
  await queryRunner.query(`ALTER TABLE shared.recall_settings NO FORCE ROW LEVEL SECURITY`);
  const rows = (await queryRunner.query(`SELECT tenant_id AS "tenantId" FROM shared.recall_settings`)) as {
    tenantId: string;
  }[];
  await queryRunner.query(`ALTER TABLE shared.recall_settings FORCE ROW LEVEL SECURITY`);
  return rows.map(({ tenantId }) => tenantId);
}
