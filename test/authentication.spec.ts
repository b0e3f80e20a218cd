import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../src/database/database.js';
import { createApiKey } from '../src/tenancy/api-key.js';
import type { Scope } from '../src/tenancy/authenticator.js';
import type { ApiKeyRecord, IssuedApiKey } from '../src/tenancy/tenant-registry.js';
import { describeOnEachEngine, postgres, type TestDatabase } from './support/engines.js';
import { asOperator } from './support/operator.js';
import { TestService, type Answer } from './support/service.js';

const API_KEY = { auth: { mode: 'api-key' } } as const;
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const UNAUTHENTICATED = { status: 401, body: { code: 'unauthenticated' } };

/** Sends a GET with headers exactly as given, twice the same one included. */
function rawGet(url: string, path: string, headers: string[]): Promise<number | undefined> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request(
      { hostname, port, path, headers: ['Host', `${hostname}:${port}`, ...headers] as never },
      (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      },
    )
      .on('error', reject)
      .end();
  });
}

/** What was believed of a key until now is believed no more when the clock by which it is remembered is 5 s later. */
async function expectForgotten(key: string, ...services: readonly TestService[]): Promise<void> {
  const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 5_000);
  try {
    for (const service of services)
      expect(await service.send('GET', '/v1/memories', undefined, bearer(key))).toMatchObject(
        UNAUTHENTICATED,
      );
  } finally {
    clock.mockRestore();
  }
}

