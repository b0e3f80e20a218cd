import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Database } from '../src/database/database.js';
import { EmbeddingBacklog } from '../src/memory/embedding-backlog.js';
import type { RetryAnswer, StatusAnswer } from '../src/memory/embedding-status.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';
import { asSuperuser } from './support/superuser.js';
import { triptych, type Outcome } from './support/triptych.js';

/** A space into which a migration brought one memory, and gave it up there. */
const NEXT = 'next-model@32/32';
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
/** Nothing is. */
const MIGRATING = { migrating: 0, migratingParked: 0 };

function embeddings({ settings }: Pick<TestDatabase, 'settings'>, ...args: string[]): Promise<Outcome> {
  const { url, dataDir = '' } = settings;
  return triptych(url ? { DATABASE_URL: url } : { DATA_DIR: dataDir }, ['embeddings', ...args]);
}

describe('npm run embeddings', () => {
  const nowhere = { settings: { url: 'postgres://nobody@127.0.0.1:1/none' } };

  it.each([
    ['no command', [], /Usage: triptych embeddings/],
    ['an unknown command', ['clear'], /unknown command 'clear'/i],
    ['an argument', ['status', 'acme'], /too many arguments for 'status'/i],
    ['an option of another command', ['status', '--memory', 'x'], /unknown option '--memory'/i],
    ['an unknown option', ['status', '--all'], /unknown option '--all'/i],
    ['a memory of nobody', ['retry', '--memory', UNKNOWN], /--memory needs --tenant/],
    ['what is no id', ['retry', '--tenant', 'acme', '--memory', 'x'], /must be the id of a memory/],
  ])('does not understand %s', async (_what, args, message) => {
    const { status, stdout, stderr } = await embeddings(nowhere, ...args);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toContain('--help');
  });

  it('helps without a database', async () => {
    const { status, stdout } = await embeddings(nowhere, '--help');
    expect(status).toBe(0);
    for (const command of ['status', 'retry', 'migrate', 'drop']) expect(stdout).toContain(command);
  });
});

describeOnEachEngine('npm run embeddings', (createDatabase) => {
  let database: TestDatabase;
  let provider: EmbeddingsServer;
  let folder: string | undefined;
  const start = () =>
    TestService.start(database, {
      embeddings: { provider: 'openai', baseUrl: provider.url, model: 'some-model', dimensions: 64 },
    });
  const answer = async <T>(...args: string[]): Promise<T> => {
    const { status, stdout, stderr } = await embeddings(database, ...args, '--json');
    expect({ status, stderr }).toMatchObject({ status: 0 });
    return JSON.parse(stdout) as T;
  };

  beforeAll(async () => {
    database = await createDatabase();
    if (database.engine === 'embedded') {
      folder = mkdtempSync(join(tmpdir(), 'triptych-embeddings-'));
      database = { ...database, settings: { dataDir: folder } };
    }
    provider = await EmbeddingsServer.start({ dimensions: 64 });
  });
  afterAll(async () => {
    await provider.close();
    await database.drop();
    if (folder) rmSync(folder, { recursive: true });
  });

  it('tells what is parked and why, and has it tried again', async () => {
    const before = await start();
    provider.fail({ status: 401 });
    const store = async (tenant: string, content: string): Promise<string> => {
      const { body } = await before.as(tenant).post('/v1/memories', { agentId: 'a', content });
      return (body as { memoryId: string }).memoryId;
    };
    const [first, second] = [await store('acme', 'one'), await store('acme', 'two')];
    await store('other', 'three');
    await before.as('acme').get('/health/live');
    // As five failures leave them.
    await asSuperuser(
      database,
      before.app.get(Database),
      `UPDATE shared.pending_embeddings SET parked_at = now(), failed_at = now(), attempts = 5, reason = 'status 400'
        WHERE tenant_id = 'acme';
       INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space, parked_at, attempts, reason)
       VALUES ('acme', '${first}', '${NEXT}', now() + interval '1 second', 5, 'status 422');
       UPDATE shared.agent_memories SET embedding_status = 'parked' WHERE tenant_id = 'acme'`,
    );
    await before.stop();

    expect(await answer<StatusAnswer>('status')).toEqual({
      ...{ pending: 1, parked: 2, ...MIGRATING, migratingParked: 1 },
      spaces: [{ space: 'some-model/64', tenants: 2, next: 0 }],
      tenants: [
        {
          ...{ tenantId: 'acme', space: 'some-model/64', nextSpace: null, pending: 0, parked: 2 },
          ...{ ...MIGRATING, migratingParked: 1 },
        },
        { tenantId: 'other', space: 'some-model/64', nextSpace: null, pending: 1, parked: 0, ...MIGRATING },
      ],
    });
    const ofOne = await answer<StatusAnswer>('status', '--tenant', 'acme');
    expect(ofOne).toMatchObject({ pending: 0, parked: 2, tenants: [{ tenantId: 'acme' }] });
    expect(ofOne.memories).toMatchObject([
      { memoryId: first, space: 'some-model/64', attempts: 5, reason: 'status 400' },
      { memoryId: second, space: 'some-model/64', attempts: 5, reason: 'status 400' },
      { memoryId: first, space: NEXT, attempts: 5, reason: 'status 422' },
    ]);
    const { stdout } = await embeddings(database, 'status', '--tenant', 'acme');
    expect(stdout).toMatch(/parked\s+2[^]*memoryId[^]*reason\s+status 400/);

    expect(await answer<RetryAnswer>('retry', '--tenant', 'acme', '--memory', first)).toEqual({
      ...{ retried: 1, tenants: 1 },
    });
    const again = await embeddings(database, 'retry', '--tenant', 'acme', '--memory', first);
    expect(again).toMatchObject({ status: 3, stdout: '', stderr: 'There is no such parked memory.\n' });
    expect(await answer<RetryAnswer>('retry')).toEqual({ retried: 1, tenants: 1 });
    expect(await answer<RetryAnswer>('retry')).toEqual({ retried: 0, tenants: 0 });

    const after = await start();
    const retried = (await after.as('acme').get(`/v1/memories/${first}`)).body as object;
    expect(retried).toMatchObject({ embeddingStatus: 'pending' });
    // As if it had never failed.
    expect(retried).not.toHaveProperty('embeddingFailure');
    provider.heal();
    const backlog = after.app.get(EmbeddingBacklog);
    for (const until = Date.now() + 30_000; Date.now() < until && backlog.counts.finished < 4;)
      await new Promise((resolve) => setTimeout(resolve, 50));
    const { body } = await after.as('acme').get('/v1/memories?embeddingStatus=ready');
    expect((body as { memories: unknown[] }).memories).toHaveLength(2);
    await after.stop();
    expect(await answer<StatusAnswer>('status')).toMatchObject({ pending: 0, parked: 0, tenants: [] });
  });
});
