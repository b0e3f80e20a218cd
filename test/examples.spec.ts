import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createTriptychClient } from 'triptych-client';
import { DataSource, EntitySchema } from 'typeorm';
import { startHost, type Answer } from '../examples/host-app.js';
import { runAgent } from '../examples/langgraph-agent.js';
import { askOverRest } from '../examples/langgraph-over-rest.js';
import { ContextManager, ContextModule, TenantContext } from '../src/index.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

const WALK_THROUGH = join(__dirname, '../examples/walk-through.sh');

describeOnEachEngine('host application', (createDatabase) => {
  let database: TestDatabase;
  let host: NestFastifyApplication;

  const ask = async (
    house: string,
    body: object,
    language = 'de',
  ): Promise<{ status: number; body: Answer }> => {
    const response = await fetch(`${await host.getUrl()}/ask`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-house': house, 'accept-language': language },
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  };
  const breakfast = { guest: 'ada', question: 'Is breakfast at eight?' };

  beforeAll(async () => {
    database = await createDatabase();
    // The host's own settings; its embedded data is migrated by itself.
    delete process.env['FRONT_DESK_DATABASE'];
    if (database.settings.url) process.env['FRONT_DESK_DATABASE'] = database.settings.url;
    host = await startHost(0);
  });
  afterAll(async () => {
    await host.close();
    await database.drop();
  });

  it('keeps what the host put in its own scope, in ours and after it', async () => {
    const first = await ask('seaside', breakfast);
    expect(first).toMatchObject({ status: 201, body: { language: 'de' } });
    expect(first.body.answer).toBe('[de] Is breakfast at eight? I have read 0 messages and know 0 facts.');
    const others = await Promise.all(['fr', 'it', 'pt'].map((language) => ask('city', breakfast, language)));
    expect(others.map(({ body }) => body.language)).toEqual(['fr', 'it', 'pt']);
  });

  it('remembers in the thread of a guest, and beyond it in the house', async () => {
    const again = await ask('seaside', { ...breakfast, question: 'And the sauna?' });
    expect(again.body.answer).toContain('read 2 messages');
    expect(again.body.tokens).toBeGreaterThan(26);
    const other = await ask('seaside', { guest: 'bob', question: 'When is breakfast?' });
    expect(other.body.answer).toContain('read 0 messages and know 2 facts');
    const elsewhere = await ask('forest', { guest: 'ada', question: 'When is breakfast?' });
    expect(elsewhere.body.answer).toContain('read 0 messages and know 0 facts');
  });

  it('answers our errors in its own way', async () => {
    expect(await ask('', breakfast)).toMatchObject({ status: 400, body: { code: 'invalid_tenant' } });
    expect(await ask('seaside', { guest: 'ada' })).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    });
  });
});

interface Note {
  id: number;
  size: string;
}
const noteOf = (schema: string): EntitySchema<Note> =>
  new EntitySchema<Note>({
    name: 'note',
    schema,
    columns: { id: { type: 'integer', primary: true }, size: { type: 'bigint' } },
  });

// The host's own connections need a server, whichever engine is ours.
const server = process.env['TEST_DATABASE_URL'];
if (server)
  describeOnEachEngine('host application with a DataSource of its own', (createDatabase) => {
    let database: TestDatabase;
    let own: DataSource;
    let schema: string;
    let notes: EntitySchema<Note>;

    beforeAll(async () => {
      database = await createDatabase();
      schema = `host_${process.pid}_${database.engine}`;
      notes = noteOf(schema);
      const url = database.settings.url ?? server;
      own = await new DataSource({ type: 'postgres', url, entities: [notes] }).initialize();
      await own.query(`CREATE SCHEMA ${schema}`);
      await own.synchronize();
    });
    afterAll(async () => {
      await own.query(`DROP SCHEMA ${schema} CASCADE`);
      await own.destroy();
      await database.drop();
    });

    it('leaves it its entities, its types and its pool', async () => {
      @Module({ providers: [{ provide: DataSource, useValue: own }], exports: [DataSource] })
      class HostDatabaseModule {}
      const { settings, seed } = database;
      const context = ContextModule.forRootAsync({ useFactory: () => ({ database: settings }), seed });
      const app = await Test.createTestingModule({ imports: [HostDatabaseModule, context] }).compile();
      await app.init();
      try {
        const manager = app.get(ContextManager);
        await app.get(TenantContext).run('acme', async () => {
          await own.getRepository(notes).insert({ id: 1, size: '9007199254740993' });
          await manager.session.appendMessages('beside', [{ role: 'user', content: 'Hello.' }]);
          await manager.storeMemory({ agentId: 'host', content: 'The host has a database of its own.' });
          expect(await own.getRepository(notes).find()).toEqual([{ id: 1, size: '9007199254740993' }]);
          expect(await manager.session.getSessionMessages('beside')).toHaveLength(1);
          expect(await manager.searchMemory('host database')).toHaveLength(1);
        });
        expect(app.get(DataSource)).toBe(own);
        expect(own.entityMetadatas.map(({ name }) => name)).toEqual(['note']);
      } finally {
        await app.close();
      }
      expect(await own.getRepository(notes).count()).toBe(1);
    });
  });