describeOnEachEngine('AUTH_MODE=api-key', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let red: IssuedApiKey;
  let blue: IssuedApiKey;
  const get = (key: string, more: Record<string, string> = {}): Promise<Answer> =>
    service.send('GET', '/v1/memories', undefined, { ...bearer(key), ...more });
  const issue = (tenantId: string, scopes?: Scope[], expiresIn?: number): Promise<IssuedApiKey> =>
    asOperator(service, database, (registry) => registry.createKey(tenantId, { scopes, expiresIn }));

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database, API_KEY);
    await asOperator(service, database, async (registry) => {
      for (const tenantId of ['red', 'blue', 'red.x_1']) await registry.create({ tenantId });
    });
    [red, blue] = [await issue('red'), await issue('blue')];
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('serves the tenant of the key and no other, whatever the request says beside it', async () => {
    const body = { agentId: 'a', content: 'red only' };
    const stored = await service.send('POST', '/v1/memories', body, {
      ...bearer(red.key),
      'x-tenant-id': 'blue',
    });
    expect(stored).toMatchObject({ status: 201, body: { tenantId: 'red' } });
    expect((await get(red.key)).body).toMatchObject({ memories: [{ content: 'red only' }] });
    expect((await get(blue.key, { 'x-tenant-id': 'red' })).body).toMatchObject({ memories: [] });
  });

  it('reads a tenant id with dots and underscores out of a key', async () => {
    const { key } = await issue('red.x_1');
    const body = { agentId: 'a', content: 'c' };
    expect((await service.send('POST', '/v1/memories', body, bearer(key))).body).toMatchObject({
      tenantId: 'red.x_1',
    });
  });

  it('takes the scheme in any case, and more than one space', async () => {
    for (const scheme of ['bearer', 'BEARER', 'Bearer ', 'Bearer    '])
      expect((await get(red.key, { authorization: `${scheme} ${red.key}` })).status).toBe(200);
  });

  it('answers every bad credential with the same words', async () => {
    const { key } = red;
    const last = key.endsWith('0') ? '1' : '0';
    const [, , secret = ''] = key.split('_');
    const headers: Record<string, string>[] = [
      {},
      { 'x-tenant-id': 'red' },
      ...[
        '',
        'Bearer',
        'Bearer ',
        'Basic cmVkOg==',
        key,
        `Bearer ${key} x`,
        `Bearer ${key},Bearer ${key}`,
      ].map((authorization) => ({ authorization })),
      bearer(key.slice(0, -1) + last),
      bearer(key.slice(0, -1)),
      bearer(key.toLowerCase()),
      bearer(createApiKey('red').key),
      bearer(createApiKey('nobody').key),
      bearer(`${blue.key.slice(0, -secret.length)}${secret}`),
      bearer('eyJhbGciOiJub25lIn0.eyJ0ZW5hbnRfaWQiOiJyZWQifQ.'),
    ];
    for (const sent of headers) {
      const answer = await service.send('GET', '/v1/memories', undefined, sent);
      expect({ sent, answer }).toMatchObject({ sent, answer: UNAUTHENTICATED });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(answer.text).toBe((await service.send('GET', '/v1/memories')).text);
    }
  });

  it('refuses a request with two credentials', async () => {
    const one = ['Authorization', `Bearer ${red.key}`];
    const other = ['authorization', `Bearer ${blue.key}`];
    expect(await rawGet(service.url, '/v1/memories', one)).toBe(200);
    expect(await rawGet(service.url, '/v1/memories', [...one, ...other])).toBe(401);
    expect(await rawGet(service.url, '/v1/memories', [...one, ...one])).toBe(401);
  });

  it('refuses a key whose id was changed to claim another tenant, or another key', async () => {
    const other = await issue('red');
    const secretOf = ({ key, keyId }: IssuedApiKey): string => key.slice(`triptych_${keyId}_`.length, -6);
    for (const claimed of [blue.keyId, other.keyId, red.keyId.replace('red', 'blue')]) {
      const forged = withChecksum(`triptych_${claimed}_${secretOf(red)}`);
      expect(await get(forged)).toMatchObject(UNAUTHENTICATED);
    }
    expect((await get(withChecksum(`triptych_${red.keyId}_${secretOf(red)}`))).status).toBe(200);
  });

  it('ends a key when it expires, also while its check is still remembered', async () => {
    expect(await get((await issue('red', ['read'], 0)).key)).toMatchObject(UNAUTHENTICATED);
    const brief = await issue('red', ['read'], 5);
    expect((await get(brief.key)).status).toBe(200);
    await sleep(5_050);
    expect(await get(brief.key)).toMatchObject(UNAUTHENTICATED);
  });

  it('lets a key and its successor work side by side until the overlap is over', async () => {
    const old = await issue('red', ['read']);
    const successor = await asOperator(service, database, (registry) =>
      registry.rotate(old.keyId, { overlap: 60 }),
    );
    expect(successor).toMatchObject({ scopes: ['read'], label: null, expiresAt: null });
    for (const { key } of [old, successor]) expect((await get(key)).status).toBe(200);
    const last = await asOperator(service, database, (registry) =>
      registry.rotate(successor.keyId, { overlap: 0 }),
    );
    await expectForgotten(successor.key, service);
    expect((await get(last.key)).status).toBe(200);
    await expect(
      asOperator(service, database, (registry) => registry.rotate(successor.keyId, { overlap: 0 })),
    ).rejects.toThrow('no such key');
  });

  it('gives a successor the lifetime that its predecessor was issued with, in its overlap too', async () => {
    const rotate = (keyId: string, overlap: number): Promise<IssuedApiKey> =>
      asOperator(service, database, (registry) => registry.rotate(keyId, { overlap }));
    const lifetime = ({ createdAt, expiresAt }: ApiKeyRecord): number =>
      (expiresAt?.getTime() ?? 0) - createdAt.getTime();
    const old = await issue('red', ['read'], 86_400);
    expect(lifetime(await rotate(old.keyId, 600))).toBe(86_400_000);
    expect(lifetime(await rotate(old.keyId, 3_600))).toBe(86_400_000);
    const [shown] = (await asOperator(service, database, (registry) => registry.keys('red'))).filter(
      ({ keyId }) => keyId === old.keyId,
    );
    // The second rotation, with the longer overlap, lengthened nothing.
    const overlap = (shown?.revokedAt?.getTime() ?? 0) - Date.now();
    expect(overlap).toBeGreaterThan(0);
    expect(overlap).toBeLessThanOrEqual(600_000);
    expect(shown?.expiresAt).toEqual(old.expiresAt);
    expect((await get(old.key)).status).toBe(200);

    const unlimited = await issue('red');
    expect(await rotate(unlimited.keyId, 600)).toMatchObject({ expiresAt: null });
    expect(await rotate(unlimited.keyId, 600)).toMatchObject({ expiresAt: null });
    const revoked = await asOperator(service, database, (registry) => registry.revoke(unlimited.keyId));
    expect(revoked.revokedAt?.getTime()).toBeLessThan(Date.now() + 60_000);
    await expectForgotten(unlimited.key, service);
  });

  it('ends a rotated key with its overlap, also while its check is still remembered', async () => {
    const old = await issue('red', ['read'], 86_400);
    await asOperator(service, database, (registry) => registry.rotate(old.keyId, { overlap: 5 }));
    expect((await get(old.key)).status).toBe(200);
    await sleep(5_050);
    expect(await get(old.key)).toMatchObject(UNAUTHENTICATED);
  });

  describe('of whoever guesses', () => {
    /** What the requests of `work` look up in the database, and how many seconds they took. */
    async function lookUpsOf(work: () => Promise<unknown>): Promise<{ lookUps: number; seconds: number }> {
      const query = jest.spyOn(service.app.get(Database), 'query');
      const start = performance.now();
      try {
        await work();
        const lookUps = query.mock.calls.filter(([sql]) => sql.includes('shared.api_keys')).length;
        return { lookUps, seconds: (performance.now() - start) / 1_000 };
      } finally {
        query.mockRestore();
      }
    }
    const wrongSecret = (keyId: string): string =>
      withChecksum(`triptych_${keyId}_${createApiKey('red').secret}`);

    it('asks the database nothing for what is no key', async () => {
      const { key } = createApiKey('red');
      const other = key.endsWith('0') ? '1' : '0';
      const malformed = [
        key.slice(0, -1) + other,
        key.slice(0, -1),
        key.toUpperCase(),
        `${key}0`,
        'x',
        'a.b.c',
      ];
      const { lookUps } = await lookUpsOf(async () => {
        for (const token of malformed) expect(await get(token)).toMatchObject(UNAUTHENTICATED);
      });
      expect(lookUps).toBe(0);
      expect((await lookUpsOf(() => get(key))).lookUps).toBe(1);
    });

    it('looks an id up once in a while, whatever secrets come with it', async () => {
      const [{ keyId }, known] = [createApiKey('red'), await issue('red')];
      for (const [id, everySeconds] of [
        [keyId, 1],
        [known.keyId, 3],
      ] as const) {
        const { lookUps, seconds } = await lookUpsOf(async () => {
          for (let attempt = 0; attempt < 40; attempt++)
            expect(await get(wrongSecret(id))).toMatchObject(UNAUTHENTICATED);
        });
        expect(lookUps).toBeGreaterThan(0);
        expect(lookUps).toBeLessThanOrEqual(1 + Math.floor(seconds / everySeconds));
      }
      expect((await get(known.key)).status).toBe(200);
      await asOperator(service, database, (registry) => registry.revoke(known.keyId));
      await expectForgotten(known.key, service);
    });

    it('bounds what ids without end cost, while keys that were proven go on working', async () => {
      const [proven, late] = [await issue('red'), await issue('red')];
      expect((await get(proven.key)).status).toBe(200);
      // The clock stands still, later than what is remembered of the proven key.
      const clock = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 4_000);
      try {
        const guesses = Array.from({ length: 400 }, (_, at) => createApiKey(at % 2 ? 'red' : `no${at}`).key);
        const { lookUps } = await lookUpsOf(async () => {
          const answers = await Promise.all(guesses.map((key) => get(key)));
          expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([401, 429]));
        });
        // Up to three others are under way when the hundredth finds nothing.
        expect(lookUps).toBeGreaterThanOrEqual(100);
        expect(lookUps).toBeLessThanOrEqual(103);
        const looked = await lookUpsOf(async () => {
          expect((await get(proven.key)).status).toBe(200);
        });
        expect(looked.lookUps).toBe(1);
        const refused = await get(late.key);
        expect(refused).toMatchObject({
          status: 429,
          body: { code: 'too_many_unknown_keys', retryAfter: 1 },
        });
        expect(refused.headers.get('retry-after')).toBe('1');
        clock.mockReturnValue(performance.now() + 1_000);
        expect((await get(late.key)).status).toBe(200);
      } finally {
        clock.mockRestore();
      }
    });
  });

  it('forgets a revoked key within 5 seconds', async () => {
    const { key, keyId } = await issue('red');
    expect((await get(key)).status).toBe(200);
    await asOperator(service, database, (registry) => registry.revoke(keyId));
    await expectForgotten(key, service);
  });

  it('lets each scope do what it says, on every route that there is', async () => {
    const { paths } = (await service.send('GET', '/docs-json')).body as {
      paths: Record<string, Record<string, { security?: { credential?: Scope[] }[] }>>;
    };
    const routes = Object.entries(paths)
      .filter(([path]) => path.startsWith('/v1/'))
      .flatMap(([path, methods]) =>
        Object.entries(methods).map(([method, { security }]) => ({
          method: method.toUpperCase(),
          path: path.replaceAll(/\{\w+\}/g, 'x'),
          needed: security?.[0]?.credential?.[0],
        })),
      );
    expect(routes.length).toBeGreaterThan(10);
    const reads = routes
      .filter(({ needed }) => needed === 'read')
      .map(({ method, path }) => `${method} ${path}`);
    expect(reads.filter((route) => !route.startsWith('GET ')).sort()).toEqual([
      'POST /v1/context/compile',
      'POST /v1/memories/search',
    ]);
    const keys = {
      read: await issue('red', ['read']),
      write: await issue('red', ['write']),
      both: await issue('red', ['read', 'write']),
      admin: await issue('red', ['admin']),
    };
    for (const { method, path, needed } of routes)
      for (const [name, { key }] of Object.entries(keys)) {
        const body = method === 'POST' || method === 'PATCH' ? {} : undefined;
        const { status } = await service.send(method, path, body, bearer(key));
        const allowed = name === needed || name === 'both' || name === 'admin';
        expect({ method, path, name, refused: status === 403 }).toEqual({
          method,
          path,
          name,
          refused: !allowed,
        });
        expect([401, 429, 500]).not.toContain(status);
      }
    const refused = await service.send('POST', '/v1/memories', {}, bearer(keys.read.key));
    expect(refused.body).toMatchObject({ code: 'forbidden' });
  });

  it('stores nothing of a secret, and lets the role of requests change no key', async () => {
    const { key, keyId } = await issue('red');
    const secret = key.slice(`triptych_${keyId}_`.length);
    const rows = await asOperator(service, database, (_registry, query) =>
      query(`SELECT k::text AS line FROM shared.api_keys k`),
    );
    const privileges = await asOperator(service, database, (_registry, query) =>
      query(
        `SELECT table_name || ' ' || privilege_type AS line FROM information_schema.role_table_grants
          WHERE grantee = 'triptych_app' AND table_name IN ('tenants', 'api_keys', 'usage') ORDER BY 1`,
      ),
    );
    const lines = (answer: unknown): string[] => (answer as { line: string }[]).map(({ line }) => line);
    expect(JSON.stringify(rows)).toContain(keyId);
    expect(JSON.stringify(rows)).not.toContain(secret.slice(0, 12));
    expect(lines(privileges)).toEqual([
      'api_keys SELECT',
      'tenants SELECT',
      'usage INSERT',
      'usage SELECT',
      'usage UPDATE',
    ]);
  });
});

