import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { SignJWT, UnsecuredJWT, type JWTPayload } from 'jose';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { IdentityProvider, inSeconds } from './support/identity-provider.js';
import { TestService, type Answer } from './support/service.js';

/** Longer than a provider that failed is left alone, and shorter than its `Retry-After`. */
const AGAIN_AFTER_MS = 3_100;
const UNAUTHENTICATED = { status: 401, body: { code: 'unauthenticated' } };

describeOnEachEngine('AUTH_MODE=jwt', (createDatabase) => {
  let database: TestDatabase;
  let provider: IdentityProvider;
  let service: TestService;
  const get = (token: string, more: Record<string, string> = {}): Promise<Answer> =>
    service.send('GET', '/v1/memories', undefined, { authorization: `Bearer ${token}`, ...more });
  const post = (token: string): Promise<Answer> =>
    service.send(
      'POST',
      '/v1/memories',
      { agentId: 'a', content: 'c' },
      { authorization: `Bearer ${token}` },
    );

  beforeAll(async () => {
    database = await createDatabase();
    provider = await IdentityProvider.start();
    await provider.addSecretly('stranger', 'RS256');
    service = await TestService.start(database, provider.settings);
  });
  afterAll(async () => {
    await service.stop();
    await provider.close();
    await database.drop();
  });

  it.each(['RS256', 'ES256', 'EdDSA'])('serves the tenant of a token signed by %s', async (algorithm) => {
    const stored = await post(await provider.sign({}, { algorithm }));
    expect(stored).toMatchObject({ status: 201, body: { tenantId: 'red' } });
    const other = await get(await provider.sign({ tenant_id: 'blue' }, { algorithm }), {
      'x-tenant-id': 'red',
    });
    expect(other.body).toEqual({ memories: [], nextCursor: null });
  });

  it('accepts an audience among others, and a clock that is a little off', async () => {
    for (const claims of [{ aud: ['x', 'triptych'] }, { exp: inSeconds(-2) }, { nbf: inSeconds(2) }])
      expect((await get(await provider.sign(claims))).status).toBe(200);
  });

  describe('refuses with the same words', () => {
    const claims: [string, JWTPayload][] = [
      ['an expired token', { exp: inSeconds(-60) }],
      ['one without expiry', { exp: undefined }],
      ['one of tomorrow', { nbf: inSeconds(3_600) }],
      ['another issuer', { iss: 'https://elsewhere.example' }],
      ['no issuer', { iss: undefined }],
      ['another audience', { aud: 'other' }],
      ['no audience', { aud: undefined }],
      ['no subject', { sub: undefined }],
      ['a subject that is no text', { sub: 7 as never }],
      ['a subject with a control character', { sub: 'a\nb' }],
      ['no tenant', { tenant_id: undefined }],
      ['an empty tenant', { tenant_id: '' }],
      ...[null, 7, true, ['red'], { id: 'red' }, 'a b', '../red', 'x'.repeat(129), "red'--"].map(
        (tenant): [string, JWTPayload] => [
          `the tenant ${JSON.stringify(tenant).slice(0, 20)}`,
          { tenant_id: tenant },
        ],
      ),
    ];
    it.each(claims)('%s', async (_what, wrong) => {
      await expectRefused(await provider.sign(wrong));
    });

    it('a signature of a stranger, under a name of ours or of theirs', async () => {
      await expectRefused(await provider.sign({}, { key: 'stranger', kid: 'RS256' }));
      await expectRefused(await provider.sign({}, { key: 'stranger' }));
    });

    it('a token that was changed after it was signed', async () => {
      const [header = '', , signature = ''] = (await provider.sign()).split('.');
      const [, payload = ''] = (await provider.sign({ tenant_id: 'blue' })).split('.');
      await expectRefused(`${header}.${payload}.${signature}`);
      await expectRefused(`${header}.${payload}.`);
      await expectRefused(`${header}.${payload}`);
    });

    it('a token without a signature (alg none)', async () => {
      const claims = { iss: provider.url, aud: 'triptych', sub: 'u', tenant_id: 'red', exp: inSeconds(60) };
      await expectRefused(new UnsecuredJWT(claims).encode());
    });

    it('a public key taken for a shared secret (HS256)', async () => {
      const claims = { iss: provider.url, aud: 'triptych', sub: 'u', tenant_id: 'red', exp: inSeconds(60) };
      const secret = Buffer.from(JSON.stringify(await provider.publicKey('RS256')));
      await expectRefused(
        await new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: 'RS256' }).sign(secret),
      );
    });

    it('a signature by an algorithm that is not allowed', async () => {
      await expectRefused(await provider.sign({}, { algorithm: 'RS512', key: 'RS256' }).catch(() => 'a.b.c'));
      for (const token of ['', '.', '..', 'a.b.c', 'a.b.c.d.e', 'triptych_red.x_y'])
        await expectRefused(token);
    });

    async function expectRefused(token: string): Promise<void> {
      const answer = await get(token);
      expect(answer).toMatchObject(UNAUTHENTICATED);
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
      expect(answer.text).toBe((await service.send('GET', '/v1/memories')).text);
    }
  });

  it('takes the scopes that a token names, and lets one that names none read and write', async () => {
    const allowed = async (claims: JWTPayload): Promise<number[]> => {
      const token = await provider.sign(claims);
      return [(await get(token)).status, (await post(token)).status];
    };
    expect(await allowed({})).toEqual([200, 201]);
    expect(await allowed({ scope: 'openid read' })).toEqual([200, 403]);
    expect(await allowed({ scp: ['write'] })).toEqual([403, 201]);
    expect(await allowed({ scp: 'read write' })).toEqual([200, 201]);
    expect(await allowed({ scope: 'admin' })).toEqual([200, 201]);
    for (const scope of ['', 'openid profile', 'readwrite', 7, null, { read: true }])
      expect(await allowed({ scope })).toEqual([403, 403]);
  });

  it('fetches the keys once, and not again for each unknown one', async () => {
    const before = provider.fetches;
    for (let attempt = 0; attempt < 20; attempt++)
      await get(await provider.sign({}, { key: 'stranger', kid: `made-up-${attempt}` }));
    expect(provider.fetches - before).toBeLessThanOrEqual(1);
  });
});

