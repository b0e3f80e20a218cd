// Over 200 lines: one table of everything that is sent to do harm.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { postgres, type TestDatabase } from './support/engines.js';
import { ServiceProcess } from './support/service-process.js';

const MESSAGES = '/v1/sessions/t/messages';
const MEMORIES = '/v1/memories';
const SEARCH = '/v1/memories/search';
const COMPILE = '/v1/context/compile';
const DEEP = 100_000;
const MB = 1_048_576;
/** Of the resident memory of the service after the flood, garbage collected, over that before it. */
const MAX_GROWTH = 64 * MB;

const arrays = '['.repeat(DEEP) + ']'.repeat(DEEP);
const objects = `${'{"a":'.repeat(DEEP)}1${'}'.repeat(DEEP)}`;
const manyKeys = `{${Array.from({ length: 80_000 }, (_, i) => `"k${i}":1`).join()}}`;
const memory = (more: string): string => `{"agentId":"a","content":"c",${more}}`;
const message = (more: string): string => `{"messages":[{"role":"user",${more}}]}`;
const compile = (more: string): string =>
  `{"threadId":"t","systemPrompt":"s","task":{"description":"d"},${more}}`;
const search = (more: string): string => `{"query":"x",${more}}`;
const json = { 'content-type': 'application/json' };
const gzipped = gzipSync(Buffer.alloc(100 * MB, ' '));

