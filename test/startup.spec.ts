import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import type { TriptychSettings } from '../src/config/options.js';
import { Database } from '../src/database/database.js';
import { withOwner } from '../src/database/owner-database.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { PgBouncer } from './support/pgbouncer.js';
import { TestService } from './support/service.js';

const open = (database: TriptychSettings['database'], more: TriptychSettings = {}): Promise<Database> =>
  Database.open({
    options: checkOptions({ ...more, database }),
    entities: [],
    tenantOfCaller: () => undefined,
  });

async function run(url: string, ...statements: string[]): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

describeOnEachEngine('a service that starts', (createDatabase) => {
  it('keeps what it acknowledged through a restart', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-restart-'));
    const created = await createDatabase();
    const home: TestDatabase =
      created.engine === 'embedded' ? { ...created, settings: { dataDir: folder } } : created;
    const first = await TestService.start(home);
    const messages = [{ role: 'user', content: 'Remember me.' }];
    expect((await first.as('acme').post('/v1/sessions/t/messages', { messages })).status).toBe(201);
    expect((await first.as('acme').post('/v1/memories', { agentId: 'a', content: 'kept' })).status).toBe(201);
    await first.stop();
    const second = await TestService.start(home);
    expect((await second.as('acme').get('/v1/sessions/t/messages')).body).toMatchObject({ messages });
    expect((await second.as('acme').get('/v1/memories')).body).toMatchObject({
      memories: [{ content: 'kept' }],
    });
    await second.stop();
    await created.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds by words what was embedded in another dimension', async () => {
    const home = await createDatabase();
    const folder = mkdtempSync(join(tmpdir(), 'triptych-dimension-'));
    const settings = home.engine === 'embedded' ? { dataDir: folder } : home.settings;
    const first = await TestService.start({ ...home, settings });
    await first.as('acme').post('/v1/memories', { agentId: 'a', content: 'Ada likes window seats.' });
    await first.stop();
    const second = await TestService.start({ ...home, settings }, { embeddings: { dimensions: 768 } });
    const client = second.as('acme');
    expect((await client.post('/v1/memories', { agentId: 'a', content: 'Ada likes aisles.' })).status).toBe(
      201,
    );
    const found = await client.post('/v1/memories/search', { query: 'window seats' });
    expect(found.body).toMatchObject({ results: [{ memory: { content: 'Ada likes window seats.' } }, {}] });
    await second.stop();
    await home.drop();
    rmSync(folder, { recursive: true, force: true });
  });
});

it('refuses a data folder that another service holds, by its pid', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'triptych-held-'));
  const holder = await open({ dataDir });
  await expect(open({ dataDir })).rejects.toThrow(`process ${process.pid}`);
  await holder.close();
  await (await open({ dataDir })).close();
  rmSync(dataDir, { recursive: true, force: true });
});

it('refuses a text search configuration that the server does not have, and names those it has', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'triptych-words-'));
  await expect(open({ dataDir }, { recall: { textSearch: 'klingon' } })).rejects.toThrow(
    /TEXT_SEARCH.*klingon, which this server does not have.*english.*simple/,
  );
  await (await open({ dataDir }, { recall: { textSearch: 'german' } })).close();
  rmSync(dataDir, { recursive: true, force: true });
});

it('says that the database cannot be reached', async () => {
  await expect(open({ url: 'postgres://nobody@127.0.0.1:1/none' })).rejects.toThrow(
    /cannot be opened.*DATABASE_URL/,
  );
});

// One address is for documents alone (RFC 5737), and the name is nobody's (RFC 2606).
it.each(['192.0.2.1', 'nowhere.invalid'])('says as a process that it cannot listen on %s', async (host) => {
  const child = spawn(process.execPath, [resolve('dist/src/main.js')], {
    cwd: tmpdir(),
    env: { PATH: process.env['PATH'] ?? '', DATA_DIR: 'memory://', AUTH_MODE: 'api-key', HOST: host },
  });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said += bytes.toString()));
  const [status] = (await once(child, 'exit')) as [number];
  expect([status, said]).toEqual([
    1,
    expect.stringMatching(/^(This machine|Nobody).* Set another HOST.*\n$/),
  ]);
  expect(said).toContain(host);
});