/** A key with a right checksum: CRC-32 in six base-62 digits, worked out on its own. */
function withChecksum(body: string): string {
  let crc = ~0;
  for (const byte of Buffer.from(body)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
  let sum = '';
  for (let rest = ~crc >>> 0; sum.length < 6; rest = Math.floor(rest / 62))
    sum = digits.charAt(rest % 62) + sum;
  return body + sum;
}

describeOnEachEngine('the log', (createDatabase) => {
  it('holds no key, whether it is good, bad, or cannot be looked up', async () => {
    let log = '';
    const capture = (chunk: unknown): boolean => {
      log += String(chunk);
      return true;
    };
    const spies = [process.stdout, process.stderr].map((stream) =>
      jest.spyOn(stream, 'write').mockImplementation(capture),
    );
    const database = await createDatabase();
    const service = await TestService.start(database, {
      ...API_KEY,
      log: { level: 'trace', format: 'pretty' },
    });
    try {
      const issued = await asOperator(service, database, async (registry) => {
        await registry.create({ tenantId: 'red' });
        return registry.createKey('red');
      });
      const unknown = createApiKey('red');
      const send = ({ key }: { key: string }) => service.send('GET', '/v1/memories', undefined, bearer(key));
      expect((await send(issued)).status).toBe(200);
      expect((await send(unknown)).status).toBe(401);
      await asOperator(service, database, (_registry, query) =>
        query('ALTER TABLE shared.api_keys RENAME TO gone'),
      );
      await sleep(1_100);
      expect((await send(unknown)).status).toBe(500);
      expect(log).toContain('request_failed');
      for (const { key } of [issued, unknown])
        for (const piece of [key.slice(-46, -6), key.slice(-46, -26)]) expect(log).not.toContain(piece);
    } finally {
      for (const spy of spies) spy.mockRestore();
      await service.stop();
      await database.drop();
    }
  });
});

if (process.env['TEST_DATABASE_URL'])
  describe('two services on one database', () => {
    it('both forget a revoked key within 5 seconds', async () => {
      const database = await postgres();
      const services = [
        await TestService.start(database, API_KEY),
        await TestService.start(database, API_KEY),
      ];
      const [one, two] = services as [TestService, TestService];
      const { key, keyId } = await asOperator(one, database, async (registry) => {
        await registry.create({ tenantId: 'red' });
        return registry.createKey('red');
      });
      for (const service of services)
        expect((await service.send('GET', '/v1/memories', undefined, bearer(key))).status).toBe(200);
      await asOperator(one, database, (registry) => registry.revoke(keyId));
      await expectForgotten(key, one, two);
      for (const service of services) await service.stop();
      await database.drop();
    });
  });
