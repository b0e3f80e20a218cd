import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { checkOptions } from '../src/config/load-options.js';
import { EmbeddedEngine } from '../src/database/embedded-engine.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { migrations } from '../src/database/migrations.js';
import { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { Session } from '../src/session/session.entity.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { describeSchema } from './support/schema.js';

describeOnEachEngine('migrations', (createDatabase) => {
  let database: TestDatabase;
  let embedded: EmbeddedEngine | undefined;

  const open = async (): Promise<MigrationDataSource> => {
    const options = checkOptions({ database: database.settings });
    const source = new MigrationDataSource({ options, embedded, entities: [Session, MemoryEntry] });
    return source.initialize();
  };

  beforeEach(async () => {
    database = await createDatabase({ empty: true });
    embedded = database.engine === 'embedded' ? await EmbeddedEngine.open('memory://') : undefined;
  });

  afterEach(async () => {
    await embedded?.close();
    await database.drop();
  });

  it('leave the same schema after up, all the way down, and up again', async () => {
    const source = await open();
    await source.runMigrations();
    const first = await describeSchema(source);
    for (const _ of migrations) await source.undoLastMigration();
    expect(await describeSchema(source)).not.toContain('agent_memories');
    expect(await source.query(`SELECT 1 FROM pg_extension WHERE extname = 'vector'`)).toHaveLength(1);
    await source.runMigrations();
    expect(await describeSchema(source)).toBe(first);
    await source.destroy();
  });

  it('match the entities, so that `migration:generate` finds nothing to do', async () => {
    const source = await open();
    await source.runMigrations();
    const { upQueries } = await source.driver.createSchemaBuilder().log();
    expect(upQueries.map(({ query }) => query)).toEqual([]);
    await source.destroy();
  });

  it('make the schema that test/schema.sql shows in review', async () => {
    const source = await open();
    await source.runMigrations();
    const schema = await describeSchema(source);
    if (process.env['UPDATE_SCHEMA']) writeFileSync('test/schema.sql', schema);
    expect(schema).toBe(readFileSync('test/schema.sql', 'utf8'));
    await source.destroy();
  });

  it('begin every key of our tables with tenant_id', async () => {
    const source = await open();
    await source.runMigrations();
    const keys = await source.query<{ table: string; key: string; first: string }[]>(`
      SELECT conrelid::regclass AS table, conname AS key,
             (SELECT attname FROM pg_attribute WHERE attrelid = conrelid AND attnum = conkey[1]) AS first
        FROM pg_constraint
       WHERE connamespace = 'shared'::regnamespace AND contype IN ('p', 'u', 'f')
         AND conrelid <> 'shared.migrations'::regclass`);
    expect(keys.length).toBeGreaterThanOrEqual(7);
    expect(keys.filter(({ first }) => first !== 'tenant_id')).toEqual([]);
    await source.destroy();
  });

  if (process.env['TEST_DATABASE_URL'])
    it('succeed in 8 processes at once', async () => {
      if (database.engine === 'embedded') return;
      const sources = await Promise.all(Array.from({ length: 8 }, open));
      const ran = await Promise.all(sources.map((source) => source.runMigrations()));
      expect(ran.map(({ length }) => length).sort()).toEqual([0, 0, 0, 0, 0, 0, 0, migrations.length]);
      await Promise.all(sources.map((source) => source.destroy()));
    });
});

/** From PostgreSQL 16 on, as the embedded engine is, who makes a role may give it to others and not become it. */
it('let their owner become the roles that it makes', async () => {
  const embedded = await EmbeddedEngine.open('memory://');
  const source = new MigrationDataSource({ options: checkOptions({}), embedded, entities: [] });
  await source.initialize();
  const { pglite } = embedded;
  await pglite.exec(`
    CREATE EXTENSION vector;
    CREATE ROLE builder CREATEROLE;
    GRANT CREATE ON DATABASE ${(await source.query<[{ name: string }]>('SELECT current_database() AS name'))[0].name} TO builder;
    ALTER SCHEMA shared OWNER TO builder;
    SET SESSION AUTHORIZATION builder`);
  await source.runMigrations();
  for (const role of ['triptych_app', 'triptych_worker']) {
    await source.query(`SET ROLE ${role}`);
    await source.query('RESET ROLE');
  }
  await source.destroy();
  await embedded.close();
});

it('lists every file of the folder', () => {
  const files = readdirSync('migrations').filter((file) => file.endsWith('.ts'));
  const timestamps = files.map((file) => file.split('-')[0]);
  expect(migrations.map(({ name }) => /\d+$/.exec(name)?.[0])).toEqual(timestamps.sort());
});
