import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';
import packageJson from '../../package.json' with { type: 'json' };
import { TestService } from '../support/service.js';
import { embedded } from '../support/engines.js';
import { builtConsole } from './support/built-console.js';

/** Of what a browser loads before somebody can sign in, compressed by brotli; the promise is 300 kB. */
const FIRST_LOAD = 300_000;

interface Got {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly bytes: Buffer;
}

/** Unlike `fetch`, sends the path as it is and decompresses nothing. */
function get(
  { url }: TestService,
  path: string,
  headers: Readonly<Record<string, string>> = {},
  method = 'GET',
): Promise<Got> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    request({ hostname, port, path, method, headers }, (answer) => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => {
        const { statusCode: status = 0, headers } = answer;
        resolve({ status, headers, bytes: Buffer.concat(chunks) });
      });
    })
      .on('error', reject)
      .end();
  });
}

describe('/console', () => {
  let folder: string;
  let service: TestService;
  let page: string;
  let script: string;

  beforeAll(async () => {
    folder = await builtConsole();
    service = await TestService.start(
      await embedded(),
      { auth: { mode: 'api-key' } },
      { consoleFolder: folder },
    );
    page = readFileSync(join(folder, 'index.html'), 'utf8');
    script = /src="(\/console\/assets\/[^"]+\.js)"/.exec(page)?.[1] ?? '';
  });
  afterAll(() => service.stop());

  it.each([
    '/console',
    '/console/',
    '/console/sign-in',
    '/console/sessions/a.b%2Fc',
    '/console/sessions/x.js',
    '/console/memories/new',
    '/console/index.html',
    '/console/%2e%2e/package.json',
  ])('serves its page at %s, to be asked for again', async (path) => {
    const { status, headers, bytes } = await get(service, path);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      200,
      'text/html; charset=utf-8',
      'no-cache',
    ]);
    expect(bytes.toString()).toBe(page);
  });

  it('is where the address of the service leads', async () => {
    const { status, headers } = await get(service, '/');
    expect([status, headers.location]).toEqual([302, '/console']);
  });

  it('answers that the page has not changed', async () => {
    const { headers } = await get(service, '/console');
    const again = await get(service, '/console', { 'if-none-match': headers.etag ?? '' });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
  });

  it('has nothing inline in its page', () => {
    expect(page).not.toMatch(/<style|style=|<script(?![^>]*\ssrc=)|\son[a-z]+=|data:/i);
    expect(script).toMatch(/^\/console\/assets\/index-[\w-]{8}\.js$/);
  });

  it.each([
    ['br', brotliDecompressSync],
    ['gzip', gunzipSync],
    ['identity', (bytes: Buffer) => bytes],
  ] as const)('serves an asset as %s, for ever', async (encoding, decompress) => {
    const { status, headers, bytes } = await get(service, script, { 'accept-encoding': encoding });
    expect([status, headers['content-type'], headers['content-encoding'] ?? 'identity']).toEqual([
      200,
      'application/javascript; charset=utf-8',
      encoding,
    ]);
    expect(headers['cache-control']).toBe('public, max-age=31536000, immutable');
    expect(headers['vary']?.toLowerCase()).toContain('accept-encoding');
    expect(decompress(bytes).equals(readFileSync(join(folder, script.replace('/console/', ''))))).toBe(true);
  });

  it('answers HEAD with what GET would say', async () => {
    for (const path of ['/console', script]) {
      const [head, whole] = [await get(service, path, {}, 'HEAD'), await get(service, path)];
      expect([head.status, head.bytes.length]).toEqual([200, 0]);
      for (const name of ['content-type', 'cache-control', 'etag', 'content-security-policy'])
        expect([name, head.headers[name]]).toEqual([name, whole.headers[name]]);
    }
  });

  it('tells who may ask before a sign-in the mode and the version, and nothing else', async () => {
    const { status, headers, bytes } = await get(service, '/console/config.json');
    expect([status, headers['cache-control']]).toEqual([200, 'no-store']);
    expect(JSON.parse(bytes.toString())).toEqual({ authMode: 'api-key', version: packageJson.version });
  });

  it.each(['/console', '/console/config.json', '/console/assets/none.js', '/console/sessions'])(
    'lets the page at %s do as little as it needs',
    async (path) => {
      const { headers } = await get(service, path);
      expect(headers).toMatchObject({
        'content-security-policy':
          "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
          "font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
        'referrer-policy': 'no-referrer',
        'cross-origin-opener-policy': 'same-origin',
        'cross-origin-resource-policy': 'same-origin',
      });
    },
  );

  it.each([
    '/console/assets/none.js',
    '/console/assets/',
    '/console/none.png',
    '/console/assets/../../../package.json',
    '/console/assets/..%2f..%2f..%2fpackage.json',
    '/console/.env',
  ])('has no file %s', async (path) => {
    const { status, headers, bytes } = await get(service, path);
    expect([status, headers['content-type']]).toEqual([404, 'application/problem+json; charset=utf-8']);
    expect(JSON.parse(bytes.toString())).toMatchObject({ code: 'route_not_found' });
  });

  it('takes no more than it may to load', () => {
    const first = Array.from(page.matchAll(/(?:src|href)="\/console\/([^"]+)"/g), ([, path = '']) => path);
    expect(first.length).toBeGreaterThan(1);
    const size = (path: string): number => {
      const files = readdirSync(join(folder, path, '..'));
      const compressed = files.includes(`${path.split('/').pop() ?? ''}.br`);
      return statSync(join(folder, compressed ? `${path}.br` : path)).size;
    };
    expect(first.map(size).reduce((sum, bytes) => sum + bytes, 0)).toBeLessThan(FIRST_LOAD);
  });
});

describe('a service without the console', () => {
  it('has none when it is switched off', async () => {
    const service = await TestService.start(
      await embedded(),
      { console: { enabled: false } },
      { consoleFolder: await builtConsole() },
    );
    for (const path of ['/', '/console', '/console/', '/console/config.json'])
      expect((await get(service, path)).status).toBe(404);
    await service.stop();
  });

  it('starts though it is not built, and says what to do', async () => {
    const service = await TestService.start(
      await embedded(),
      {},
      { consoleFolder: join(tmpdir(), 'not-built') },
    );
    const { status, bytes } = await get(service, '/console');
    expect(status).toBe(404);
    expect(JSON.parse(bytes.toString())).toMatchObject({
      detail: expect.stringContaining('npm run build:console'),
    });
    expect((await service.as('acme').get('/v1/sessions')).status).toBe(200);
    await service.stop();
  });
});
