// Over 200 lines: every way in which the service is told to stop, on both engines.
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { postgres } from './support/engines.js';
import { seededRandom } from './support/seeded-random.js';
import { ServiceProcess, type ProcessAnswer } from './support/service-process.js';

const TENANT = 'acme';
const READY = '/health/ready';
const messagesOf = (thread: string): string => `/v1/sessions/${thread}/messages`;
const user = (content: string): object => ({ messages: [{ role: 'user', content }] });
const MCP = { accept: 'application/json, text/event-stream' };
const appendByMcp = (threadId: string, content: string): object => ({
  ...{ jsonrpc: '2.0', id: content, method: 'tools/call' },
  params: { name: 'append_messages', arguments: { threadId, ...user(content) } },
});

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const step of cleanUp.splice(0).reverse()) await step();
});

/** A database that outlives services, as the settings of one. */
async function lastingDatabase(
  engine: 'embedded' | 'postgres',
): Promise<{ environment: Record<string, string>; drop: () => Promise<void> | void }> {
  if (engine === 'embedded') {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-stop-'));
    return {
      environment: { DATA_DIR: join(folder, 'data') },
      drop: () => {
        rmSync(folder, { recursive: true, force: true });
      },
    };
  }
  const database = await postgres();
  return {
    environment: { DATABASE_URL: database.settings.url ?? '', DATABASE_POOL_SIZE: '4' },
    drop: () => database.drop(),
  };
}

async function start(environment: Record<string, string>): Promise<ServiceProcess> {
  const service = await ServiceProcess.start(environment);
  cleanUp.push(() => service.kill());
  return service;
}

/** The first two end when they are told to; the last one goes on until nobody lets it in. */
const CLIENTS = ['keeps its connection', 'comes by the load balancer', 'looks at nothing'] as const;
type Client = (typeof CLIENTS)[number];

/** What became of the requests of clients. */
class Load {
  readonly acknowledged = new Map<string, string[]>();
  readonly failures: { code: string | undefined; afterSignal: boolean; kind: Client }[] = [];
  /** Answers that were no success. */
  readonly refused: ProcessAnswer[] = [];
  signalled = false;
  isOut = false;
  #counter = 0;

  constructor(private readonly service: ServiceProcess) {}

  get count(): number {
    return [...this.acknowledged.values()].reduce((sum, { length }) => sum + length, 0);
  }

  /** A load balancer: it looks whether the service is ready, and soon sends it nothing new when it is not. */
  async watch(): Promise<void> {
    while (!this.isOut) {
      const { status } = await this.service.send(TENANT, 'GET', READY);
      this.isOut = status !== 200;
      await sleep(20);
    }
  }

  /** One client with one thread; three of four of its requests are appends, one of them by MCP. */
  async run(thread: string, kind: Client): Promise<void> {
    const contents: string[] = [];
    this.acknowledged.set(thread, contents);
    const keepAlive = kind === 'keeps its connection';
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    for (let turn = 0; this.service.isRunning; turn += 1) {
      if (kind === 'comes by the load balancer' && this.isOut) break;
      const afterSignal = this.signalled;
      const content = `message ${(this.#counter += 1)}`;
      try {
        const answer =
          turn % 4 === 3
            ? await this.service.send(TENANT, 'GET', messagesOf(thread), undefined, agent)
            : turn % 4 === 1
              ? await this.service.send(TENANT, 'POST', '/mcp', appendByMcp(thread, content), agent, MCP)
              : await this.service.send(TENANT, 'POST', messagesOf(thread), user(content), agent);
        const result = resultOf(answer.body);
        if (answer.status === 201 || (result && !result.isError)) contents.push(content);
        else if (answer.status !== 200 || result) this.refused.push(answer);
        if (keepAlive && answer.headers.connection === 'close') break;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        this.failures.push({ code, afterSignal, kind });
        if (code === 'ECONNREFUSED') break;
      }
    }
    agent.destroy();
  }
}

/** Of a tool; undefined of any other answer, such as one without a body. */
function resultOf(body: { result?: { isError?: boolean } } | undefined): { isError?: boolean } | undefined {
  return body?.result;
}

/** What the log says of requests that the service could not answer. */
function requestsCut(said: string): Record<string, unknown>[] {
  return said
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes('"event":"request"'))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map(({ method, route, status, code }) => ({ method, route, status, code }));
}

