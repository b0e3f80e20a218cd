import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  appendMessages,
  createTriptychClient,
  listSessions,
  readMessages,
  searchMemories,
  storeMemory,
  TriptychConnectionError,
  type NewMessage,
  type TriptychClient,
  type TriptychClientOptions,
} from 'triptych-client';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { FaultyFront } from '../support/faulty-front.js';
import { TestService } from '../support/service.js';
import { TcpProxy } from '../support/tcp-proxy.js';

const problem = (status: number, code = 'of_the_front'): object => ({
  type: 'about:blank',
  status,
  code,
  title: 'Front',
  detail: 'Said in front of the service.',
});
const messages = (content: string): { messages: NewMessage[] } => ({ messages: [{ role: 'user', content }] });
const memory = { agentId: 'waiter', content: 'The guest takes green tea.' };

describeOnEachEngine('triptych-client against a network that fails', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let front: FaultyFront;
  const clientOf = (tenantId: string, options: Partial<TriptychClientOptions> = {}): TriptychClient =>
    createTriptychClient({ baseUrl: front.url, tenantId, ...options });
  const contentOf = async (client: TriptychClient, threadId: string): Promise<unknown[]> => {
    const { data } = await readMessages({ client, path: { threadId } });
    return data.messages.map(({ content }) => content);
  };

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    front = await FaultyFront.start(service.url);
  });
  beforeEach(() => {
    front.become();
  });
  afterAll(async () => {
    await front.stop();
    await service.stop();
    await home.drop();
  });

  it('writes once, however often the answer was lost', async () => {
    const client = clientOf('once');
    front.become('lost-answer', 'lost-answer');
    const path = { threadId: 'thread' };
    const { data, response } = await appendMessages({ client, path, body: messages('once') });
    expect(data).toMatchObject({ version: 1, messages: [{ seq: 1 }] });
    expect(response.headers.get('idempotency-replayed')).toBe('true');
    const keys = front.requests.map(({ headers }) => headers['idempotency-key']);
    expect(keys).toHaveLength(3);
    expect([...new Set(keys)]).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
    expect(await contentOf(client, 'thread')).toEqual(['once']);

    await appendMessages({ client, path, body: messages('once') });
    expect(front.requests.at(-1)?.headers['idempotency-key']).not.toBe(keys[0]);
    expect(await contentOf(client, 'thread')).toEqual(['once', 'once']);
  });

  it('never sends a write again that carries no key', async () => {
    const client = clientOf('twice', { idempotencyKeys: false });
    front.become('lost-answer');
    await expect(
      appendMessages({ client, path: { threadId: 'thread' }, body: messages('once') }),
    ).rejects.toMatchObject({ name: 'TriptychConnectionError', code: 'unreachable' });
    expect(front.requests).toHaveLength(1);
    expect(await contentOf(client, 'thread')).toEqual(['once']);

    const headers = { 'Idempotency-Key': 'of-the-caller' };
    front.become('lost-answer');
    await appendMessages({ client, path: { threadId: 'thread' }, body: messages('twice'), headers });
    expect(front.requests.map((request) => request.headers['idempotency-key'])).toEqual([
      'of-the-caller',
      'of-the-caller',
    ]);
    expect(await contentOf(client, 'thread')).toEqual(['once', 'twice']);
  });

  it('tries again what is away for a moment, as long as `Retry-After` says', async () => {
    const client = clientOf('again');
    await appendMessages({ client, path: { threadId: 'thread' }, body: messages('here') });
    for (const status of [429, 502, 503, 504, 409]) {
      front.become({ problem: problem(status), retryAfter: '0' }, 'reset');
      expect(await contentOf(client, 'thread')).toEqual(['here']);
      expect(front.requests).toHaveLength(3);
    }
    const from = performance.now();
    front.become({ problem: problem(429), retryAfter: '1' });
    expect(await contentOf(client, 'thread')).toEqual(['here']);
    // Node's timers may end a millisecond early.
    expect(performance.now() - from).toBeGreaterThanOrEqual(990);
    front.become({ status: 503 }, 'garbage');
    const { data } = await searchMemories({ client, body: { query: 'tea' } });
    expect(data.results).toEqual([]);
    expect(front.requests).toHaveLength(3);
  });

  it('does not try again what will not change', async () => {
    const client = clientOf('refused');
    for (const status of [400, 401, 403, 404, 409, 410, 412, 413, 422, 500]) {
      front.become({ problem: problem(status) });
      await expect(storeMemory({ client, body: memory })).rejects.toMatchObject({
        status,
        code: 'of_the_front',
        requestId: 'of-the-front',
      });
      expect(front.requests).toHaveLength(1);
    }
  });

  it('gives up after its retries, and at once where the wait is longer than its deadline', async () => {
    const client = clientOf('patience', { retries: 1 });
    const unavailable = { problem: problem(503, 'database_unavailable') };
    front.become(unavailable, unavailable, unavailable);
    await expect(listSessions({ client })).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(front.requests).toHaveLength(2);
    front.become({ problem: problem(429, 'quota_exceeded'), retryAfter: '3600' });
    await expect(listSessions({ client })).rejects.toMatchObject({ status: 429, retryAfter: 3_600 });
    expect(front.requests).toHaveLength(1);
    front.become('reset');
    await expect(listSessions({ client: clientOf('patience', { retries: 0 }) })).rejects.toMatchObject({
      code: 'unreachable',
      message: expect.stringContaining(front.url),
    });
  });

  it('waits for an answer no longer than it was told', async () => {
    const client = clientOf('deadline', { attemptTimeoutMs: 2_000 });
    front.become('hang', { dripMs: 20 });
    expect((await listSessions({ client })).data.sessions).toEqual([]);
    expect(front.requests).toHaveLength(3);
    front.become('hang', 'hang', 'hang', 'hang');
    const all = clientOf('deadline', { timeoutMs: 700, attemptTimeoutMs: 600, retries: 9 });
    await expect(listSessions({ client: all })).rejects.toMatchObject({ code: 'timeout' });
    expect(front.requests.length).toBeLessThanOrEqual(2);
  });

  it('stops when its caller does', async () => {
    const client = clientOf('aborted');
    const stop = new AbortController();
    front.become({ problem: problem(503), retryAfter: '50' });
    const waiting = listSessions({ client, signal: stop.signal });
    const stopped = expect(waiting).rejects.toThrow('enough');
    while (front.requests.length === 0) await sleep(5);
    // It has the answer and waits, or is about to.
    await sleep(200);
    stop.abort(new Error('enough'));
    await stopped;
    expect(front.requests).toHaveLength(1);
    await expect(listSessions({ client, signal: stop.signal })).rejects.toThrow('enough');
    expect(front.requests).toHaveLength(1);
  });

  it('takes nothing for an answer that is none', async () => {
    const client = clientOf('foreign');
    for (const fault of ['html', 'broken-json'] as const) {
      front.become(fault);
      await expect(listSessions({ client })).rejects.toMatchObject({
        name: 'TriptychConnectionError',
        code: 'unreadable',
      });
    }
    front.become({ status: 500 });
    const error: unknown = await listSessions({ client }).catch((error: unknown) => error);
    expect(error).toMatchObject({ status: 500, code: 'unexpected_answer' });
    // What the server of another made of the request is not for a log.
    expect(String(error)).not.toContain('refused');
    front.become({ redirectTo: service.url });
    await expect(listSessions({ client: clientOf('foreign', { retries: 0 }) })).rejects.toBeInstanceOf(
      TriptychConnectionError,
    );
    expect(front.requests).toHaveLength(1);
  });

  it('answers the error in place of throwing it, whatever it is, where it is told so', async () => {
    const client = clientOf('told', { retries: 0 });
    for (const [fault, code] of [
      ['html', 'unreadable'],
      ['broken-json', 'unreadable'],
      ['reset', 'unreachable'],
    ] as const) {
      front.become(fault);
      const { data, error } = await listSessions({ client, throwOnError: false });
      expect([fault, data, error]).toEqual([fault, undefined, expect.any(TriptychConnectionError)]);
      expect(error).toMatchObject({ code });
    }
    front.become({ problem: problem(404) });
    const { error } = await listSessions({ client, throwOnError: false });
    expect(error).toMatchObject({ name: 'TriptychProblem', code: 'of_the_front' });
  });

  it('reads through a connection that is cut in the middle of an answer', async () => {
    const client = clientOf('cut');
    const text = 'word '.repeat(20_000);
    await appendMessages({ client, path: { threadId: 'long' }, body: messages(text) });
    const proxy = await TcpProxy.start(service.url);
    try {
      const through = clientOf('cut', { baseUrl: `http://127.0.0.1:${proxy.port}`, retries: 5 });
      await proxy.become({ kind: 'cut', after: 30_000, of: 'down' });
      const reading = contentOf(through, 'long');
      while (proxy.accepted < 2) await new Promise((resolve) => setTimeout(resolve, 5));
      await proxy.become({ kind: 'pass' });
      expect(await reading).toEqual([text]);
    } finally {
      await proxy.close();
    }
  });

  it('presents its credential, asked for anew with each call', async () => {
    const secrets = ['first', 'second'];
    const client = createTriptychClient({
      baseUrl: `${front.url}/`,
      token: () => Promise.resolve(secrets.shift() ?? ''),
      headers: { 'x-agent': 'waiter' },
    });
    for (const secret of ['first', 'second']) {
      await listSessions({ client }).catch(() => undefined);
      expect(front.requests.at(-1)).toMatchObject({
        path: '/v1/sessions',
        headers: { authorization: `Bearer ${secret}`, 'x-agent': 'waiter' },
      });
    }
    const keyed = createTriptychClient({ baseUrl: front.url, apiKey: 'key' });
    await listSessions({ client: keyed }).catch(() => undefined);
    expect(front.requests.at(-1)?.headers.authorization).toBe('Bearer key');
  });
});

describe('createTriptychClient', () => {
  it('refuses options that cannot be meant', () => {
    for (const baseUrl of ['example.com', '/v1', 'file:///etc', 'http://'])
      expect(() => createTriptychClient({ baseUrl })).toThrow(TypeError);
    expect(() => createTriptychClient({ baseUrl: '', apiKey: 'key', tenantId: 'acme' })).toThrow(TypeError);
  });
});