if (process.env['TEST_DATABASE_URL'])
  describe('an external database', () => {
    let home: TestDatabase;
    let url: string;

    beforeEach(async () => {
      home = await postgres({ empty: true });
      url = home.settings.url ?? '';
    });
    afterEach(() => home.drop());

    it('is not migrated unless asked for, and the refusal names the command', async () => {
      await run(url, 'CREATE EXTENSION vector');
      await expect(open({ url })).rejects.toThrow(/no Triptych schema yet.*`triptych migrate run`/);
      await (await open({ url, migrateOnStart: true })).close();
      await (await open({ url })).close();
    });

    it('is refused without pgvector, with the statement that adds it', async () => {
      await expect(open({ url })).rejects.toThrow(/CREATE EXTENSION vector/);
    });

    it('is refused when its schema is behind, and served when it is ahead', async () => {
      await (await open({ url, migrateOnStart: true })).close();
      await run(url, `INSERT INTO shared.migrations (timestamp, name) VALUES (9, 'FromTheFuture9')`);
      await (await open({ url })).close();
      await run(url, `DELETE FROM shared.migrations WHERE name LIKE 'Checkpoints%'`);
      await expect(open({ url })).rejects.toThrow(/behind by 1 migration.*Checkpoints/);
    });

    it('is migrated by 8 services that start at once', async () => {
      const databases = await Promise.all(
        Array.from({ length: 8 }, () => open({ url, migrateOnStart: true, poolSize: 2 })),
      );
      await Promise.all(databases.map((database) => database.close()));
      expect(databases).toHaveLength(8);
    });

    it('says what to grant when the login may not use the schema', async () => {
      const role = `triptych_stranger_${process.pid}`;
      await (await open({ url, migrateOnStart: true })).close();
      await run(url, `CREATE ROLE ${role} LOGIN NOSUPERUSER`);
      const stranger = new URL(url);
      stranger.username = role;
      try {
        await expect(open({ url: stranger.href })).rejects.toThrow(
          `GRANT triptych_app, triptych_worker TO ${role}`,
        );
      } finally {
        await run(url, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
      }
    });

    it('works without a superuser once the extension exists', async () => {
      const role = `triptych_plain_${process.pid}`;
      const name = new URL(url).pathname.slice(1);
      await run(
        url,
        'CREATE EXTENSION vector',
        `CREATE ROLE ${role} LOGIN NOSUPERUSER`,
        `GRANT CREATE ON DATABASE ${name} TO ${role}`,
        `GRANT triptych_app, triptych_worker TO ${role}`,
      );
      const plain = new URL(url);
      plain.username = role;
      try {
        const service = await TestService.start({
          ...home,
          settings: { url: plain.href, migrateOnStart: true },
        });
        const stored = await service
          .as('acme')
          .post('/v1/memories', { agentId: 'a', content: 'stored by a plain role' });
        expect(stored.status).toBe(201);
        const messages = [{ role: 'user', content: 'hello' }];
        expect((await service.as('acme').post('/v1/sessions/t/messages', { messages })).status).toBe(201);
        await service.stop();
      } finally {
        await run(url, `DROP OWNED BY ${role}`, `DROP ROLE ${role}`);
      }
    });

    it.each(['LATIN1', 'SQL_ASCII'])('is refused in the encoding %s', async (encoding) => {
      const other = new URL(url);
      other.pathname += '_encoded';
      const name = other.pathname.slice(1);
      await run(url, `CREATE DATABASE ${name} ENCODING '${encoding}' LOCALE 'C' TEMPLATE template0`);
      try {
        for (const migrateOnStart of [true, false])
          await expect(open({ url: other.href, migrateOnStart })).rejects.toThrow(
            new RegExp(`is ${encoding}, .*CREATE DATABASE … ENCODING 'UTF8' TEMPLATE template0`),
          );
      } finally {
        await run(url, `DROP DATABASE ${name}`);
      }
    });
  });

if (process.env['TEST_DATABASE_URL'])
  describe('a migrated external database', () => {
    let home: TestDatabase;
    let url: string;
    let name: string;

    beforeEach(async () => {
      home = await postgres();
      url = home.settings.url ?? '';
      name = new URL(url).pathname.slice(1);
    });
    afterEach(() => home.drop());

    it('is refused while its role cannot use pgvector, with the statements that let it', async () => {
      const refusal = async (): Promise<string> =>
        String(await open({ url }).catch((error: unknown) => error));
      const grant = 'GRANT USAGE ON SCHEMA extensions TO triptych_app';
      const path = `ALTER DATABASE ${name} SET search_path = "$user", public, extensions`;
      await run(url, 'CREATE SCHEMA extensions', 'ALTER EXTENSION vector SET SCHEMA extensions');
      const both = await refusal();
      expect(both).toMatch(/triptych_app has no use of pgvector, which is in the schema extensions: /);
      expect(both).toContain(`As a superuser run \`${grant}\` and \`${path}\`.`);
      await run(url, path);
      const granted = await refusal();
      expect(granted).toContain(`run \`${grant}\`.`);
      await run(url, grant, 'REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA extensions FROM PUBLIC');
      const execute = 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA extensions TO triptych_app';
      expect(await refusal()).toContain(`permission denied for function`);
      expect(await refusal()).toContain(`run \`${execute}\`.`);
      await run(url, execute);
      const service = await TestService.start(home);
      const stored = await service.as('acme').post('/v1/memories', { agentId: 'a', content: 'kept' });
      expect(stored.status).toBe(201);
      await service.stop();
    });

    it('is refused while row_security is off, with the statement that resets it', async () => {
      await run(url, `ALTER DATABASE ${name} SET row_security = off`);
      await expect(open({ url })).rejects.toThrow(/row_security is off.*`ALTER ROLE \w+ RESET row_security`/);
    });

    it.each(['German', 'SQL, DMY'])('is read with its times when dates are %s there', async (style) => {
      await run(url, `ALTER DATABASE ${name} SET datestyle = '${style}'`);
      const bouncer = PgBouncer.isInstalled ? await PgBouncer.start(url, 2) : undefined;
      try {
        for (const way of bouncer ? [url, bouncer.urlOf(url)] : [url]) {
          const settings = { url: way };
          const service = await TestService.start({ ...home, settings });
          const client = service.as('acme');
          const messages = [{ role: 'user', content: 'hello' }];
          const appended = await client.post('/v1/sessions/t/messages', { messages });
          const read = await client.get('/v1/sessions/t/messages');
          await service.stop();
          expect(appended.status).toBe(201);
          const [message] = (read.body as { messages: { createdAt: string }[] }).messages;
          expect(Math.abs(Date.parse(message?.createdAt ?? '') - Date.now())).toBeLessThan(86_400_000);
          const options = checkOptions({ database: settings });
          const [row] = await withOwner(options, (owner) =>
            owner.query<{ now: unknown }[]>('SELECT now() AS now'),
          );
          expect(row?.now).toBeInstanceOf(Date);
        }
      } finally {
        await bouncer?.stop();
      }
    });
  });