describe.each(['embedded', ...(process.env['TEST_DATABASE_URL'] ? ['postgres'] : [])] as (
  'embedded' | 'postgres'
)[])('SIGTERM · %s', (engine) => {
  // One for all: the first start on an empty folder is slow.
  let environment: Record<string, string>;
  let drop: () => Promise<void> | void;
  beforeAll(async () => {
    ({ environment, drop } = await lastingDatabase(engine));
  });
  afterAll(() => drop());

  it('under load, three times: no request is reset, and what was acknowledged is there', async () => {
    const random = seededRandom(20_261_122);
    const kept: Load['acknowledged'][] = [];
    for (const round of [1, 2, 3]) {
      const service = await start({ ...environment, SHUTDOWN_DELAY_MS: '2000' });
      const load = new Load(service);
      const clients = [1, 2, 3, 4, 5, 6].map((client) =>
        load.run(`${round}-${client}`, CLIENTS[client % 3] ?? CLIENTS[0]),
      );
      clients.push(load.watch());
      const strikeAt = 20 + Math.floor(60 * random());
      while (load.count < strikeAt) await sleep(1);
      load.signalled = true;
      service.signal('SIGTERM');
      // 1 after SHUTDOWN_TIMEOUT_MS, so 0 says that it was over within 10 s.
      expect([await service.exit, service.said]).toEqual([{ code: 0, signal: null }, service.said]);
      await Promise.all(clients);
      expect(load.refused).toEqual([]);
      // Linux resets what it let in between the last look at the listener and its end: whoever did not look is told so.
      for (const { code, afterSignal, kind } of load.failures)
        expect([kind, afterSignal, code]).toEqual([
          'looks at nothing',
          true,
          expect.stringMatching(/^(ECONNREFUSED|ECONNRESET)$/),
        ]);
      kept.push(load.acknowledged);
    }
    const service = await start(environment);
    for (const [thread, contents] of kept.flatMap((acknowledged) => [...acknowledged])) {
      const { body } = await service.send(TENANT, 'GET', `${messagesOf(thread)}?limit=1000`);
      const { messages } = body as { messages: { content: string }[] };
      expect(messages.map(({ content }) => content)).toEqual(contents);
    }
    await service.stop();
  });

  it('is told by readiness, with every answer closing its connection; a second one ends at once', async () => {
    const service = await start({
      ...environment,
      SHUTDOWN_DELAY_MS: '60000',
      SHUTDOWN_TIMEOUT_MS: '120000',
    });
    const healthy = await service.send(TENANT, 'GET', READY);
    expect(healthy).toMatchObject({ status: 200, body: { details: { service: { status: 'up' } } } });
    expect(healthy.headers.connection).toBe('keep-alive');
    service.signal('SIGTERM');
    let ready = healthy;
    while (ready.status === 200) ready = await service.send(TENANT, 'GET', READY);
    expect(ready).toMatchObject({
      status: 503,
      headers: { connection: 'close' },
      body: { error: { service: { status: 'down', reason: 'The service is stopping.' } } },
    });
    const closing = { headers: { connection: 'close' } };
    expect(await service.send(TENANT, 'GET', '/health/live')).toMatchObject({ status: 200, ...closing });
    const appended = await service.send(TENANT, 'POST', messagesOf('late'), user('still taken'));
    expect(appended).toMatchObject({ status: 201, ...closing });
    service.signal('SIGTERM');
    expect(await service.exit).toEqual({ code: 143, signal: null });
    const again = await start(environment);
    const { body } = await again.send(TENANT, 'GET', messagesOf('late'));
    expect(body).toMatchObject({ messages: [{ content: 'still taken' }] });
    await again.stop();
  });

  it('does not wait for clients that send nothing, half a request, or half a body for ever', async () => {
    const service = await start({
      ...environment,
      SHUTDOWN_TIMEOUT_MS: '8000',
      SHUTDOWN_DELAY_MS: '0',
    });
    const { hostname, port } = new URL(service.url);
    const head = `POST ${messagesOf('t')} HTTP/1.1\r\nhost: ${hostname}\r\nx-tenant-id: acme\r\n`;
    const sockets = [
      '',
      head,
      `${head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{"mess`,
    ].map((sent) => {
      const socket = connect(Number(port), hostname);
      socket.write(sent);
      const received = socket.toArray().then((chunks) => Buffer.concat(chunks as Buffer[]).toString());
      cleanUp.push(() => socket.destroy());
      return received;
    });
    // Their bytes came before these were answered.
    for (let turn = 0; turn < 3; turn += 1) await service.send(TENANT, 'GET', '/health/live');
    service.signal('SIGTERM');
    expect([await service.exit, service.said]).toEqual([{ code: 0, signal: null }, service.said]);
    const [silent, halfHead, halfBody = ''] = await Promise.all(sockets);
    expect([silent, halfHead]).toEqual(['', '']);
    expect(halfBody).toMatch(/^HTTP\/1\.1 503 /);
    expect(halfBody).toContain('"code":"shutting_down"');
  });

  it('cuts an answer that nobody takes, and says that it was the service', async () => {
    const service = await start({
      ...environment,
      SHUTDOWN_TIMEOUT_MS: '8000',
      SHUTDOWN_DELAY_MS: '0',
    });
    // More than the buffers of both sides hold.
    for (let message = 0; message < 20; message += 1)
      await service.send(TENANT, 'POST', messagesOf('long'), user('word '.repeat(200_000)));
    const { hostname, port } = new URL(service.url);
    const socket = connect(Number(port), hostname);
    cleanUp.push(() => socket.destroy());
    socket.write(`GET ${messagesOf('long')} HTTP/1.1\r\nhost: ${hostname}\r\nx-tenant-id: ${TENANT}\r\n\r\n`);
    await once(socket, 'readable');
    service.signal('SIGTERM');
    expect([await service.exit, service.said]).toEqual([{ code: 0, signal: null }, service.said]);
    expect(requestsCut(service.said)).toEqual([
      { method: 'GET', route: '/v1/sessions/:threadId/messages', status: 503, code: 'shutting_down' },
    ]);
  });

  it('is not held up by an embeddings server that hangs', async () => {
    const server = await EmbeddingsServer.start({ dimensions: 1536 });
    cleanUp.push(() => server.close());
    server.fail('hang');
    const service = await start({
      ...environment,
      OPENAI_BASE_URL: server.url,
      EMBEDDING_TIMEOUT_MS: '600000',
      SHUTDOWN_TIMEOUT_MS: '8000',
    });
    const searched = service
      .send(TENANT, 'POST', '/v1/memories/search', { query: 'x' })
      .catch(() => undefined);
    while (server.requests.length === 0) await sleep(5);
    service.signal('SIGTERM');
    expect([await service.exit, service.said]).toEqual([{ code: 0, signal: null }, service.said]);
    // Found by its words alone, or told to come again: what it is depends on which time was over first.
    expect([200, 503]).toContain((await searched)?.status);
  });

  it('while it starts ends it, and it starts again', async () => {
    const random = seededRandom(7);
    for (let round = 0; round < 3; round += 1) {
      const service = ServiceProcess.launch({ ...environment, LOG_LEVEL: 'info' });
      cleanUp.push(() => service.kill());
      // As soon as Nest says a word its module is being made, the database with it.
      while (service.isRunning && !service.said.includes('Starting Nest')) await sleep(5);
      await sleep(400 * random());
      service.signal('SIGTERM');
      expect(await service.exit).toEqual({ code: 0, signal: null });
    }
    const service = await start(environment);
    expect(await service.send(TENANT, 'GET', '/v1/sessions')).toMatchObject({ status: 200 });
    await service.stop();
  });
});

