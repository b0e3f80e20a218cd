// Over 200 lines: one command, and all that happens to memories meanwhile.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { loadOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import type { StatusAnswer } from '../src/memory/embedding-status.js';
import { DEFAULT_PACE } from '../src/memory/embedding-worker.js';
import type { DropAnswer } from '../src/memory/drop-space.js';
import type { MigrateAnswer } from '../src/memory/migrate-embeddings.js';
import { currentTenant } from '../src/tenancy/tenant-context.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { TestService, type TenantClient } from './support/service.js';
import { asSuperuser } from './support/superuser.js';
import { triptych, type Outcome } from './support/triptych.js';

const CLI = resolve('dist/src/cli/triptych.js');
const OLD = 'some-model@256';
const NEW = 'turned-model@384';
const OLD_SPACE = `${OLD}/256`;
const NEW_SPACE = `${NEW}/384`;
const TO_NEW = ['--to', NEW, '--dimensions', '384'];
const TO_OLD = ['--to', OLD, '--dimensions', '256'];
const PACE = { ...DEFAULT_PACE, pollMs: 200, firstRetryMs: 20, attempts: 3 };

interface Entry {
  memoryId: string;
  content: string;
  embeddingStatus: string;
}
interface Row {
  content: string;
  spaces: string[] | null;
  waiting: string[] | null;
  status: string | null;
}

/** A database with services and commands on it, one of them at a time on the embedded engine. */
class Home {
  private constructor(
    readonly database: TestDatabase,
    readonly provider: EmbeddingsServer,
    private readonly folder: string | undefined,
  ) {}

  static async open(created: TestDatabase): Promise<Home> {
    const provider = await EmbeddingsServer.start({ dimensions: 256 });
    if (created.engine === 'postgres') return new Home(created, provider, undefined);
    const folder = mkdtempSync(join(tmpdir(), 'triptych-migration-'));
    return new Home({ ...created, settings: { dataDir: folder } }, provider, folder);
  }

  async close(): Promise<void> {
    await this.provider.close();
    await this.database.drop();
    if (this.folder) rmSync(this.folder, { recursive: true });
  }

  serve(model = OLD, dimensions = 256): Promise<TestService> {
    return TestService.start(this.database, {
      embeddings: { provider: 'openai', baseUrl: this.provider.url, model, dimensions, timeoutMs: 5_000 },
    });
  }

  get environment(): NodeJS.ProcessEnv {
    const { url, dataDir = '' } = this.database.settings;
    return {
      ...(url ? { DATABASE_URL: url } : { DATA_DIR: dataDir }),
      ...{ EMBEDDINGS: 'openai', OPENAI_BASE_URL: this.provider.url },
      ...{ EMBEDDING_MODEL: OLD, EMBEDDING_DIMENSIONS: '256', EMBEDDING_TIMEOUT_MS: '5000' },
    };
  }

  async command(...args: string[]): Promise<Outcome> {
    try {
      return await triptych(this.environment, ['embeddings', ...args], { pace: PACE });
    } finally {
      // Which the command leads to standard error, for services of this process too.
      Logger.overrideLogger(false);
    }
  }

  async answer<T>(...args: string[]): Promise<T> {
    const { status, stdout, stderr } = await this.command(...args, '--json');
    expect({ status, stderr }).toMatchObject({ status: 0 });
    return JSON.parse(stdout) as T;
  }

  async sql<T>(text: string): Promise<T[]> {
    if (this.database.engine === 'postgres')
      return (await asSuperuser(this.database, undefined as never, text)) as T[];
    const options = loadOptions(this.environment);
    const database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant });
    try {
      return (await asSuperuser(this.database, database, text)) as T[];
    } finally {
      await database.close();
    }
  }

  /** In which spaces each memory of a tenant has vectors, and in which it waits for them, in the order of storing. */
  rows(tenant: string): Promise<Row[]> {
    return this.sql(`
      SELECT content, embedding_status AS status,
             (SELECT array_agg(DISTINCT model || '' ORDER BY model || '') FROM shared.memory_embeddings e
               WHERE e.tenant_id = m.tenant_id AND e.memory_id = m.memory_id) AS spaces,
             (SELECT array_agg(space ORDER BY space) FROM shared.pending_embeddings p
               WHERE p.tenant_id = m.tenant_id AND p.memory_id = m.memory_id) AS waiting
        FROM shared.agent_memories m WHERE tenant_id = '${tenant}' ORDER BY memory_id`);
  }
}