describeOnEachEngine('the settings of AUTH_MODE=jwt', (createDatabase) => {
  it('name the claim of the tenant and the algorithms', async () => {
    const [database, provider] = [await createDatabase(), await IdentityProvider.start()];
    const service = await TestService.start(database, {
      ...provider.settings,
      jwt: {
        ...provider.settings.jwt,
        tenantClaim: 'https://triptych.example/tenant',
        algorithms: ['ES256'],
      },
    });
    const send = (token: string): Promise<Answer> =>
      service.send('GET', '/v1/memories', undefined, { authorization: `Bearer ${token}` });
    const claims = { 'https://triptych.example/tenant': 'red' };
    expect((await send(await provider.sign(claims, { algorithm: 'ES256' }))).status).toBe(200);
    expect(await send(await provider.sign(claims))).toMatchObject(UNAUTHENTICATED);
    expect(await send(await provider.sign({}, { algorithm: 'ES256' }))).toMatchObject(UNAUTHENTICATED);
    await service.stop();
    await provider.close();
    await database.drop();
  });

  it('let nobody in while the keys cannot be read, and say so', async () => {
    const [database, provider] = [await createDatabase(), await IdentityProvider.start()];
    const service = await TestService.start(database, provider.settings);
    const headers = { authorization: `Bearer ${await provider.sign()}` };
    const send = (): Promise<Answer> => service.send('GET', '/v1/memories', undefined, headers);
    provider.isDown = true;
    const refused = await send();
    expect(refused).toMatchObject({ status: 503, body: { code: 'identity_provider_unavailable' } });
    expect(refused.headers.get('retry-after')).toBe('5');
    expect(refused.text).not.toContain(provider.url);
    provider.isDown = false;
    await sleep(AGAIN_AFTER_MS);
    expect((await send()).status).toBe(200);
    provider.isDown = true;
    expect((await send()).status).toBe(200);
    await service.stop();
    await provider.close();
    await database.drop();
  });

  it('do not ask a provider that is down for every token', async () => {
    const [database, provider] = [await createDatabase(), await IdentityProvider.start()];
    const service = await TestService.start(database, provider.settings);
    const headers = { authorization: `Bearer ${await provider.sign()}` };
    const send = (): Promise<Answer> => service.send('GET', '/v1/memories', undefined, headers);
    provider.isDown = true;
    const start = performance.now();
    for (let round = 0; round < 10; round++)
      for (const { status } of await Promise.all([send(), send(), send()])) expect(status).toBe(503);
    const attempts = 1 + Math.floor((performance.now() - start) / 3_000);
    expect(provider.fetches).toBeGreaterThan(0);
    expect(provider.fetches).toBeLessThanOrEqual(attempts);
    await service.stop();
    await provider.close();
    await database.drop();
  });
});