type Hostile = [
  what: string,
  method: string,
  path: string,
  body: string | Buffer,
  status: number,
  headers?: object,
];
const hostile: Hostile[] = [
  ...(
    [
      ['a body', MEMORIES, arrays],
      ['metadata', MEMORIES, memory(`"metadata":${objects}`)],
      ['a source', MEMORIES, memory(`"source":${objects}`)],
      ['a field of a source', MEMORIES, memory(`"source":{"threadId":${arrays}}`)],
      ['a list of memories', `${MEMORIES}/batch`, `{"memories":${arrays}}`],
      ['a list of messages', MESSAGES, `{"messages":${arrays}}`],
      ['content', MESSAGES, message(`"content":${arrays}`)],
      ['a part', MESSAGES, message(`"content":[{"type":"x","y":${objects}}]`)],
      ['a field of a message', MESSAGES, message(`"content":"x","z":${arrays}`)],
      ['tool calls', MESSAGES, `{"messages":[{"role":"assistant","content":null,"tool_calls":${arrays}}]}`],
      ['a query', SEARCH, `{"query":${arrays}}`],
      ['a filter', SEARCH, search(`"filter":${'{"not":'.repeat(DEEP)}{}${'}'.repeat(DEEP)}`)],
      ['alternatives of a filter', SEARCH, search(`"filter":${'{"or":['.repeat(DEEP)}${']}'.repeat(DEEP)}`)],
      ['a task', COMPILE, `{"threadId":"t","systemPrompt":"s","task":{"description":"d","x":${arrays}}}`],
      ['a budget', COMPILE, compile(`"budget":${objects}`)],
      ['the filter of a compile', COMPILE, compile(`"filter":${objects}`)],
    ] as const
  ).map(([what, path, body]): Hostile => [`${what} of ${DEEP} levels`, 'POST', path, body, 400]),
  [
    'deep metadata under a key',
    'POST',
    MEMORIES,
    memory(`"metadata":${objects}`),
    400,
    { 'idempotency-key': 'k' },
  ],
  ['80,000 unknown fields', 'POST', MEMORIES, manyKeys, 400],
  ['metadata of 80,000 keys', 'POST', MEMORIES, memory(`"metadata":${manyKeys}`), 400],
  ['an unknown field of 900 kB', 'POST', MEMORIES, `{"${'k'.repeat(900_000)}":1}`, 400],
  ['200,000 messages', 'POST', MESSAGES, `{"messages":[${'1,'.repeat(200_000)}1]}`, 400],
  ['200,000 memories', 'POST', `${MEMORIES}/batch`, `{"memories":[${'{},'.repeat(200_000)}{}]}`, 400],
  [
    '1,000 memories, none of which is one',
    'POST',
    `${MEMORIES}/batch`,
    `{"memories":[${'{},'.repeat(999)}{}]}`,
    400,
  ],
  [
    'a number of a million digits',
    'POST',
    MEMORIES,
    memory(`"metadata":{"n":0.1${'0'.repeat(1_000_000)}1}`),
    400,
  ],
  ['a text of 900 kB', 'POST', MEMORIES, memory(`"x":1,"content":"${'c'.repeat(900_000)}"`), 400],
  ...['1000000000', '1e309', '-1', '1.5', '"5"', 'null', '[5]'].map((limit): Hostile => [
    `${limit} as the limit of a search`,
    'POST',
    SEARCH,
    search(`"limit":${limit}`),
    400,
  ]),
  ...['1000000000', '1e309', '-1'].flatMap((limit): Hostile[] => [
    [`${limit} as a limit of memories`, 'POST', COMPILE, compile(`"memoryLimit":${limit}`), 400],
    [`${limit} as a budget`, 'POST', COMPILE, compile(`"budget":{"total":${limit}}`), 400],
    ...['/v1/sessions?', `${MESSAGES}?`, `${MEMORIES}?`, '/v1/context/receipts?threadId=t&'].map(
      (path): Hostile => [`${limit} as the limit of ${path}`, 'GET', `${path}limit=${limit}`, '', 400],
    ),
  ]),
  ...['-1', '1e309', '9'.repeat(30), '0x10'].map((seq): Hostile => [
    `messages before ${seq}`,
    'GET',
    `${MESSAGES}?before=${seq}`,
    '',
    400,
  ]),
  ['3,000 parameters', 'GET', `/v1/sessions?${'a=1&'.repeat(3_000)}`, '', 400],
  ...['__proto__', 'constructor', 'hasOwnProperty', 'toString'].flatMap((name): Hostile[] => [
    [`the parameter ${name}`, 'GET', `/v1/sessions?${name}=1`, '', 400],
    [`the field ${name}`, 'POST', MEMORIES, memory(`"${name}":{"x":1}`), 400],
  ]),
  ['constructor.prototype', 'POST', MEMORIES, memory('"metadata":{"constructor":{"prototype":{}}}'), 400],
  ['a path of 20 kB', 'GET', `/v1/sessions?cursor=${'a'.repeat(20_000)}`, '', 431],
  ['a cursor of 10 kB', 'GET', `/v1/sessions?cursor=${'a'.repeat(10_000)}`, '', 400],
  ['an id of 5,000 characters', 'GET', `/v1/sessions/${'a'.repeat(5_000)}/messages`, '', 414],
  [
    'an Idempotency-Key of 256',
    'POST',
    MEMORIES,
    memory('"metadata":{}'),
    400,
    { 'idempotency-key': 'k'.repeat(256) },
  ],
  ['two Idempotency-Keys', 'POST', MEMORIES, memory('"metadata":{}'), 400, { 'idempotency-key': ['a', 'b'] }],
  [
    'an If-Match of 8 kB',
    'POST',
    MESSAGES,
    message('"content":"x"'),
    400,
    { 'if-match': `"${'1'.repeat(8_000)}"` },
  ],
  ['two tenants', 'GET', '/v1/sessions', '', 400, { 'x-tenant-id': ['acme', 'other'] }],
  [
    '101 headers',
    'GET',
    '/v1/sessions',
    '',
    431,
    Object.fromEntries(Array.from({ length: 101 }, (_, i) => [`x-${i}`, '1'])),
  ],
  ['3,000 headers', 'GET', '/v1/sessions', '', 431, { a: Array.from({ length: 3_000 }, () => '') }],
  ['a body that becomes 100 MB', 'POST', MEMORIES, gzipped, 415, { 'content-encoding': 'gzip' }],
  [
    'a body that is said to be packed',
    'POST',
    MEMORIES,
    memory('"metadata":{}'),
    415,
    { 'content-encoding': 'BR, gzip' },
  ],
  [
    'UTF-16',
    'POST',
    MEMORIES,
    Buffer.from(memory('"metadata":{}'), 'utf16le'),
    415,
    { 'content-type': 'application/json; charset=UTF-16' },
  ],
  [
    'bytes that are not UTF-8',
    'POST',
    MEMORIES,
    Buffer.from(memory('"metadata":{"a":"\xff"}'), 'latin1'),
    400,
  ],
  [
    'a form of several parts',
    'POST',
    MEMORIES,
    '--x\r\n\r\n1\r\n--x--',
    415,
    { 'content-type': 'multipart/form-data; boundary=x' },
  ],
  ['a body of 2 MB', 'POST', MEMORIES, Buffer.alloc(2 * MB, ' '), 413],
];

