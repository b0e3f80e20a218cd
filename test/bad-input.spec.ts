import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connect } from 'node:net';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { TestService, type Answer, type TenantClient } from './support/service.js';

const NUL = '\u0000';
const LONE = '\ud800';
const nested = (depth: number): unknown => (depth === 0 ? 1 : { deeper: nested(depth - 1) });
const user = (content: unknown): object => ({ messages: [{ role: 'user', content }] });
const memory = (more: object): object => ({ agentId: 'a', content: 'c', ...more });
const compile = (more: object): object => ({
  threadId: 't',
  systemPrompt: 's',
  task: { description: 'd' },
  ...more,
});

/** What is wrong, the request, and the status and code of the answer. */
const refused: [string, string, string, unknown, number, string][] = [
  ['no messages', 'POST', '/v1/sessions/t/messages', {}, 400, 'invalid_input'],
  ['an empty list', 'POST', '/v1/sessions/t/messages', { messages: [] }, 400, 'invalid_input'],
  [
    'messages of a wrong type',
    'POST',
    '/v1/sessions/t/messages',
    { messages: 'hello' },
    400,
    'invalid_input',
  ],
  [
    'a message that is text',
    'POST',
    '/v1/sessions/t/messages',
    { messages: ['hello'] },
    400,
    'invalid_input',
  ],
  [
    'an unknown role',
    'POST',
    '/v1/sessions/t/messages',
    { messages: [{ role: 'god', content: '' }] },
    400,
    'invalid_input',
  ],
  ['content of a wrong type', 'POST', '/v1/sessions/t/messages', user(42), 400, 'invalid_input'],
  [
    'a tool message without its call',
    'POST',
    '/v1/sessions/t/messages',
    { messages: [{ role: 'tool', content: '' }] },
    400,
    'invalid_input',
  ],
  [
    'a seq of the caller',
    'POST',
    '/v1/sessions/t/messages',
    { messages: [{ role: 'user', content: '', seq: 9 }] },
    400,
    'invalid_input',
  ],
  [
    'the same id twice',
    'POST',
    '/v1/sessions/t/messages',
    {
      messages: [
        { role: 'user', content: '', id: 'x' },
        { role: 'user', content: '', id: 'x' },
      ],
    },
    400,
    'invalid_input',
  ],
  [
    'an unknown field',
    'POST',
    '/v1/sessions/t/messages',
    { ...user('x'), surprise: 1 },
    400,
    'invalid_input',
  ],
  ['NUL in content', 'POST', '/v1/sessions/t/messages', user(`a${NUL}b`), 400, 'invalid_input'],
  [
    'NUL in a part',
    'POST',
    '/v1/sessions/t/messages',
    user([{ type: 'text', text: NUL }]),
    400,
    'invalid_input',
  ],
  ['a lone surrogate in content', 'POST', '/v1/sessions/t/messages', user(`a${LONE}`), 400, 'invalid_input'],
  [
    'a lone surrogate in a key',
    'POST',
    '/v1/sessions/t/messages',
    user([{ type: 'x', [LONE]: 1 }]),
    400,
    'invalid_input',
  ],
  [
    'deep content',
    'POST',
    '/v1/sessions/t/messages',
    user([{ type: 'x', y: nested(40) }]),
    400,
    'invalid_input',
  ],
  [
    '__proto__ in content',
    'POST',
    '/v1/sessions/t/messages',
    '{"messages":[{"role":"user","content":"x","__proto__":{"a":1}}]}',
    400,
    'malformed_request',
  ],
  ['malformed JSON', 'POST', '/v1/sessions/t/messages', '{"messages":[', 400, 'malformed_request'],
  ['a list for a body', 'POST', '/v1/sessions/t/messages', '[]', 400, 'invalid_input'],
  ['no body', 'POST', '/v1/sessions/t/messages', '', 400, 'malformed_request'],
  [
    'nesting that exhausts a parser',
    'POST',
    '/v1/sessions/t/messages',
    `{"messages":${'['.repeat(200_000)}${']'.repeat(200_000)}}`,
    400,
    'invalid_input',
  ],
  ['a body of 2 MB', 'POST', '/v1/sessions/t/messages', user('x'.repeat(2_000_000)), 413, 'body_too_large'],
  ['NUL in a thread id', 'POST', '/v1/sessions/a%00b/messages', user('x'), 400, 'invalid_input'],
  ['a thread id that is not UTF-8', 'POST', '/v1/sessions/%ff/messages', user('x'), 400, 'malformed_request'],
  [
    'an over-long thread id',
    'POST',
    `/v1/sessions/${'t'.repeat(257)}/messages`,
    user('x'),
    400,
    'invalid_input',
  ],
  ['a negative limit', 'GET', '/v1/sessions/t/messages?limit=-1', undefined, 400, 'invalid_input'],
  ['a huge limit', 'GET', '/v1/sessions/t/messages?limit=1000000000', undefined, 400, 'invalid_input'],
  ['a limit twice', 'GET', '/v1/sessions/t/messages?limit=1&limit=2', undefined, 400, 'invalid_input'],
  ['a limit that is no number', 'GET', '/v1/sessions?limit=ten', undefined, 400, 'invalid_input'],
  ['a cursor of our own making', 'GET', '/v1/sessions?cursor=bm90aGluZw', undefined, 400, 'invalid_input'],
  [
    'a cursor of another list',
    'GET',
    `/v1/memories?cursor=${Buffer.from('["2026-01-01T00:00:00.000Z","x"]').toString('base64url')}`,
    undefined,
    400,
    'invalid_input',
  ],
  ['an unknown query field', 'GET', '/v1/sessions?page=2', undefined, 400, 'invalid_input'],
  ['a memory without an agent', 'POST', '/v1/memories', { content: 'c' }, 400, 'invalid_input'],
  ['an empty agent id', 'POST', '/v1/memories', memory({ agentId: '' }), 400, 'invalid_input'],
  [
    'an over-long agent id',
    'POST',
    '/v1/memories',
    memory({ agentId: 'a'.repeat(257) }),
    400,
    'invalid_input',
  ],
  ['blank content', 'POST', '/v1/memories', memory({ content: ' \n' }), 400, 'invalid_input'],
  [
    'over-long content',
    'POST',
    '/v1/memories',
    memory({ content: 'c'.repeat(100_001) }),
    400,
    'invalid_input',
  ],
  ['metadata that is a list', 'POST', '/v1/memories', memory({ metadata: [] }), 400, 'invalid_input'],
  ['deep metadata', 'POST', '/v1/memories', memory({ metadata: nested(40) }), 400, 'invalid_input'],
  [
    'large metadata',
    'POST',
    '/v1/memories',
    memory({ metadata: { a: 'x'.repeat(70_000) } }),
    400,
    'invalid_input',
  ],
  ['NUL in metadata', 'POST', '/v1/memories', memory({ metadata: { a: NUL } }), 400, 'invalid_input'],
  [
    'a lone surrogate in metadata',
    'POST',
    '/v1/memories',
    memory({ metadata: { [LONE]: 1 } }),
    400,
    'invalid_input',
  ],
  [
    '__proto__ in metadata',
    'POST',
    '/v1/memories',
    '{"agentId":"a","content":"c","metadata":{"__proto__":{"x":1}}}',
    400,
    'malformed_request',
  ],
  [
    'a number beyond JSON',
    'POST',
    '/v1/memories',
    '{"agentId":"a","content":"c","metadata":{"n":1e999}}',
    400,
    'invalid_input',
  ],
  ['a tenant in the body', 'POST', '/v1/memories', memory({ tenantId: 'other' }), 400, 'invalid_input'],
  ['an embedding in the body', 'POST', '/v1/memories', memory({ embedding: [1] }), 400, 'invalid_input'],
  [
    'an unknown source field',
    'POST',
    '/v1/memories',
    memory({ source: { planet: 'x' } }),
    400,
    'invalid_input',
  ],
  [
    'a source time that is none',
    'POST',
    '/v1/memories',
    memory({ source: { occurredAt: 'yesterday' } }),
    400,
    'invalid_input',
  ],
  [
    'a batch with one bad memory',
    'POST',
    '/v1/memories/batch',
    { memories: [memory({}), memory({ content: '' })] },
    400,
    'invalid_input',
  ],
  ['a batch that holds null', 'POST', '/v1/memories/batch', { memories: [null] }, 400, 'invalid_input'],
  ['a blank query', 'POST', '/v1/memories/search', { query: '  ' }, 400, 'invalid_input'],
  ['a query of a wrong type', 'POST', '/v1/memories/search', { query: { $ne: '' } }, 400, 'invalid_input'],
  ['a search limit of 0', 'POST', '/v1/memories/search', { query: 'x', limit: 0 }, 400, 'invalid_input'],
  ['a search limit of 10^9', 'POST', '/v1/memories/search', { query: 'x', limit: 1e9 }, 400, 'invalid_input'],
  ['a memory id that is none', 'GET', "/v1/memories/1'%20OR%20'1'='1", undefined, 404, 'not_found'],
  [
    'a change of the agent',
    'PATCH',
    '/v1/memories/0190163d-8694-739b-aea5-966c26f8ad91',
    { agentId: 'b' },
    400,
    'invalid_input',
  ],
  ['an unknown tier', 'POST', '/v1/context/compile', compile({ modelTier: 'colossal' }), 400, 'unknown_tier'],
  [
    'a tier named constructor',
    'POST',
    '/v1/context/compile',
    compile({ modelTier: 'constructor' }),
    400,
    'unknown_tier',
  ],
  ['a task that is text', 'POST', '/v1/context/compile', compile({ task: 'do it' }), 400, 'invalid_input'],
  ['a task without description', 'POST', '/v1/context/compile', compile({ task: {} }), 400, 'invalid_input'],
  [
    'a system prompt of a wrong type',
    'POST',
    '/v1/context/compile',
    compile({ systemPrompt: 7 }),
    400,
    'invalid_input',
  ],
  ['an empty thread id', 'POST', '/v1/context/compile', compile({ threadId: '' }), 400, 'invalid_input'],
  [
    'a thread id that is a step in a path',
    'POST',
    '/v1/context/compile',
    compile({ threadId: '..' }),
    400,
    'invalid_input',
  ],
  [
    'a negative memory limit',
    'POST',
    '/v1/context/compile',
    compile({ memoryLimit: -1 }),
    400,
    'invalid_input',
  ],
  ['an unknown format', 'POST', '/v1/context/compile', compile({ format: 'morse' }), 400, 'invalid_input'],
];

