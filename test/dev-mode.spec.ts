import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { request } from 'node:http';
import { connect } from 'node:net';
import { loadOptions } from '../src/config/load-options.js';
import { createApp } from '../src/create-app.js';
import { StartupError } from '../src/errors.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

interface Sent {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: string;
}

describeOnEachEngine('AUTH_MODE=dev', (createDatabase) => {
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

  /** Unlike `fetch`, sends Host, Origin and no Content-Type as it is told. */
  function send({
    method = 'GET',
    path = '/v1/memories',
    headers = {},
    body,
  }: Sent): Promise<[number, string]> {
    const { hostname, port } = new URL(service.url);
    const all = { host: `127.0.0.1:${port}`, 'x-tenant-id': 'acme', ...headers };
    return new Promise((resolve, reject) => {
      request({ hostname, port, method, path, headers: all }, (answer) => {
        let text = '';
        answer.on('data', (chunk) => (text += String(chunk)));
        answer.on('end', () => {
          const { code = '' } = text.startsWith('{') ? (JSON.parse(text) as { code?: string }) : {};
          resolve([answer.statusCode ?? 0, code]);
        });
      })
        .on('error', reject)
        .end(body);
    });
  }

  it.each(['127.0.0.1', '127.0.0.1:80', 'localhost', 'LOCALHOST:3000', '[::1]', '[::1]:3000'])(
    'answers to the host %s',
    async (host) => {
      expect((await send({ headers: { host } }))[0]).toBe(200);
    },
  );

  it.each([
    'evil.example',
    'localhost.evil.example',
    'evil.example:3000',
    '127.0.0.1.evil.example',
    'evil@localhost',
    'localhost:x',
    '192.168.0.1',
    '0.0.0.0',
  ])('refuses the host %p on every path', async (host) => {
    for (const path of ['/v1/memories', '/health/live', '/metrics', '/docs-json', '/nothing'])
      expect(await send({ path, headers: { host } })).toEqual([403, 'forbidden']);
  });

  it.each(['', 'Host:\r\n'])('refuses a request with %p for a host', async (line) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.end(`GET /v1/memories HTTP/1.0\r\n${line}X-Tenant-Id: acme\r\n\r\n`);
    expect(Buffer.concat(await socket.toArray()).toString()).toMatch(/^HTTP\/1\.1 403 /);
  });

  it.each(['http://127.0.0.1:3000', 'http://localhost', 'https://localhost:5173', 'http://[::1]:3000'])(
    'answers a page of %s',
    async (origin) => {
      expect((await send({ headers: { origin } }))[0]).toBe(200);
    },
  );

  it.each([
    'https://evil.example',
    'null',
    'http://localhost.evil.example',
    'http://127.0.0.1@evil.example',
    'file://',
  ])('refuses a page of %s', async (origin) => {
    expect(await send({ headers: { origin } })).toEqual([403, 'forbidden']);
    expect(await send({ method: 'OPTIONS', headers: { origin } })).toEqual([403, 'forbidden']);
  });

  it.each([
    'text/plain',
    'text/plain;charset=utf-8',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'application/jsonx',
    '',
    undefined,
  ])('refuses a body of the type %p, though it be JSON', async (type) => {
    const body = '{"agentId":"a","content":"c"}';
    const headers = {
      'content-length': String(body.length),
      ...(type !== undefined && { 'content-type': type }),
    };
    expect(await send({ method: 'POST', headers, body })).toEqual([415, 'unsupported_media_type']);
  });

  it('takes JSON, with parameters and without', async () => {
    for (const type of ['application/json', 'application/json; charset=utf-8'])
      expect(
        await send({
          method: 'POST',
          headers: { 'content-type': type },
          body: '{"agentId":"a","content":"c"}',
        }),
      ).toEqual([201, '']);
  });
});

describe('the settings', () => {
  it('refuse development mode in production, and leave the other modes alone', async () => {
    const environment = { NODE_ENV: 'production', DATA_DIR: 'memory://' };
    const dev = createApp(loadOptions(environment));
    await expect(dev).rejects.toThrow(StartupError);
    await expect(dev).rejects.toThrow(/NODE_ENV.*AUTH_MODE=api-key/s);
    const app = await createApp(loadOptions({ ...environment, AUTH_MODE: 'api-key', LOG_LEVEL: 'silent' }));
    await app.close();
  });

  it('refuse another listener in development mode only', () => {
    for (const HOST of ['0.0.0.0', '::', '192.168.0.1', 'example.org', '127.0.0.1.evil.example']) {
      expect(() => loadOptions({ HOST })).toThrow(/HOST: .*loopback/);
      expect(loadOptions({ HOST, AUTH_MODE: 'api-key' }).http.host).toBe(HOST);
    }
  });
});
