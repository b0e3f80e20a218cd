import { afterEach, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { checkOptions } from '../src/config/load-options.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { migrations } from '../src/database/migrations.js';
import { postgres, type TestDatabase } from './support/engines.js';
import { describeSchema } from './support/schema.js';
import { TestService, type Answer } from './support/service.js';
import { ServiceProcess } from './support/service-process.js';

const REPLICAS = 8;
/** Of migrations, the newest: what they hold is summaries, receipts, what is not embedded yet, and rates. */
const REVERTED = 5;
const START_WITHIN_MS = 240_000;

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

async function createDatabase(options?: { empty: boolean }): Promise<TestDatabase> {
  const database = await postgres(options);
  cleanUp.push(() => database.drop());
  return database;
}

function migrationsOf(
  database: TestDatabase,
  known: (new () => MigrationInterface)[] = migrations,
): Promise<MigrationDataSource> {
  const source = new MigrationDataSource({
    options: checkOptions({ database: database.settings }),
    entities: [],
    embedded: undefined,
  });
  return source.setOptions({ migrations: known }).initialize();
}

/** Starts the replicas at once; all are healthy, do their work and see what the others wrote, on one schema. */
async function startTogether(database: TestDatabase, messages: string[]): Promise<void> {
  const environment = {
    DATABASE_URL: database.settings.url ?? '',
    DATABASE_POOL_SIZE: '2',
    MIGRATE_ON_START: 'true',
  };
  const replicas = Array.from({ length: REPLICAS }, () => ServiceProcess.launch(environment));
  cleanUp.push(() => Promise.all(replicas.map((replica) => replica.kill())));
  await Promise.all(replicas.map((replica) => replica.ready(START_WITHIN_MS)));
  const added = replicas.map((_, replica) => `from replica ${replica}`);
  const appended = await Promise.all(
    replicas.map((replica, index) =>
      replica.send('acme', 'POST', '/v1/sessions/t/messages', {
        messages: [{ role: 'user', content: added[index] }],
      }),
    ),
  );
  expect(appended.map(({ status }) => status)).toEqual(replicas.map(() => 201));
  for (const replica of replicas) {
    const { body } = await replica.send('acme', 'GET', '/v1/sessions/t/messages');
    const contents = (body as { messages: { content: string }[] }).messages.map(({ content }) => content);
    expect(contents.slice(0, messages.length)).toEqual(messages);
    expect(contents.slice(messages.length).sort()).toEqual(added);
  }
  const source = await migrationsOf(database);
  try {
    expect(await describeSchema(source)).toBe(readFileSync('test/schema.sql', 'utf8'));
    const ran = await source.query<{ name: string }[]>('SELECT name FROM shared.migrations ORDER BY id');
    expect(ran.map(({ name }) => name)).toEqual(migrations.map(({ name }) => name));
  } finally {
    await source.destroy();
  }
  replicas.forEach((replica) => {
    replica.signal('SIGTERM');
  });
  expect(await Promise.all(replicas.map(({ exit }) => exit))).toEqual(
    replicas.map(() => ({ code: 0, signal: null })),
  );
  // At the level `error` they had nothing to say but where they listen.
  for (const { said } of replicas) expect(said.trim().split('\n')).toHaveLength(1);
}

(process.env['TEST_DATABASE_URL'] ? describe : describe.skip)(
  `${REPLICAS} services that start at once`,
  () => {
    it('make one schema of an empty database', async () => {
      await startTogether(await createDatabase({ empty: true }), []);
    });

    it('bring an old schema up to date, and keep what is in it', async () => {
      const database = await createDatabase();
      const service = await TestService.start(database);
      const acme = service.as('acme');
      const messages = [{ role: 'user', content: 'from before' }];
      expect((await acme.post('/v1/sessions/t/messages', { messages })).status).toBe(201);
      expect((await acme.post('/v1/memories', { agentId: 'a', content: 'from before' })).status).toBe(201);
      await service.stop();
      const source = await migrationsOf(database);
      for (let i = 0; i < REVERTED; i += 1) await source.undoLastMigration();
      await source.destroy();
      await startTogether(database, ['from before']);
      const later = await TestService.start(database);
      const found = await later.as('acme').post('/v1/memories/search', { query: 'from before' });
      expect(found.body).toMatchObject({ results: [{ memory: { content: 'from before' } }] });
      await later.stop();
    });
  },
);

/**
 * What a next version may do while this one serves: columns that may be null on every table but those of migrations, which
 * readiness asks within two seconds, in an order that is no request's; and a table of its own.
 */
class NextVersion1795132899999 implements MigrationInterface {
  readonly name = 'NextVersion1795132899999';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      DO $$ DECLARE one regclass; BEGIN
        FOR one IN SELECT oid FROM pg_class
                    WHERE relkind = 'r' AND relnamespace IN ('shared'::regnamespace, 'checkpoints'::regnamespace)
                      AND relname NOT LIKE '%migrations'
        LOOP EXECUTE format('ALTER TABLE %s ADD COLUMN of_the_next_version text', one); PERFORM pg_sleep(0.02); END LOOP;
      END $$;
      CREATE TABLE shared.next_things (tenant_id text NOT NULL, thing text, PRIMARY KEY (tenant_id, thing));
      ALTER TABLE shared.next_things ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenant ON shared.next_things
        USING (tenant_id = nullif(current_setting('app.tenant_id', true), ''))
        WITH CHECK (tenant_id = nullif(current_setting('app.tenant_id', true), ''));
      GRANT SELECT, INSERT, UPDATE, DELETE ON shared.next_things TO triptych_app`);
    // Everybody waits for the tables by now.
    await sleep(300);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('It is never undone.'));
  }
}

(process.env['TEST_DATABASE_URL'] ? it : it.skip)(
  'the previous version serves while the next one migrates, and afterwards',
  async () => {
    const database = await createDatabase();
    const service = await TestService.start(database);
    const answers: Answer[] = [];
    let isOver = false;
    const work = async (client: number): Promise<void> => {
      const acme = service.as(`tenant-${client % 2}`);
      const thread = `/v1/sessions/${client}/messages`;
      const compiled = { threadId: String(client), systemPrompt: 's', task: { description: 'a fact' } };
      while (!isOver)
        answers.push(
          await acme.post(thread, { messages: [{ role: 'user', content: 'hello' }] }),
          await acme.get(thread),
          await acme.post('/v1/memories', { agentId: 'a', content: 'a fact' }),
          await acme.post('/v1/memories/search', { query: 'fact' }),
          await acme.post('/v1/context/compile', compiled),
          await acme.get('/health/ready'),
        );
    };
    const clients = [1, 2, 3, 4].map(work);
    const during = async (rounds: number): Promise<void> => {
      const until = answers.length + 24 * rounds;
      while (answers.length < until) await sleep(10);
    };
    await during(3);
    const next = await migrationsOf(database, [...migrations, NextVersion1795132899999]);
    await next.runMigrations();
    await next.destroy();
    await during(3);
    // A replica of the previous version that starts again meanwhile.
    const replica = await TestService.start(database);
    expect(await replica.as('tenant-1').get('/v1/sessions/1/messages')).toMatchObject({ status: 200 });
    isOver = true;
    await Promise.all(clients);
    expect(answers.filter(({ status }) => status !== 200 && status !== 201)).toEqual([]);
    await replica.stop();
    await service.stop();
  },
);