describeOnEachEngine('bad input', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let acme: TenantClient;
  const send = (method: string, path: string, body: unknown): Promise<Answer> =>
    service.send(method, path, body, { 'x-tenant-id': 'acme' });

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    acme = service.as('acme');
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it.each(refused)('refuses %s', async (_what, method, path, body, status, code) => {
    const answer = await send(method, path, body);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
    expect(answer.body).toMatchObject({ status, code, type: `urn:triptych:problem:${code}` });
    expect((await acme.get('/health/live')).status).toBe(200);
  });

  it('kept nothing of what it refused', async () => {
    expect((await acme.get('/v1/sessions')).body).toEqual({ sessions: [], nextCursor: null });
    expect((await acme.get('/v1/memories')).body).toEqual({ memories: [], nextCursor: null });
  });

  it.each([
    ['none', {}],
    ['an empty one', { 'x-tenant-id': '' }],
  ])('refuses a request with a tenant header that is missing: %s', async (_what, headers) => {
    const answer = await service.send('GET', '/v1/sessions', undefined, headers);
    expect(answer.body).toMatchObject({ status: 401, code: 'tenant_required' });
  });

  it.each(['a b', 'ä', '../x', "x'--", 'a'.repeat(129), '.hidden'])(
    'refuses the tenant id %j',
    async (tenant) => {
      const answer = await service.send('GET', '/v1/sessions', undefined, {
        'x-tenant-id': encodeURI(tenant) === tenant ? tenant : Buffer.from(tenant).toString('latin1'),
      });
      expect(answer.body).toMatchObject({ status: 400, code: 'invalid_tenant' });
    },
  );

  it.each([
    ['no HTTP at all', 'hello there\r\n\r\n', 400, 'malformed_request'],
    [
      'headers of 20 kB',
      `GET / HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
  ])('answers %s with a problem', async (_what, request, status, code) => {
    const socket = connect(Number(new URL(service.url).port), '127.0.0.1');
    socket.end(request);
    const answer = Buffer.concat(await socket.toArray()).toString();
    expect(answer).toContain(`HTTP/1.1 ${status} `);
    expect(JSON.parse(answer.slice(answer.indexOf('{')))).toMatchObject({ status, code });
  });

  it('refuses a body that is no JSON by its type', async () => {
    const headers = { 'x-tenant-id': 'acme', 'content-type': 'text/csv' };
    const answer = await service.send('POST', '/v1/memories', 'a,b', headers);
    expect(answer.body).toMatchObject({ status: 415, code: 'unsupported_media_type' });
  });

  describe('what is unusual but sound', () => {
    const lc = {
      lc: 1,
      type: 'constructor',
      id: ['langchain_core', 'messages', 'NoSuchMessage'],
      kwargs: {},
    };
    const texts = [
      '<|endoftext|>',
      '<|im_start|>system',
      '\u202e\u200d👩‍🚀 漢字 ﷽',
      '</memories>',
      '"; DROP TABLE x; --',
      'a\r\n\tb',
    ];

    it('reads back identical as messages, also through a later append', async () => {
      const messages = [
        ...texts.map((content) => ({ role: 'user', content })),
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see', cache_control: { type: 'ephemeral' } },
            { type: 'image_url', image_url: { url: 'https://example.org/a.png' } },
          ],
        },
        {
          role: 'user',
          content: [{ type: 'custom', payload: lc, constructor: 'kept', toString: 1 }],
          lc: 1,
          custom: { lc: 2, type: 'undefined' },
        },
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: 'not { json' } }],
          refusal: null,
        },
        { role: 'tool', tool_call_id: 'c', content: '' },
      ];
      const posted = await acme.post('/v1/sessions/odd/messages', { messages });
      expect(posted.status).toBe(201);
      expect((await acme.post('/v1/sessions/odd/messages', user('later'))).status).toBe(201);
      const read = await acme.get('/v1/sessions/odd/messages');
      const kept = (read.body as { messages: Record<string, unknown>[] }).messages.slice(0, messages.length);
      expect(kept.map(({ id: _i, seq: _s, tokens: _t, createdAt: _c, ...message }) => message)).toEqual(
        messages,
      );
    });

    it('reads back identical as memories', async () => {
      for (const content of texts) {
        const metadata = {
          lc,
          constructor: 'kept',
          nested: nested(20),
          numbers: [0.1, 1e21, -5e-324, 2 ** 53],
          '': null,
        };
        const stored = await acme.post('/v1/memories', memory({ content, metadata }));
        expect(stored.status).toBe(201);
        const { memoryId } = stored.body as { memoryId: string };
        const read = await acme.get(`/v1/memories/${memoryId}`);
        expect(read.body).toEqual(stored.body);
        expect(read.body).toMatchObject({ content });
        expect((read.body as { metadata: unknown }).metadata).toEqual(metadata);
      }
      const found = await acme.post('/v1/memories/search', { query: '<|endoftext|>' });
      expect(found.status).toBe(200);
    });

    it('compiles', async () => {
      const compiled = await acme.post(
        '/v1/context/compile',
        compile({ threadId: 'odd', modelTier: 'fast', task: { description: texts.join(' ') } }),
      );
      expect(compiled.status).toBe(200);
      const { tokenUsage, budget } = compiled.body as {
        tokenUsage: { total: number };
        budget: { total: number };
      };
      expect(tokenUsage.total).toBeLessThanOrEqual(budget.total);
    });

    it('takes thread ids of any characters', async () => {
      for (const thread of ['a/b', 'a:b', '4:acme:x', '%', 'ü 漢', '...', "'; --"]) {
        const path = `/v1/sessions/${encodeURIComponent(thread)}/messages`;
        expect((await acme.post(path, user(thread))).status).toBe(201);
        expect((await acme.get(path)).body).toMatchObject({
          threadId: thread,
          messages: [{ content: thread }],
        });
      }
    });
  });
});

describeOnEachEngine('an embedding server that is down', (createDatabase) => {
  it('loses no memory, and leaves searches, sessions and compiling alone', async () => {
    const database = await createDatabase();
    const server = await EmbeddingsServer.start({ dimensions: 1536 });
    const service = await TestService.start(database, {
      embeddings: { provider: 'openai', baseUrl: server.url, timeoutMs: 20_000 },
    });
    const acme = service.as('acme');
    expect((await acme.post('/v1/memories', memory({ content: 'an early memory' }))).status).toBe(201);
    server.fail('reset');
    expect(await acme.post('/v1/memories', memory({ content: 'a late memory' }))).toMatchObject({
      status: 201,
      body: { embeddingStatus: 'pending' },
    });
    expect(await acme.post('/v1/memories/search', { query: 'early' })).toMatchObject({
      status: 200,
      body: {
        results: [{ memory: { content: 'an early memory' } }],
        degraded: [{ code: 'embeddings_unavailable' }],
      },
    });
    expect((await acme.post('/v1/sessions/t/messages', user('hello'))).status).toBe(201);
    const compiled = await acme.post('/v1/context/compile', compile({}));
    expect(compiled).toMatchObject({
      status: 200,
      body: { degraded: [{ code: 'embeddings_unavailable' }], messages: [{ content: 'hello' }] },
    });
    server.heal();
    const list = await acme.get('/v1/memories');
    expect((list.body as { memories: unknown[] }).memories).toMatchObject([
      { content: 'a late memory' },
      { content: 'an early memory' },
    ]);
    expect((await acme.post('/v1/memories/search', { query: 'early' })).status).toBe(200);
    await service.stop();
    await server.close();
    await database.drop();
  });
});
