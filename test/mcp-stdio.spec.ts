// Over 200 lines: the two ways of `triptych mcp`, each with what can go wrong.
import { type Client, type Transport } from '@modelcontextprotocol/client';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { loadOptions } from '../src/config/load-options.js';
import { withOwner } from '../src/database/owner-database.js';
import { StartupError } from '../src/errors.js';
import { LineTransport } from '../src/mcp/line-transport.js';
import { serveMcpStdio } from '../src/mcp/mcp-stdio.js';
import { TenantRegistry, type IssuedApiKey } from '../src/tenancy/tenant-registry.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { callTool, ERAS, newMcpClient, textOf, tryTool, type Era } from './support/mcp-client.js';
import { TestService } from './support/service.js';
import { triptych, type Outcome } from './support/triptych.js';

const CLI = resolve('dist/src/cli/triptych.js');
const MAX_BYTES = 104_857_600;
const said = (content: string): object => ({ role: 'user', content });
const request = (id: number, method: string, params?: object): object => ({
  jsonrpc: '2.0',
  id,
  method,
  params,
});
const INITIALIZE = request(1, 'initialize', {
  protocolVersion: '2025-06-18',
  capabilities: {},
  clientInfo: { name: 'test', version: '1' },
});

/** `triptych mcp` in this process, with streams of its own. */
class Connection {
  readonly client: Client;
  readonly over: Promise<void>;
  readonly #toServer = new PassThrough();
  readonly #fromServer = new PassThrough();

