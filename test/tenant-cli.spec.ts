import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TextSearch } from '../src/recall/lexical-index.js';
import type { ApiKeyRecord, IssuedApiKey, Tenant } from '../src/tenancy/tenant-registry.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { TestService, type Answer } from './support/service.js';
import { triptych, type Outcome } from './support/triptych.js';

/** The command as a process of its own, which `npm run tenant` runs as well. */
function spawnTenant(environment: Record<string, string>, ...args: string[]): Promise<Outcome> {
  const command = ['--import', 'tsx', 'src/cli/triptych.ts', 'tenant', ...args];
  const env = { PATH: process.env['PATH'] ?? '', ...environment };
  return new Promise((resolve) => {
    execFile(process.execPath, command, { env }, (error, stdout, stderr) => {
      resolve({ status: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

/** The same command in this process: a process takes seconds to begin, and two of them prove what it adds. */
function tenant(environment: Record<string, string>, ...args: string[]): Promise<Outcome> {
  return triptych(environment, ['tenant', ...args]);
}

describe('npm run tenant', () => {
  it('does not understand an unknown command, and shows how it is used', async () => {
    for (const run of [tenant, spawnTenant]) {
      const { status, stdout, stderr } = await run({}, 'destroy');
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
      expect(stderr).toMatch(/unknown command 'destroy'.*--help/is);
    }
  });

  it('helps without a database', async () => {
    const { status, stdout } = await tenant({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, '--help');
    expect(status).toBe(0);
    for (const command of ['create', 'list', 'create-key', 'keys', 'rotate', 'revoke', 'language', 'erase'])
      expect(stdout).toContain(command);
  });

  it('says that the database cannot be reached', async () => {
    const { status, stderr } = await tenant({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' }, 'list');
    expect(status).toBe(5);
    expect(stderr).toMatch(/cannot be opened.*DATABASE_URL/);
    expect(stderr).not.toContain('    at ');
  });
});

describeOnEachEngine('npm run tenant', (createDatabase) => {
  let database: TestDatabase;
  let folder: string;
  let environment: Record<string, string>;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-tenant-'));
    const created = await createDatabase();
    const { url } = created.settings;
    environment = url ? { DATABASE_URL: url } : { DATA_DIR: folder };
    database = { ...created, settings: url ? { url } : { dataDir: folder } };
  });
  afterAll(async () => {
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  const json = async <T>(...args: string[]): Promise<T> => {
    const { status, stdout, stderr } = await tenant(environment, ...args, '--json');
    expect({ status, stderr: stderr.replace(/^(Keep this key now|\{"event":"audit").*\n/gm, '') }).toEqual({
      status: 0,
      stderr: '',
    });
    return JSON.parse(stdout) as T;
  };

  it('makes tenants and keys that the service accepts, rotates and revokes them', async () => {
    expect(await json<Tenant[]>('list')).toEqual([]);
    const acme = await json<Tenant>(
      'create',
      'acme',
      '--name',
      'Acme Inc',
      '--rate-limit',
      '50',
      '--daily-quota',
      '0',
    );
    expect(acme).toMatchObject({ tenantId: 'acme', name: 'Acme Inc', rateLimit: 50, dailyQuota: 0 });
    expect(await json('create', 'blue')).toMatchObject({ name: null, rateLimit: null, dailyQuota: null });
    expect((await json<Tenant[]>('list')).map(({ tenantId }) => tenantId)).toEqual(['acme', 'blue']);

    const args = ['create-key', 'acme', '--scopes', 'read, read', '--expires', '90d', '--label', 'ci'];
    const first = await json<IssuedApiKey>(...args);
    expect(first).toMatchObject({ scopes: ['read'], label: 'ci', revokedAt: null });
    expect(lifetime(first)).toBe(90 * 86_400_000);
    const spawned = await spawnTenant(environment, 'create-key', 'blue', '--json');
    expect({ ...spawned, stdout: '' }).toEqual({
      status: 0,
      stdout: '',
      stderr: expect.stringMatching(
        /^\{"event":"audit",.*"action":"api_key.create".*\}\nKeep this key now: .*\n$/,
      ) as unknown,
    });
    const plain = JSON.parse(spawned.stdout) as IssuedApiKey;
    expect(plain).toMatchObject({ scopes: ['read', 'write'], label: null, expiresAt: null });

    const second = await json<IssuedApiKey>('rotate', first.keyId, '--overlap', '1h');
    expect(second).toMatchObject({ scopes: ['read'], label: 'ci' });
    expect(lifetime(second)).toBe(90 * 86_400_000);
    expect(await json('revoke', plain.keyId)).toMatchObject({ keyId: plain.keyId });

    const keys = await tenant(environment, 'keys', 'acme', '--json');
    expect((JSON.parse(keys.stdout) as ApiKeyRecord[]).map(({ keyId }) => keyId)).toEqual([
      first.keyId,
      second.keyId,
    ]);
    for (const { key, keyId } of [first, second])
      expect(keys.stdout).not.toContain(key.slice(`triptych_${keyId}_`.length));

    const service = await TestService.start(database, { auth: { mode: 'api-key' } });
    const status = async ({ key }: IssuedApiKey): Promise<Answer['status']> =>
      (await service.send('GET', '/v1/memories', undefined, { authorization: `Bearer ${key}` })).status;
    expect([await status(first), await status(second), await status(plain)]).toEqual([200, 200, 401]);
    if (database.engine === 'embedded')
      expect((await tenant(environment, 'list')).stderr).toContain(`process ${process.pid}`);
    await service.stop();
  });

  it('shows and sets the language of a tenant, and writes its index anew', async () => {
    const told = { tenantId: 'deutsch', textSearch: 'english', isOwn: false, default: 'english' };
    const shown = await json<TextSearch>('language', 'deutsch');
    expect(shown).toMatchObject({ ...told, memories: 0 });
    expect(shown.available).toEqual(expect.arrayContaining(['english', 'german', 'simple']));

    const memory = { agentId: 'a', content: 'Die Häuser stehen am See.' };
    const serve = async <T>(work: (service: TestService) => Promise<T>): Promise<T> => {
      const service = await TestService.start(database);
      try {
        return await work(service);
      } finally {
        await service.stop();
      }
    };
    const query = { query: 'Haus', mode: 'lexical' };
    const find = async (service: TestService): Promise<number> => {
      const { body } = await service.as('deutsch').post('/v1/memories/search', query);
      return (body as { results: unknown[] }).results.length;
    };
    const before = await serve(async (service) => {
      expect((await service.as('deutsch').post('/v1/memories', memory)).status).toBe(201);
      return find(service);
    });
    expect(await json('language', 'deutsch', 'german')).toEqual({
      ...told,
      textSearch: 'german',
      isOwn: true,
      memories: 1,
    });
    expect([before, await serve(find)]).toEqual([0, 1]);
    expect(await json('language', 'deutsch', 'default')).toEqual({ ...told, memories: 1 });

    const other = { ...environment, TEXT_SEARCH: 'german' };
    const hint = await tenant(other, 'language', 'deutsch');
    expect(hint.stderr).toContain('with english, and TEXT_SEARCH is german: language deutsch default');
    expect(hint.stdout).toMatch(/^textSearch +english$/m);
    expect((await tenant(other, 'language', 'deutsch', 'default')).stdout).toMatch(/^textSearch +german$/m);

    const refusals: [string[], string][] = [
      [['deutsch', 'klingon'], 'no text search configuration "klingon"; it has arabic, '],
      [['no good'], 'A tenant id is'],
      [['no good', 'german'], 'A tenant id is'],
    ];
    for (const [args, message] of refusals) {
      const refused = await tenant(environment, 'language', ...args);
      expect({ args, ...refused, stderr: '' }).toEqual({ args, status: 1, stdout: '', stderr: '' });
      expect(refused.stderr).toContain(message);
    }
  });
});

if (process.env['TEST_DATABASE_URL'])
  describe('npm run tenant on PostgreSQL', () => {
    it('shows a key once, and refuses what it must', async () => {
      const database = await postgres();
      const environment = { DATABASE_URL: database.settings.url ?? '' };
      await tenant(environment, 'create', 'green');
      const made = await tenant(environment, 'create-key', 'green');
      expect(made.stdout).toMatch(/^key +triptych_green\.\w{12}_\w{46}$/m);
      expect(made.stderr).toContain('cannot be shown again');
      const refusals: [string[], number, string][] = [
        [['create', 'green'], 1, 'green exists already'],
        [['create', 'no good'], 1, 'A tenant id is'],
        [['create-key', 'nobody'], 3, 'no such tenant'],
        [['revoke', 'green.AAAAAAAAAAAA'], 3, 'no such key'],
        [['rotate', 'nonsense'], 3, 'no such key'],
      ];
      for (const [args, expected, message] of refusals) {
        const { status, stdout, stderr } = await tenant(environment, ...args);
        expect({ args, status, stdout }).toEqual({ args, status: expected, stdout: '' });
        expect(stderr).toContain(message);
      }
      await database.drop();
    });

    it('says how far it is with many memories', async () => {
      const database = await postgres();
      const service = await TestService.start(database);
      for (const count of [1_000, 300]) {
        const memories = Array.from({ length: count }, (_, n) => ({ agentId: 'a', content: `Note ${n}.` }));
        expect((await service.as('many').post('/v1/memories/batch', { memories })).status).toBe(201);
      }
      await service.stop();
      const { status, stderr } = await tenant(
        { DATABASE_URL: database.settings.url ?? '' },
        'language',
        'many',
        'simple',
      );
      expect(status).toBe(0);
      expect(stderr.replace(/^\{"event":"audit".*\n/m, '')).toBe('1000 of 1300 memories\n');
      await database.drop();
    });

    it('refuses a schema that is behind, with the command that helps', async () => {
      const database = await postgres({ empty: true });
      const { status, stderr } = await tenant({ DATABASE_URL: database.settings.url ?? '' }, 'list');
      expect({ status, helps: stderr.includes('`triptych migrate run`') }).toEqual({
        status: 1,
        helps: true,
      });
      await database.drop();
    });
  });

/** From creation to expiry, in milliseconds; as JSON both are text. */
function lifetime({ createdAt, expiresAt }: ApiKeyRecord): number {
  return new Date(expiresAt ?? 0).getTime() - new Date(createdAt).getTime();
}