if (process.env['TEST_DATABASE_URL'])
  it('says what it waited for when the time to stop is over', async () => {
    const { environment, drop } = await lastingDatabase('postgres');
    cleanUp.push(drop);
    const service = await start({ ...environment, SHUTDOWN_TIMEOUT_MS: '2000' });
    expect((await service.send(TENANT, 'POST', messagesOf('t'), user('first'))).status).toBe(201);
    const other = new pg.Client(environment['DATABASE_URL']);
    other.on('error', () => undefined);
    await other.connect();
    cleanUp.push(() => other.end());
    await other.query('BEGIN; SELECT FROM shared.sessions FOR UPDATE');
    const append = service.send(TENANT, 'POST', messagesOf('t'), user('second'));
    const asTool = service.send(TENANT, 'POST', '/mcp', appendByMcp('t', 'third'), new Agent(), MCP);
    const locks = `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()`;
    while ((await other.query(locks)).rowCount === 0) await sleep(10);
    service.signal('SIGTERM');
    expect(await append).toMatchObject({
      status: 503,
      headers: { 'content-type': 'application/problem+json; charset=utf-8', 'retry-after': '5' },
      body: { code: 'shutting_down' },
    });
    expect(await asTool).toMatchObject({
      status: 503,
      headers: { 'content-type': 'application/json', 'retry-after': '5' },
      body: { jsonrpc: '2.0', id: null, error: { code: -32_000, data: { code: 'shutting_down' } } },
    });
    expect(await service.exit).toEqual({ code: 1, signal: null });
    expect(service.said).toMatch(/"event":"shutdown_timed_out","afterMs":2000,"waitsFor":"database"/);
    expect(requestsCut(service.said).map(({ route, code }) => [route, code])).toEqual([
      ['/v1/sessions/:threadId/messages', 'shutting_down'],
      ['/mcp', 'shutting_down'],
    ]);
  });