  private constructor(environment: Record<string, string>, era: Era) {
    this.client = newMcpClient(era);
    this.over = serveMcpStdio(environment, { input: this.#toServer, output: this.#fromServer });
  }

  static async open(environment: Record<string, string>, era: Era = 'legacy'): Promise<Connection> {
    const connection = new Connection({ LOG_LEVEL: 'silent', ...environment }, era);
    const transport: Transport = new LineTransport(connection.#fromServer, connection.#toServer, MAX_BYTES);
    try {
      await Promise.race([connection.client.connect(transport), connection.over]);
    } catch (error) {
      await connection.client.close();
      throw error;
    }
    return connection;
  }

  async close(): Promise<void> {
    this.#toServer.end();
    await this.over;
    await this.client.close();
  }
}

/** The built command as a process of its own, spoken to line by line. */
class Command {
  readonly exit: Promise<{ code: number | null; stdout: string; stderr: string }>;
  readonly child: ChildProcessWithoutNullStreams;
  #stdout = '';
  #stderr = '';

  constructor(environment: Record<string, string>) {
    this.child = spawn(process.execPath, [CLI, 'mcp'], {
      cwd: tmpdir(),
      env: { PATH: process.env['PATH'] ?? '', ...environment },
    });
    this.child.stdout.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    this.child.stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.exit = new Promise((done) =>
      this.child.once('close', (code) => {
        done({ code, stdout: this.#stdout, stderr: this.#stderr });
      }),
    );
  }

  send(...lines: (object | string)[]): void {
    for (const line of lines)
      this.child.stdin.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  }
}

const answersOf = (stdout: string): { id: unknown; error?: { code: number }; result?: object }[] =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as never);

const connections: Connection[] = [];
const opened = async (environment: Record<string, string>, era?: Era): Promise<Connection> => {
  const connection = await Connection.open(environment, era);
  connections.push(connection);
  return connection;
};
afterEach(async () => {
  await Promise.all(connections.splice(0).map((connection) => connection.close()));
});

describeOnEachEngine('triptych mcp in process', (createDatabase) => {
  let database: TestDatabase;
  let folder: string;
  let reader: IssuedApiKey;
  let environment: Record<string, string>;
  const registry = <T>(work: (registry: TenantRegistry) => Promise<T>): Promise<T> =>
    withOwner(loadOptions(environment), (owner) => work(new TenantRegistry(owner)));

  beforeAll(async () => {
    database = await createDatabase();
    folder = mkdtempSync(join(tmpdir(), 'triptych-mcp-'));
    environment = database.settings.url ? { DATABASE_URL: database.settings.url } : { DATA_DIR: folder };
    reader = await registry(async (tenants) => {
      await tenants.create({ tenantId: 'red' });
      return tenants.createKey('red', { scopes: ['read'] });
    });
  });
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    await database.drop();
  });

  it('serves the tenant that is named in development mode', async () => {
    const { client } = await opened({ ...environment, TRIPTYCH_TENANT: 'dev' });
    await callTool(client, 'remember', { agentId: 'a', content: 'Ada prefers window seats.' });
    const found = await callTool(client, 'recall', { query: 'seats' });
    expect(found).toMatchObject({ results: [{ memory: { content: 'Ada prefers window seats.' } }] });
    await callTool(client, 'append_messages', { threadId: 't', messages: [said('Hello.')] });
    const { contents } = await client.readResource({ uri: 'triptych://sessions/t' });
    expect(contents).toMatchObject([{ text: expect.stringContaining('Hello.') }]);
    expect(await tryTool(client, 'remember', {})).toMatchObject({ isError: true });
  });

  it('serves the tenant of a key, keeps to its scopes, and lets nobody in by a revoked one', async () => {
    const mode = { ...environment, AUTH_MODE: 'api-key', TRIPTYCH_API_KEY: reader.key };
    const { client } = await opened(mode);
    await callTool(client, 'recall', { query: 'seats' });
    const refused = await tryTool(client, 'remember', { agentId: 'a', content: 'c' });
    expect(textOf(refused)).toMatch(/^forbidden: /);
    await connections.pop()?.close();
    await registry((tenants) => tenants.revoke(reader.keyId));
    await expect(opened(mode)).rejects.toThrow(/^You are not let in: .*TRIPTYCH_API_KEY/);
  });

  it('ends with a status that says why', async () => {
    const ended = async (variables: object): Promise<Outcome> =>
      triptych({ LOG_LEVEL: 'silent', ...environment, ...variables }, ['mcp']);
    const refused = await ended({ AUTH_MODE: 'api-key', TRIPTYCH_API_KEY: 'triptych_red.AAAAAAAAAAAA_none' });
    expect(refused).toMatchObject({ status: 4, stdout: '' });
    expect(refused.stderr).toMatch(/^You are not let in: .*Check TRIPTYCH_API_KEY\.\n$/);
    const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
    const unknown = await ended({
      ...{ AUTH_MODE: 'jwt', JWT_ISSUER: 'https://id.example', JWT_AUDIENCE: 'a' },
      JWT_JWKS_URL: 'http://127.0.0.1:1/keys',
      TRIPTYCH_API_KEY: `${part({ alg: 'RS256' })}.${part({})}.c2lnbg`,
    });
    expect(unknown).toMatchObject({ status: 5, stdout: '' });
    expect(unknown.stderr).not.toContain('You are not let in');
  });

  it.each([
    [{}, /set TRIPTYCH_TENANT.*no default tenant/],
    [{ TRIPTYCH_API_KEY: 'some' }, /AUTH_MODE is dev.*unset TRIPTYCH_API_KEY/],
    [{ TRIPTYCH_TENANT: 'acme', NODE_ENV: 'production' }, /NODE_ENV is production/],
    [{ AUTH_MODE: 'api-key' }, /set TRIPTYCH_API_KEY to an API key in force/],
    [{ AUTH_MODE: 'api-key', TRIPTYCH_TENANT: 'red' }, /set TRIPTYCH_API_KEY to an API key in force/],
    [{ TRIPTYCH_TENANT: 'acme', TRIPTYCH_URL: 'ftp://nowhere' }, /TRIPTYCH_URL: must be/],
  ])('lets nobody in with %j', async (variables, reason) => {
    const opening = opened({ ...environment, ...(variables as Record<string, string>) });
    await expect(opening).rejects.toThrow(StartupError);
    await expect(opening).rejects.toThrow(reason);
  });
});

describeOnEachEngine('triptych mcp in front of a service', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  const to = (variables: object): Record<string, string> => ({
    TRIPTYCH_URL: `${service.url}/`,
    ...variables,
  });

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it.each(ERAS)('hands everything on, and answers as the service does (%s)', async (era) => {
    const tenant = `bridged-${era}`;
    const { client } = await opened(to({ TRIPTYCH_TENANT: tenant }), era);
    expect((await client.listTools()).tools).toHaveLength(7);
    const threadId = 'Größe/„eins“';
    const messages = [said('Größe: 10 µm \u2028 “end”')];
    await callTool(client, 'append_messages', { threadId, messages });
    const path = `/v1/sessions/${encodeURIComponent(threadId)}/messages`;
    expect((await service.as(tenant).get(path)).body).toMatchObject({ messages });
    const [resource] = (await client.listResources()).resources;
    const { contents } = await client.readResource({ uri: resource?.uri ?? '' });
    expect(contents).toMatchObject([{ text: expect.stringContaining('10 µm') }]);
    expect(await tryTool(client, 'remember', {})).toMatchObject({ isError: true });
    await expect(tryTool(client, 'größe', {})).rejects.toMatchObject({ code: -32_602 });
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const memory = await callTool(client, 'remember', { agentId: 'a', content: `Fact ${index}.` });
        expect(memory).toMatchObject({ content: `Fact ${index}.`, tenantId: tenant });
      }),
    );
    const large = await tryTool(client, 'remember', { agentId: 'a', content: 'x'.repeat(1_100_000) }).catch(
      (error: unknown) => error,
    );
    expect(large).toMatchObject({ code: -32_000, data: { code: 'body_too_large' } });
  });

  it('says what to do when the service lets nobody in, is another one, or has no MCP', async () => {
    await expect(opened(to({}))).rejects.toThrow(
      /does not let you in: .*Set TRIPTYCH_API_KEY.*TRIPTYCH_TENANT/,
    );
    await expect(opened({ TRIPTYCH_URL: `${service.url}/elsewhere`, TRIPTYCH_TENANT: 'a' })).rejects.toThrow(
      /elsewhere\/mcp is not there.*MCP=true/,
    );
    const other = createServer((_, answer) => answer.writeHead(302, { location: service.url }).end('<html>'));
    await new Promise<void>((done) => other.listen(0, '127.0.0.1', done));
    const { port } = other.address() as AddressInfo;
    await expect(opened({ TRIPTYCH_URL: `http://127.0.0.1:${port}` })).rejects.toThrow(/answered 302/);
    await new Promise((done) => other.close(done));
  });

  it('ends with a status that says why', async () => {
    const ended = (variables: Record<string, string>): Promise<Outcome> => triptych(variables, ['mcp']);
    expect(await ended(to({}))).toMatchObject({ status: 4 });
    const keyed = await ended(to({ TRIPTYCH_API_KEY: 'triptych_red.x_y' }));
    expect(keyed).toMatchObject({ status: 4, stdout: '' });
    expect(keyed.stderr).toMatch(/does not let you in: .*unset it and set TRIPTYCH_TENANT\.\n$/);
    expect(await ended({ TRIPTYCH_URL: `${service.url}/elsewhere` })).toMatchObject({ status: 5 });
    let status: number | undefined = 503;
    const ailing = createServer((_, answer) => {
      if (status !== undefined) answer.writeHead(status).end('{"detail":"It is stopping."}');
    });
    await new Promise<void>((done) => ailing.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(ailing.address() as AddressInfo).port}`;
    expect(await ended({ TRIPTYCH_URL: url })).toEqual({
      status: 5,
      stdout: '',
      stderr: `${url}/mcp answered 503: It is stopping.\n`,
    });
    status = undefined;
    expect(await ended({ TRIPTYCH_URL: url })).toMatchObject({
      status: 5,
      stderr: expect.stringContaining('cannot be reached (no answer within 10 s)') as unknown,
    });
    ailing.closeAllConnections();
    await new Promise((done) => ailing.close(done));
  });

  it('goes on when the service goes away, says so, and is served again by the next', async () => {
    const url = new URL(service.url);
    const { client } = await opened(to({ TRIPTYCH_TENANT: 'away' }));
    await callTool(client, 'list_sessions', {});
    await service.stop();
    await expect(callTool(client, 'list_sessions', {})).rejects.toMatchObject({
      code: -32_000,
      message: expect.stringMatching(/cannot be reached \(\w+\)\. Start it, or correct TRIPTYCH_URL\./),
      data: { code: 'service_unreachable' },
    });
    service = await TestService.start(database);
    const next = createServer((ask, answer) => {
      // Where the service was, in front of the one that took its place.
      const chunks: Buffer[] = [];
      ask.on('data', (chunk: Buffer) => chunks.push(chunk));
      ask.on('end', () => {
        const headers = {
          'content-type': 'application/json',
          'x-tenant-id': 'away',
          accept: ask.headers.accept ?? '',
        };
        void fetch(`${service.url}/mcp`, { method: 'POST', headers, body: Buffer.concat(chunks) })
          .then((got) => got.text())
          .then((text) => answer.writeHead(200, { 'content-type': 'application/json' }).end(text));
      });
    });
    await new Promise<void>((done) => next.listen(Number(url.port), '127.0.0.1', done));
    expect(await callTool(client, 'list_sessions', {})).toMatchObject({ sessions: [] });
    next.closeAllConnections();
    await new Promise((done) => next.close(done));
  });
});

describe('triptych mcp as a process', () => {
  let folder: string;
  let environment: Record<string, string>;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-mcp-'));
    environment = { DATA_DIR: folder, TRIPTYCH_TENANT: 'acme', LOG_LEVEL: 'trace' };
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('answers what is piped into it, protocol alone on standard output, and ends with it', async () => {
    const command = new Command(environment);
    const call = { name: 'remember', arguments: { agentId: 'a', content: 'A piped fact.' } };
    command.send(INITIALIZE, { jsonrpc: '2.0', method: 'notifications/initialized' }, '');
    command.send('{"jsonrpc":', '[]', '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}', '{"id":3}');
    command.send(request(4, 'tools/call', call), 'x'.repeat(1_100_000), request(5, 'tools/list'));
    command.child.stdin.end(JSON.stringify(request(6, 'ping')));
    const { code, stdout, stderr } = await command.exit;
    const answers = answersOf(stdout);
    expect(code).toBe(0);
    expect(
      answers
        .filter(({ result }) => result)
        .map(({ id }) => id)
        .sort(),
    ).toEqual([1, 4, 5, 6]);
    const errors = answers.flatMap(({ id, error }) => (error ? [[id, error.code]] : []));
    expect(errors).toEqual([
      [null, -32_700],
      [null, -32_600],
      [9007199254740992, -32_600],
      [3, -32_600],
      [null, -32_000],
    ]);
    expect(stderr).toContain('"service":"triptych"');
    expect(stderr).not.toContain('piped fact');
  });

  it('holds its folder against a second one, which names the remedy, and ends on a signal', async () => {
    const first = new Command({ ...environment, LOG_FORMAT: 'pretty' });
    const client = newMcpClient('auto');
    await client.connect(new LineTransport(first.child.stdout, first.child.stdin, MAX_BYTES));
    const found = await callTool(client, 'recall', { query: 'piped' });
    expect(found).toMatchObject({ results: [{ memory: { content: 'A piped fact.' } }] });
    const second = await new Command(environment).exit;
    expect(second).toMatchObject({ code: 1, stdout: '' });
    expect(second.stderr).toMatch(
      /is in use by process \d+\..*set TRIPTYCH_URL, such as http:\/\/127\.0\.0\.1:3000/,
    );
    first.child.kill('SIGTERM');
    const { code, stdout } = await first.exit;
    expect(code).toBe(0);
    expect(answersOf(stdout).length).toBeGreaterThan(1);
    await client.close();
  });

  it('says that there is no service, and does not begin', async () => {
    const nobody = createServer();
    await new Promise<void>((done) => nobody.listen(0, '127.0.0.1', done));
    const { port } = nobody.address() as AddressInfo;
    await new Promise((done) => nobody.close(done));
    const { code, stdout, stderr } = await new Command({ TRIPTYCH_URL: `http://127.0.0.1:${port}` }).exit;
    expect([code, stdout]).toEqual([5, '']);
    expect(stderr).toBe(
      `The service at http://127.0.0.1:${port}/mcp cannot be reached (ECONNREFUSED). Start it, or correct TRIPTYCH_URL.\n`,
    );
  });
});