const ready = (content: string, ...spaces: string[]): Row => ({
  ...{ content, spaces, waiting: null, status: null },
});

async function store(client: TenantClient, content: string): Promise<Entry> {
  const { status, body } = await client.post('/v1/memories', { agentId: 'a', content });
  expect({ status, body: body }).toMatchObject({ status: 201 });
  return body;
}
async function find(client: TenantClient, query: string, mode = 'semantic') {
  const { status, body } = await client.post('/v1/memories/search', { query, mode, limit: 3 });
  expect(status).toBe(200);
  const { results, degraded } = body as {
    results: { memory: Entry; scores: { semantic: number | null } }[];
    degraded: unknown[];
  };
  expect(degraded).toEqual([]);
  return results.map(({ memory, scores }) => ({ content: memory.content, semantic: scores.semantic }));
}
/** What is asked for in its own words is as near as can be, in whichever space both are; in another one it is not. */
async function expectFound(client: TenantClient, content: string): Promise<void> {
  const [first] = await find(client, content);
  expect(first).toMatchObject({ content });
  expect(first?.semantic).toBeGreaterThan(0.6);
}
async function eventually(isSo: () => Promise<boolean>): Promise<void> {
  for (const until = Date.now() + 60_000; !(await isSo());) {
    if (Date.now() > until) throw new Error('it did not become so');
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

describe('npm run embeddings -- migrate', () => {
  it.each([
    ['no model', ['migrate'], /required option '--to <model>'/i],
    ['no length', ['migrate', '--to', 'm'], /required option '--dimensions <n>'/i],
    ['what is no length', ['migrate', '--to', 'm', '--dimensions', '1e3'], /a whole number from 8 to 4000/],
    [
      'a length that is too large',
      ['migrate', '--to', 'm', '--dimensions', '4001'],
      /a whole number from 8 to 4000/,
    ],
    ['no space', ['drop'], /required option '--space/i],
    ['what is no space', ['drop', '--space', 'some-model'], /model\/dimensions/],
    ['an option of another command', ['drop', '--space', 'm/8', '--dry-run'], /unknown option '--dry-run'/i],
  ])('does not understand %s', async (_what, args, message) => {
    const { status, stderr } = await triptych({}, ['embeddings', ...args]);
    expect(status).toBe(2);
    expect(stderr).toMatch(message);
  });
});

describeOnEachEngine('a change of the embedding model', (createDatabase) => {
  let home: Home;

  beforeAll(async () => {
    home = await Home.open(await createDatabase());
  });
  afterAll(() => home.close());

  it('changes nothing for who has memories until they are migrated, and can be taken back', async () => {
    const before = await home.serve();
    for (const content of ['Green tea from Japan.', 'A bicycle with a basket.'])
      await store(before.as('acme'), content);
    const retracted = await store(before.as('acme'), 'Nobody shall find this.');
    await before.as('acme').patch(`/v1/memories/${retracted.memoryId}`, { retracted: true });
    await store(before.as('other'), 'The window is open.');
    await before.stop();

    // Other settings: who has memories stays in their space, who has none begins in the new one.
    const after = await home.serve(NEW, 384);
    await expectFound(after.as('acme'), 'Green tea from Japan.');
    expect(await store(after.as('acme'), 'Black coffee at noon.')).toMatchObject({
      embeddingStatus: 'ready',
    });
    await expectFound(after.as('acme'), 'Black coffee at noon.');
    await store(after.as('newcomer'), 'I have just arrived.');
    await expectFound(after.as('newcomer'), 'I have just arrived.');
    await after.stop();
    expect((await home.rows('acme')).map(({ spaces }) => spaces)).toEqual([
      [OLD_SPACE],
      [OLD_SPACE],
      null,
      [OLD_SPACE],
    ]);
    expect(await home.rows('newcomer')).toEqual([ready('I have just arrived.', NEW_SPACE)]);

    expect(await home.answer<MigrateAnswer>('migrate', ...TO_NEW, '--dry-run')).toEqual({
      ...{ space: NEW_SPACE, tenants: 3, done: 1, memories: 4, dryRun: true, blocked: [] },
    });
    expect((await home.rows('acme')).flatMap(({ waiting }) => waiting ?? [])).toEqual([]);
    const used = await home.command('drop', '--space', OLD_SPACE);
    expect(used).toMatchObject({ status: 1, stdout: '' });
    expect(used.stderr).toMatch(/Memories are in some-model@256\/256, or go to it, of acme, other: migrate/);

    // One tenant, then all.
    expect(await home.answer<MigrateAnswer>('migrate', ...TO_NEW, '--tenant', 'acme')).toMatchObject({
      ...{ tenants: 1, done: 1, memories: 3 },
    });
    expect(await home.rows('acme')).toEqual([
      ready('Green tea from Japan.', OLD_SPACE, NEW_SPACE),
      ready('A bicycle with a basket.', OLD_SPACE, NEW_SPACE),
      { content: 'Nobody shall find this.', spaces: null, waiting: null, status: null },
      ready('Black coffee at noon.', OLD_SPACE, NEW_SPACE),
    ]);
    expect(await home.answer<StatusAnswer>('status')).toMatchObject({
      spaces: [
        { space: OLD_SPACE, tenants: 1, next: 0 },
        { space: NEW_SPACE, tenants: 2, next: 0 },
      ],
      ...{ pending: 0, parked: 0, migrating: 0, migratingParked: 0, tenants: [] },
    });
    const all = await home.command('migrate', ...TO_NEW);
    expect(all).toMatchObject({ status: 0 });
    expect(all.stderr).toMatch(/3 of 3 tenants; of those begun 1 of 1 memories/);
    expect(await home.answer<MigrateAnswer>('migrate', ...TO_NEW)).toMatchObject({ done: 3, memories: 0 });

    const migrated = await home.serve();
    for (const content of ['Green tea from Japan.', 'Black coffee at noon.'])
      await expectFound(migrated.as('acme'), content);
    await expectFound(migrated.as('other'), 'The window is open.');
    const changed = await store(migrated.as('acme'), 'A car.');
    await migrated.as('acme').patch(`/v1/memories/${changed.memoryId}`, { content: 'A very fast car.' });
    await migrated.stop();

    // The way back makes only what is not there.
    const requests = home.provider.requests.length;
    expect(await home.answer<MigrateAnswer>('migrate', ...TO_OLD, '--tenant', 'acme')).toMatchObject({
      ...{ done: 1, memories: 1 },
    });
    const texts = home.provider.requests.slice(requests).map(({ body }) => [body.input].flat());
    expect(texts).toEqual([['Are you there?'], ['A very fast car.']]);
    const back = await home.serve();
    await expectFound(back.as('acme'), 'A very fast car.');
    await expectFound(back.as('acme'), 'Green tea from Japan.');
    await back.stop();

    expect(await home.answer<DropAnswer>('drop', '--space', NEW_SPACE, '--tenant', 'acme')).toEqual({
      space: NEW_SPACE,
      tenants: 1,
      vectors: 4,
    });
    expect((await home.rows('acme')).flatMap(({ spaces }) => spaces ?? [])).toEqual(Array(4).fill(OLD_SPACE));
  });

  it('leaves no vector of a space that is dropped, wherever a page of 2,000 ends', async () => {
    const service = await home.serve();
    const { memoryId } = await store(service.as('dropped'), 'I stay where I am.');
    await service.stop();
    // One in the tenant's own space, and 1,500 in that and another one: a page ends between the two of a chunk.
    await home.sql(`
      INSERT INTO shared.memory_embeddings (tenant_id, agent_id, memory_id, chunk, model, signs, embedding)
      SELECT tenant_id, 'b', id, 0, unnest(ARRAY[model, 'zombie/256']), signs, embedding
        FROM shared.memory_embeddings, (SELECT gen_random_uuid() AS id FROM generate_series(1, 1500)) AS memories
       WHERE tenant_id = 'dropped' AND memory_id = '${memoryId}'`);
    expect(await home.answer<DropAnswer>('drop', '--space', 'zombie/256', '--tenant', 'dropped')).toEqual({
      ...{ space: 'zombie/256', tenants: 1, vectors: 1_500 },
    });
    expect(
      await home.sql<{ model: string; count: number }>(
        `SELECT model, count(*)::int FROM shared.memory_embeddings WHERE tenant_id = 'dropped' GROUP BY 1`,
      ),
    ).toEqual([{ model: OLD_SPACE, count: 1_501 }]);
    await home.sql(`DELETE FROM shared.memory_embeddings WHERE tenant_id = 'dropped' AND agent_id = 'b'`);
  });

  it('is refused before anything is changed where the provider has no such model', async () => {
    const service = await home.serve();
    await store(service.as('refused'), 'Nothing happens to me.');
    await service.stop();
    home.provider.models = [OLD];
    const unknown = await home.command('migrate', ...TO_NEW);
    home.provider.models = undefined;
    expect(unknown).toMatchObject({ status: 1, stdout: '' });
    expect(unknown.stderr).toMatch(/turned-model@384\/384 cannot be had, so nothing was changed: .*404/);
    const wrong = await home.command('migrate', '--to', NEW, '--dimensions', '128');
    expect(wrong.stderr).toMatch(/cannot be had.*384 dimensions, not 128.*--dimensions is the length/);
    const nobody = await home.command('migrate', ...TO_NEW, '--tenant', 'nobody');
    expect(nobody).toMatchObject({ status: 3, stderr: expect.stringMatching(/no such tenant/) as unknown });
    const rows = await home.sql<object>(
      `SELECT 1 FROM shared.recall_settings WHERE next_space IS NOT NULL
        UNION ALL SELECT 1 FROM shared.pending_embeddings`,
    );
    expect(rows).toEqual([]);
  });

  it('leaves a tenant where it is while a text is refused, unless it is told to go on', async () => {
    const service = await home.serve();
    for (const content of ['Good.', 'Bad.', 'Better.']) await store(service.as('parked'), content);
    await service.stop();
    home.provider.refuse((text) => text === 'Bad.');
    const blocked = await home.command('migrate', ...TO_NEW, '--tenant', 'parked', '--json');
    expect(blocked.status).toBe(1);
    expect(JSON.parse(blocked.stdout)).toMatchObject({
      ...{ done: 0, blocked: [{ tenantId: 'parked', parked: 1 }] },
    });
    const status = await home.answer<StatusAnswer>('status', '--tenant', 'parked');
    expect(status).toMatchObject({
      ...{ pending: 0, parked: 0, migrating: 0, migratingParked: 1 },
      tenants: [{ tenantId: 'parked', space: OLD_SPACE, nextSpace: NEW_SPACE }],
      memories: [{ space: NEW_SPACE, reason: expect.stringContaining('refused') as unknown }],
    });
    home.provider.heal();
    // Found as before, by what it was found by.
    const meanwhile = await home.serve();
    await expectFound(meanwhile.as('parked'), 'Bad.');
    const list = await meanwhile.as('parked').get('/v1/memories?embeddingStatus=ready');
    expect((list.body as { memories: unknown[] }).memories).toHaveLength(3);
    await meanwhile.stop();

    const allowed = await home.answer<MigrateAnswer>(
      ...['migrate', ...TO_NEW, '--tenant', 'parked', '--allow-parked'],
    );
    expect(allowed).toMatchObject({ done: 1, blocked: [] });
    expect(await home.rows('parked')).toEqual([
      ready('Good.', OLD_SPACE, NEW_SPACE),
      { content: 'Bad.', spaces: [OLD_SPACE], waiting: [NEW_SPACE], status: 'parked' },
      ready('Better.', OLD_SPACE, NEW_SPACE),
    ]);
    home.provider.heal();
    await home.answer('retry', '--tenant', 'parked');
    expect(await home.answer<MigrateAnswer>('migrate', ...TO_NEW, '--tenant', 'parked')).toMatchObject({
      done: 1,
    });
    expect((await home.rows('parked')).map(({ status: is }) => is)).toEqual([null, null, null]);
  });

  it('is given up by the way back', async () => {
    const service = await home.serve();
    for (const content of ['One.', 'Two.']) await store(service.as('undone'), content);
    await service.stop();
    home.provider.refuse((text) => text === 'Two.');
    await home.command('migrate', ...TO_NEW, '--tenant', 'undone');
    home.provider.heal();
    expect(await home.answer<MigrateAnswer>('migrate', ...TO_OLD, '--tenant', 'undone')).toMatchObject({
      ...{ done: 1, memories: 0 },
    });
    expect(await home.rows('undone')).toEqual([
      ready('One.', OLD_SPACE, NEW_SPACE),
      ready('Two.', OLD_SPACE),
    ]);
    expect(await home.answer<StatusAnswer>('status', '--tenant', 'undone')).toMatchObject({
      tenants: [{ space: OLD_SPACE, nextSpace: null }],
    });
  });
});

/** Where several processes may have one database. */
const describeOnPostgres = process.env['TEST_DATABASE_URL'] ? describe : describe.skip;

describeOnPostgres('a change of the embedding model under live traffic', () => {
  let home: Home;
  let services: TestService[];

  beforeAll(async () => {
    home = await Home.open(await postgres());
    // One service has been given the new settings already.
    services = [await home.serve(), await home.serve(NEW, 384)];
  });
  afterAll(async () => {
    await Promise.all(services.map((service) => service.stop()));
    await home.close();
  });

  const serviceOf = (turn: number): TestService => services[turn % services.length] as TestService;
  const said = (topic: number, round: number): string =>
    `Note ${topic}: ${['apples', 'bridges', 'clouds', 'drums', 'eagles', 'forests'][topic % 6] ?? ''} ${topic} of ${round}.`;

  it('fails no request, finds everything, and compares no two spaces', async () => {
    const tenants = ['ada', 'bo'];
    for (const tenant of tenants) {
      const memories = Array.from({ length: 120 }, (_, i) => ({ agentId: 'a', content: said(i, 0) }));
      const { status } = await serviceOf(0).as(tenant).post('/v1/memories/batch', { memories });
      expect(status).toBe(201);
    }
    let isOver = false;
    const alive = new Map(tenants.map((tenant) => [tenant, new Map<string, string>()]));
    /** Stores, changes and deletes in turn, each through another service than before, and finds what it has just written. */
    const work = async (tenant: string, writer: number): Promise<number> => {
      const mine: Entry[] = [];
      let rounds = 0;
      for (; !isOver || rounds < 6; rounds += 1) {
        const client = serviceOf(rounds).as(tenant);
        const content = `${said(rounds, writer)} By writer ${writer} for ${tenant}.`;
        const entry = await store(client, content);
        mine.push(entry);
        alive.get(tenant)?.set(entry.memoryId, content);
        if (rounds % 3 === 1) {
          const { memoryId } = mine[rounds - 1] as Entry;
          const { status } = await client.patch(`/v1/memories/${memoryId}`, {
            content: `Changed. ${content}`,
          });
          expect(status).toBe(200);
          alive.get(tenant)?.set(memoryId, `Changed. ${content}`);
        }
        if (rounds % 3 === 2) {
          const { memoryId } = mine[rounds] as Entry;
          expect((await client.delete(`/v1/memories/${memoryId}`)).status).toBe(204);
          alive.get(tenant)?.delete(memoryId);
        }
        const old = said((rounds * 7) % 120, 0);
        // In a space with itself it is as near as can be; in another one, nothing is like anything.
        for (const { content: found, semantic } of await find(client, old))
          if (found === old) expect(semantic).toBeGreaterThan(0.9);
        expect((await find(client, old)).map((result) => result.content)).toContain(old);
      }
      return rounds;
    };
    const workers = tenants.flatMap((tenant) => [work(tenant, 1), work(tenant, 2)]);
    for (const to of [TO_NEW, TO_OLD, TO_NEW]) {
      const { status, stderr } = await home.command('migrate', ...to, '--json');
      expect({ status, stderr }).toMatchObject({ status: 0 });
    }
    isOver = true;
    expect(Math.min(...(await Promise.all(workers)))).toBeGreaterThan(5);

    // What a process stored that believed the space of before follows.
    for (const tenant of tenants) {
      await eventually(async () =>
        (await home.rows(tenant)).every(({ waiting, status }) => waiting === null && status === null),
      );
      const rows = await home.rows(tenant);
      for (const row of rows) expect(row.spaces).toContain(NEW_SPACE);
      const expected = [...(alive.get(tenant)?.values() ?? [])].sort();
      expect(
        rows
          .map(({ content }) => content)
          .filter((content) => content.includes('writer'))
          .sort(),
      ).toEqual(expected);
      for (const service of services)
        for (const content of expected.slice(0, 5)) await expectFound(service.as(tenant), content);
    }
    // No vector of one model stands under the name of another.
    const mixed = await home.sql<{ model: string }>(
      `SELECT model FROM shared.memory_embeddings WHERE model <> format('%s/%s', split_part(model, '/', 1), vector_dims(embedding))`,
    );
    expect(mixed).toEqual([]);
  });

  it('is settled in one space where two processes store the first memory of a tenant', async () => {
    for (const tenant of ['first-1', 'first-2', 'first-3']) {
      await Promise.all(
        services.map((service, i) => store(service.as(tenant), `The first words of service ${i}.`)),
      );
      await eventually(async () => (await home.rows(tenant)).every(({ waiting }) => waiting === null));
      const [{ space } = { space: '' }] = await home.sql<{ space: string }>(
        `SELECT space FROM shared.recall_settings WHERE tenant_id = '${tenant}'`,
      );
      for (const { spaces, status } of await home.rows(tenant)) {
        expect(spaces).toContain(space);
        expect(status).toBeNull();
      }
    }
  });

  it('goes on after a kill or a signal from where it was, as long as one is left', async () => {
    const memories = Array.from({ length: 900 }, (_, i) => ({ agentId: 'a', content: said(i, 9) }));
    const { status } = await serviceOf(0).as('killed').post('/v1/memories/batch', { memories });
    expect(status).toBe(201);
    const done = async (): Promise<number> => {
      const [row] = await home.sql<{ count: number }>(
        `SELECT count(*)::int FROM shared.memory_embeddings WHERE tenant_id = 'killed' AND model = '${NEW_SPACE}'`,
      );
      return row?.count ?? 0;
    };
    // Services would finish it alone: here only the command does.
    await Promise.all(services.map((service) => service.stop()));
    services = [];
    home.provider.delayMs = 300;
    for (const [signal, ending] of [
      ['SIGKILL', [null, 'SIGKILL']],
      ['SIGINT', [130, null]],
    ] as const) {
      const before = await done();
      const command = spawn(
        process.execPath,
        [CLI, 'embeddings', 'migrate', ...TO_NEW, '--tenant', 'killed'],
        {
          env: { ...process.env, ...home.environment, EMBEDDING_TIMEOUT_MS: '1000' },
          stdio: 'ignore',
        },
      );
      const gone = once(command, 'exit');
      await eventually(async () => (await done()) > before);
      command.kill(signal);
      expect(await gone).toEqual(ending);
      expect(await done()).toBeLessThan(900);
      expect(
        await home.sql(`SELECT next_space FROM shared.recall_settings WHERE tenant_id = 'killed'`),
      ).toEqual([{ next_space: NEW_SPACE }]);
    }
    home.provider.delayMs = 0;
    services = [await home.serve()];
    // Neither space is whole for itself now, and yet everything is found.
    for (const i of [0, 450, 899]) await expectFound(serviceOf(0).as('killed'), said(i, 9));
    // What a killed process has claimed comes back by itself, here at once.
    await home.sql(`UPDATE shared.pending_embeddings SET due_at = now() WHERE tenant_id = 'killed'`);
    expect(await home.answer<MigrateAnswer>('migrate', ...TO_NEW, '--tenant', 'killed')).toMatchObject({
      done: 1,
    });
    const rows = await home.rows('killed');
    expect(rows.filter(({ spaces }) => spaces?.length === 2)).toHaveLength(900);
    for (const i of [0, 450, 899]) await expectFound(serviceOf(0).as('killed'), said(i, 9));
    expect(await home.answer<DropAnswer>('drop', '--space', OLD_SPACE, '--tenant', 'killed')).toMatchObject({
      vectors: 900,
    });
    for (const i of [0, 899]) await expectFound(serviceOf(0).as('killed'), said(i, 9));
  });
});