describe('LangGraph agent', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-agent-'));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('calls its tool, and knows after a restart what was said', async () => {
    const dataDir = join(folder, 'data');
    const first = await runAgent('My tomatoes stand in bed 3. Do they need water?', dataDir);
    expect(first.map(({ role }) => role)).toEqual(['user', 'assistant', 'tool', 'assistant']);
    expect(first[1]?.text).toBe('read_moisture({"bed":3})');
    expect(first[3]?.text).toBe('Bed 3: 22 % moisture. Water it today.');

    const second = await runAgent('And what grows there?', dataDir);
    expect(second.slice(0, 4)).toEqual(first);
    expect(second.at(-1)).toEqual({ seq: 6, role: 'assistant', text: 'You told me: tomatoes, in bed 3.' });

    const elsewhere = await runAgent('And what grows there?', dataDir, 'another-thread');
    expect(elsewhere.at(-1)?.text).toBe('You have not told me yet.');
  });
});

describeOnEachEngine('LangGraph over REST', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('goes on where the thread stands, and recalls in another what was said in the first', async () => {
    const guest = createTriptychClient({ baseUrl: service.url, tenantId: 'restaurant' });
    const first = await askOverRest(guest, 'I am allergic to nuts. What is for lunch?', 'table-4');
    expect(first).toEqual([
      'human: I am allergic to nuts. What is for lunch?',
      'ai: Without nuts: lentil soup.',
    ]);
    const second = await askOverRest(guest, 'What is for dessert?', 'table-4');
    expect(second).toEqual([...first, 'human: What is for dessert?', 'ai: Without nuts: baked apple.']);
    const elsewhere = await askOverRest(guest, 'What is for dessert?', 'table-5');
    expect(elsewhere.at(-1)).toBe('ai: Without nuts: baked apple.');
    const stranger = createTriptychClient({ baseUrl: service.url, tenantId: 'other-restaurant' });
    expect((await askOverRest(stranger, 'What is for dessert?', 'table-4')).at(-1)).toBe(
      'ai: Today: almond cake.',
    );
  });
});

describeOnEachEngine('walk-through with curl', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  const walk = (url: string): Promise<{ stdout: string; stderr: string }> =>
    promisify(execFile)(WALK_THROUGH, { env: { ...process.env, TRIPTYCH_URL: url } });

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('goes through every step and leaves nothing behind', async () => {
    const { stdout, stderr } = await walk(service.url);
    expect(stderr).toBe('');
    expect(stdout.trim().split('\n').at(-1)).toBe('── Done.');
    for (const tier of ['fast', 'reasoning']) expect(stdout).toContain(`"budget":{"tier":"${tier}"`);
    expect(stdout).toContain('Ada prefers window seats, on the left.');
    const tenant = service.as('walk-through');
    expect((await tenant.get('/v1/sessions')).body).toMatchObject({ sessions: [] });
    expect((await tenant.get('/v1/memories')).body).toMatchObject({ memories: [] });
  });

  it('stops at the first refusal', async () => {
    await expect(walk(`${service.url}/nowhere`)).rejects.toMatchObject({
      code: 22,
      stdout: expect.stringContaining('route_not_found'),
    });
  });
});