describe.each(['embedded', ...(process.env['TEST_DATABASE_URL'] ? ['postgres'] : [])])(
  'a request that is meant to do harm · %s',
  (engine) => {
    let database: TestDatabase | undefined;
    let service: ServiceProcess;
    let port: number;

    beforeAll(async () => {
      database = engine === 'postgres' ? await postgres() : undefined;
      service = await ServiceProcess.start(
        {
          ...(database ? { DATABASE_URL: database.settings.url ?? '' } : { DATA_DIR: 'memory://' }),
          REQUEST_TIMEOUT_MS: '2000',
        },
        { nodeArguments: ['--expose-gc', '--require', resolve('test/support/collect-garbage.cjs')] },
      );
      port = Number(new URL(service.url).port);
    });
    afterAll(async () => {
      await service.kill();
      await database?.drop();
    });

    /** Opens a connection and sends these bytes; the text of all that comes back until the service closes it. */
    function exchange(...parts: (string | Buffer)[]): { socket: Socket; answer: Promise<string> } {
      const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
      // The service may close while it is still sent to.
      socket.on('error', () => undefined);
      let text = '';
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      for (const part of parts) socket.write(part);
      return {
        socket,
        answer: new Promise((fulfil) => {
          const end = (): void => {
            socket.destroy();
            fulfil(text);
          };
          socket.once('end', end).once('close', end);
        }),
      };
    }

    const send = ([, method, path, body, , headers = {}]: Hostile): Promise<string> => {
      const all = {
        host: '127.0.0.1',
        'x-tenant-id': 'acme',
        connection: 'close',
        ...(body.length > 0 && json),
        ...headers,
      };
      const lines = Object.entries(all as Record<string, string | string[]>).flatMap(([name, value]) =>
        [value].flat().map((one) => `${name}: ${one}`),
      );
      if (body.length > 0) lines.push(`content-length: ${Buffer.byteLength(body)}`);
      return exchange(`${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`, body).answer;
    };

    const expectProblem = (answer: string, status: number): void => {
      expect(answer).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
      expect(answer).toMatch(/content-type: application\/problem\+json/i);
      expect(JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4))).toMatchObject({ status });
      // An answer is no larger than what was asked for it, a hundred fields and their names.
      expect(answer.length).toBeLessThan(25_000);
    };

    it.each(hostile)('%s is refused', async (...request) => {
      expectProblem(await send(request), request[4]);
    });

    it.each([
      ['less than it says', 'content-length: 100', '{"agentId"', 408],
      ['a chunk and no end', 'transfer-encoding: chunked', '5\r\n{"a":', 408],
      [
        'more than it may, in chunks without end',
        'transfer-encoding: chunked',
        `${(2 * MB).toString(16)}\r\n${' '.repeat(2 * MB)}`,
        413,
      ],
      ['a chunk of 2^60 bytes', 'transfer-encoding: chunked', 'fffffffffffffff\r\n{', 408],
      ['two lengths', 'content-length: 2\r\ncontent-length: 3', '{}', 400],
      ['a length and chunks', 'content-length: 2\r\ntransfer-encoding: chunked', '2\r\n{}\r\n0\r\n\r\n', 400],
      ['a length that is none', 'content-length: -1', '{}', 400],
      ['a length of 2^53', 'content-length: 9007199254740992', '{}', 413],
    ])('a body that sends %s is refused', async (_what, header, body, status) => {
      const head = `POST ${MEMORIES} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-tenant-id: acme\r\ncontent-type: application/json\r\n`;
      const { answer } = exchange(`${head}${header}\r\n\r\n${body}`);
      expectProblem(await answer, status);
    });

    it('slow clients are told so, however little and often they send, and keep no connection', async () => {
      const head = `POST ${MEMORIES} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-tenant-id: acme\r\n`;
      const slow = [
        ['GET /', 'x'],
        [head, 'x-a: 1\r\n'],
        [`${head}content-type: application/json\r\ncontent-length: 100000\r\n\r\n{"agentId":"`, 'a'],
      ].flatMap((parts) => Array.from({ length: 20 }, () => parts));
      const answers = slow.map(async ([first = '', drip = '']) => {
        const { socket, answer } = exchange(first);
        const timer = setInterval(() => socket.write(drip), 100);
        const text = await answer;
        clearInterval(timer);
        return text;
      });
      for (const answer of await Promise.all(answers)) expectProblem(answer, 408);
      // A connection on which nothing ever comes.
      expectProblem(await exchange().answer, 408);
    });

    it('and a flood of all of them leaves the service as large as it was', async () => {
      const rss = async (): Promise<number> => {
        const before = service.said.split('garbage collected').length;
        service.signal('SIGUSR2');
        while (service.said.split('garbage collected').length === before) await sleep(5);
        return (
          1_024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${service.pid ?? 0}/status`, 'utf8'))?.[1])
        );
      };
      const flood = async (): Promise<void> => {
        for (let from = 0; from < hostile.length; from += 8)
          await Promise.all(hostile.slice(from, from + 8).map(send));
      };
      // Once for what is compiled and cached for good.
      await flood();
      const before = await rss();
      for (let round = 0; round < 3; round += 1) await flood();
      const growth = (await rss()) - before;
      process.stdout.write(
        `Memory of the service (${engine}) after ${3 * hostile.length} hostile requests: ${(growth / MB).toFixed(1)} MB more than ${(before / MB).toFixed(0)} MB\n`,
      );
      expect(growth).toBeLessThan(MAX_GROWTH);
      expect((await service.send('acme', 'GET', '/health/ready')).status).toBe(200);
    });
  },
);
