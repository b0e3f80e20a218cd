// Over 200 lines: every tool and resource of /mcp, once for each engine.
import type { Client } from '@modelcontextprotocol/client';
import { Logger } from '@nestjs/common';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { request } from 'node:http';
import { ContextSearch } from '../src/context/context-search.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import type { Scope } from '../src/tenancy/authenticator.js';
import type { IssuedApiKey } from '../src/tenancy/tenant-registry.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { callTool, connectMcp, ERAS, textOf, tryTool, type Era } from './support/mcp-client.js';
import { asOperator } from './support/operator.js';
import { TestService, type Answer } from './support/service.js';

const TOOLS = [
  'remember',
  'recall',
  'forget',
  'append_messages',
  'read_session',
  'list_sessions',
  'compile_context',
];
const ACCEPT = { accept: 'application/json, text/event-stream' };
const bearer = (key: string): Record<string, string> => ({ authorization: `Bearer ${key}` });
const said = (content: string): object => ({ role: 'user', content });
const message = (method: string, params?: object): object => ({ jsonrpc: '2.0', id: 7, method, params });

interface Memory {
  memoryId: string;
  content: string;
  copies: number;
}
interface Thread {
  threadId: string;
  version: number;
  messages: { seq: number; content: string }[];
  nextBefore: number | null;
}
interface Found {
  results: { score: number; scores: object; memory?: Memory; message?: { content: string } }[];
  degraded: object[];
}

describeOnEachEngine('/mcp', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  const keys = new Map<string, IssuedApiKey>();
  const clients: Client[] = [];

  const keyOf = (name: string): string => keys.get(name)?.key ?? '';
  const as = async (name: string, era?: Era): Promise<Client> => {
    const client = await connectMcp(service.url, bearer(keyOf(name)), era);
    clients.push(client);
    return client;
  };
  const rest = (name: string, method: string, path: string, body?: unknown): Promise<Answer> =>
    service.send(method, path, body, bearer(keyOf(name)));
  const post = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
    service.send('POST', '/mcp', body, { ...ACCEPT, ...bearer(keyOf('red')), ...headers });

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database, { auth: { mode: 'api-key' }, limits: { rate: 0 } });
    await asOperator(service, database, async (registry) => {
      for (const tenantId of ['red', 'blue', 'green']) await registry.create({ tenantId });
      const issue = async (name: string, tenantId: string, scopes?: Scope[]): Promise<unknown> =>
        keys.set(name, await registry.createKey(tenantId, { scopes }));
      for (const tenantId of ['red', 'blue', 'green']) await issue(tenantId, tenantId);
      await issue('reader', 'red', ['read']);
      await issue('revoked', 'red');
      await registry.revoke(keys.get('revoked')?.keyId ?? '');
    });
  });
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await service.stop();
    await database.drop();
  });

  describe.each(ERAS)('%s', (era) => {
    it('says who it is and what there is', async () => {
      const client = await as('red', era);
      expect(client.getServerVersion()).toMatchObject({ name: 'triptych' });
      expect(client.getInstructions()).toContain('recall');
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(TOOLS);
      for (const { description, inputSchema, outputSchema, annotations } of tools) {
        expect(description).toMatch(/^[A-Z].{40,}\.$/s);
        expect(inputSchema).toMatchObject({ type: 'object', additionalProperties: false });
        expect(outputSchema).toMatchObject({ type: 'object' });
        expect(annotations).toMatchObject({ title: expect.any(String), readOnlyHint: expect.any(Boolean) });
      }
      const { resourceTemplates } = await client.listResourceTemplates();
      expect(resourceTemplates).toMatchObject([{ uriTemplate: 'triptych://sessions/{threadId}' }]);
    });

    it('remembers, recalls and forgets', async () => {
      const client = await as('red', era);
      const agentId = `agent-${era}`;
      const seat = { agentId, content: `Ada prefers window seats (${era}).`, metadata: { kind: 'seat' } };
      const source = { threadId: 'trip', seq: 3, speaker: 'Ada', occurredAt: '2026-05-08T13:56:00Z' };
      const memory = await callTool<Memory>(client, 'remember', { ...seat, source });
      expect(memory).toMatchObject({ ...seat, source, copies: 1, retractedAt: null });
      const again = await callTool<Memory>(client, 'remember', { ...seat, deduplicate: true });
      expect(again).toMatchObject({ memoryId: memory.memoryId, copies: 2 });
      await callTool(client, 'remember', { agentId, content: 'The Lisbon office opens at nine.' });

      const recall = (args: object): Promise<Found> =>
        callTool<Found>(client, 'recall', { query: 'Where does Ada like to sit?', agentId, ...args });
      const found = await recall({});
      expect(found).toMatchObject({ degraded: [], exhaustive: true });
      expect(found.results[0]).toMatchObject({
        memory: { memoryId: memory.memoryId, content: seat.content },
        score: expect.any(Number),
        scores: { lexical: expect.any(Number), semantic: expect.any(Number) },
      });
      expect(found.results[0]).not.toHaveProperty('tokens');
      expect((await recall({ limit: 1 })).results).toHaveLength(1);
      expect((await recall({ filter: { 'metadata.kind': 'seat' } })).results).toHaveLength(1);
      expect((await recall({ agentId: 'somebody else' })).results).toEqual([]);

      const { memoryId } = memory;
      const first = await callTool(client, 'forget', { memoryId });
      expect(first).toMatchObject({ memoryId, how: 'retract', retractedAt: expect.any(String) });
      expect(await callTool(client, 'forget', { memoryId })).toEqual(first);
      expect((await recall({ filter: { 'metadata.kind': 'seat' } })).results).toEqual([]);
      // The revision that retracted it, and none for the second call.
      const kept = await rest('red', 'GET', `/v1/memories/${memoryId}`);
      expect(kept).toMatchObject({ status: 200, body: { revision: 2 } });
      const deleted = { memoryId, how: 'delete', retractedAt: null };
      expect(await callTool(client, 'forget', { memoryId, how: 'delete' })).toEqual(deleted);
      expect((await rest('red', 'GET', `/v1/memories/${memoryId}`)).status).toBe(404);
    });

    it('appends, reads by pages, lists by pages, and searches a thread', async () => {
      const client = await as('green', era);
      const threadId = `Reise nach „Lissabon“/${era}, 50 % #1?`;
      const messages = Array.from({ length: 5 }, (_, index) => said(`Message ${index + 1} of the journey.`));
      const appended = await callTool<Thread>(client, 'append_messages', { threadId, messages });
      expect(appended).toMatchObject({ threadId, version: 1, messages });
      const page = await callTool<Thread>(client, 'read_session', { threadId, limit: 2 });
      expect(page.messages.map(({ seq }) => seq)).toEqual([4, 5]);
      const before = page.nextBefore;
      const older = await callTool<Thread>(client, 'read_session', { threadId, before });
      expect(older).toMatchObject({ messages: [{ seq: 1 }, { seq: 2 }, { seq: 3 }], nextBefore: null });
      const stale = await tryTool(client, 'append_messages', { threadId, messages, expectedVersion: 0 });
      expect(textOf(stale)).toMatch(/^version_conflict: .*Read the session again/);

      for (const name of ['one', 'two'])
        await callTool(client, 'append_messages', { threadId: `${era} ${name}`, messages: [said(name)] });
      const newest = await callTool<{ sessions: { threadId: string }[]; nextCursor: string }>(
        client,
        'list_sessions',
        { limit: 2 },
      );
      expect(newest.sessions.map((each) => each.threadId)).toEqual([`${era} two`, `${era} one`]);
      const next = await callTool(client, 'list_sessions', { limit: 1, cursor: newest.nextCursor });
      expect(next).toMatchObject({ sessions: [{ threadId, messageCount: 5 }] });

      const search = { query: 'Message 3', scope: 'thread', threadId };
      const { results } = await callTool<Found>(client, 'recall', search);
      expect(results[0]).toMatchObject({ threadId, message: { content: 'Message 3 of the journey.' } });
    });

    it('compiles a context as REST does', async () => {
      const client = await as('blue', era);
      const threadId = `compiled-${era}`;
      await callTool(client, 'remember', { agentId: 'travel', content: 'Ada prefers window seats.' });
      await callTool(client, 'append_messages', { threadId, messages: [said('Book me a seat to Lisbon.')] });
      const body = {
        threadId,
        systemPrompt: 'You are a travel agent.',
        task: { description: 'Choose a seat for Ada.' },
        modelTier: 'fast',
        format: 'openai',
      };
      const compiled = await callTool<{ receipt: { hash: string } }>(client, 'compile_context', body);
      expect(compiled).toMatchObject({
        systemPrompt: body.systemPrompt,
        messages: [{ role: 'user', content: 'Book me a seat to Lisbon.' }],
        context: expect.stringContaining('window seats'),
        budget: { tier: 'fast' },
        degraded: [],
        prompt: { messages: expect.any(Array) },
      });
      const overRest = await rest('blue', 'POST', '/v1/context/compile', body);
      expect(overRest.body).toMatchObject({ receipt: { hash: compiled.receipt.hash } });
    });

    it('has the sessions as resources: listed by pages, read as JSON, completed', async () => {
      const client = await as('green', era);
      const name = (index: number): string => `resource ${era} ${String(index).padStart(2, '0')}/x`;
      for (let index = 0; index < 55; index += 1)
        await rest('green', 'POST', `/v1/sessions/${encodeURIComponent(name(index))}/messages`, {
          messages: [said(`Hello ${index}.`)],
        });
      const listed = new Map<string, string>();
      let pages = 0;
      for (let cursor: string | undefined, more = true; more; pages += 1) {
        // One page at a time: the SDK's client would walk through all of them by itself.
        const page = await client.request({
          method: 'resources/list',
          ...(cursor !== undefined && { params: { cursor } }),
        });
        for (const { name: threadId, uri } of page.resources) listed.set(threadId, uri);
        cursor = page.nextCursor;
        more = cursor !== undefined;
      }
      expect(pages).toBeGreaterThan(1);
      expect([...listed.keys()]).toEqual(expect.arrayContaining([name(0), name(54)]));
      const uri = listed.get(name(3)) ?? '';
      expect(uri).toBe(`triptych://sessions/${encodeURIComponent(name(3))}`);
      const { contents } = await client.readResource({ uri });
      expect(contents).toMatchObject([{ uri, mimeType: 'application/json' }]);
      const [content] = contents as { text: string }[];
      const overRest = await rest('green', 'GET', `/v1/sessions/${encodeURIComponent(name(3))}/messages`);
      expect(JSON.parse(content?.text ?? '')).toEqual(overRest.body);
      const { completion } = await client.complete({
        ref: { type: 'ref/resource', uri: 'triptych://sessions/{threadId}' },
        argument: { name: 'threadId', value: `resource ${era} 5` },
      });
      expect(completion.values.sort()).toEqual([50, 51, 52, 53, 54].map(name));
    });

    it('refuses what is no resource as a JSON-RPC error', async () => {
      const client = await as('green', era);
      const missing = 'triptych://sessions/nobody';
      await expect(client.readResource({ uri: missing })).rejects.toMatchObject({
        code: -32_602,
        message: 'There is no such thread.',
        data: { uri: missing, code: 'not_found' },
      });
      for (const uri of ['triptych://nothing/x', 'file:///etc/passwd', 'triptych://sessions/%ff', 'no uri'])
        await expect(client.readResource({ uri })).rejects.toMatchObject({ code: expect.any(Number) });
      await expect(client.listResources({ cursor: 'of nobody' })).rejects.toMatchObject({
        code: -32_602,
        data: { code: 'invalid_input', violations: [{ field: 'cursor' }] },
      });
    });

    it('refuses an unknown tool as a JSON-RPC error', async () => {
      const client = await as('green', era);
      for (const name of ['guess', '', 'constructor', '__proto__', 'Remember'])
        await expect(tryTool(client, name, {})).rejects.toMatchObject({ code: -32_602 });
    });

    it('does not let a reader write, and says so', async () => {
      const client = await as('reader', era);
      await callTool(client, 'recall', { query: 'seats' });
      await callTool(client, 'list_sessions', {});
      for (const [name, args] of [
        ['remember', { agentId: 'a', content: 'c' }],
        ['forget', { memoryId: 'x' }],
        ['append_messages', { threadId: 't', messages: [said('Hello.')] }],
      ] as const) {
        const refused = await tryTool(client, name, args);
        expect(refused).toMatchObject({
          isError: true,
          _meta: { 'triptych/problem': { code: 'forbidden' } },
        });
        expect(textOf(refused)).toBe('forbidden: This needs a credential with the scope write.');
      }
    });
  });

  it.each([
    ['remember', {}, ['agentId: is required', 'content: is required']],
    ['remember', { agentId: 1, content: 'c' }, ['agentId: ']],
    ['remember', { agentId: 'a', content: ' ' }, ['content: must not be blank']],
    ['remember', { agentId: 'a', content: 'x'.repeat(100_001) }, ['content: ']],
    ['remember', { agentId: 'a', content: 'a\0b' }, ['content: must not contain NUL']],
    ['remember', { agentId: 'a', content: 'c', tenantId: 'blue' }, ['tenantId: is not an argument']],
    ['remember', { agentId: 'a', content: 'c', metadata: [] }, ['metadata: ']],
    [
      'remember',
      { agentId: 'a', content: 'c', metadata: { m: 'x'.repeat(65_536) } },
      ['metadata: must have'],
    ],
    ['remember', { agentId: 'a', content: 'c', source: { occurredAt: 'soon' } }, ['source.occurredAt: ']],
    ['remember', { agentId: 'a', content: 'c', source: { who: 'x' } }, ['source.who: is not an argument']],
    ['recall', { query: '' }, ['query: ']],
    ['recall', { query: 'q', limit: 0 }, ['limit: ']],
    ['recall', { query: 'q', limit: 1.5 }, ['limit: ']],
    ['recall', { query: 'q', limit: '5' }, ['limit: ']],
    ['recall', { query: 'q', filter: { nothing: 1 } }, ['filter.nothing: ']],
    ['recall', { query: 'q', scope: 'thread' }, ['threadId: must be']],
    ['recall', { query: 'q', threadId: 't' }, ['threadId: needs the scope']],
    ['recall', { query: 'q', asOf: 'yesterday' }, ['asOf: must be a date']],
    ['forget', { memoryId: 7 }, ['memoryId: ']],
    ['forget', { memoryId: 'm', how: 'burn' }, ['how: ']],
    ['append_messages', { threadId: 't', messages: [] }, ['messages: ']],
    ['append_messages', { threadId: '..', messages: [said('x')] }, ['threadId: must not be']],
    ['append_messages', { threadId: 'x'.repeat(257), messages: [said('x')] }, ['threadId: ']],
    ['append_messages', { threadId: 't', messages: [{ role: 'poet', content: 'x' }] }, ['messages.0.role: ']],
    ['append_messages', { threadId: 't', messages: [{ role: 'tool', content: 'x' }] }, ['tool_call_id: ']],
    ['append_messages', { threadId: 't', messages: [{ ...said('x'), seq: 4 }] }, ['messages.0.seq: is set']],
    ['read_session', { threadId: 't', limit: 1_001 }, ['limit: ']],
    ['list_sessions', { cursor: 'nonsense' }, ['cursor: ']],
    ['compile_context', { threadId: 't', systemPrompt: '', task: 'book' }, ['task: ']],
    [
      'compile_context',
      { threadId: 't', systemPrompt: '', task: { description: ' ' } },
      ['task.description: '],
    ],
    [
      'compile_context',
      { threadId: 't', systemPrompt: '', task: { description: 'd' }, budget: { shares: {} } },
      ['budget.shares.systemPrompt: is required'],
    ],
  ] as [string, object, string[]][])('%s refuses bad arguments, case %#', async (name, args, reasons) => {
    const refused = await tryTool(await as('red'), name, args);
    expect(refused).toMatchObject({
      isError: true,
      _meta: { 'triptych/problem': { code: 'invalid_input' } },
    });
    expect(refused.structuredContent).toBeUndefined();
    expect(textOf(refused)).toMatch(/^invalid_input: .*Correct the arguments and call again\.$/s);
    for (const reason of reasons) expect(textOf(refused)).toContain(reason);
  });

  it('says of what is not there that it is not, with a stable code', async () => {
    const client = await as('red');
    const nobody = '0198c0de-0000-7000-8000-000000000000';
    for (const [name, args] of [
      ['forget', { memoryId: nobody }],
      ['forget', { memoryId: nobody, how: 'delete' }],
      ['forget', { memoryId: 'no uuid' }],
      ['read_session', { threadId: 'nobody' }],
    ] as const) {
      const refused = await tryTool(client, name, args);
      expect(refused).toMatchObject({ isError: true, _meta: { 'triptych/problem': { code: 'not_found' } } });
      expect(textOf(refused)).toMatch(/^not_found: There is no such \w+\. Check the id/);
    }
    const request = { threadId: 't', systemPrompt: '', task: { description: 'd' }, modelTier: 'unknown' };
    expect(textOf(await tryTool(client, 'compile_context', request))).toMatch(
      /^unknown_tier: .*fast.*reasoning/,
    );
  });

  it('says of a defect of ours nothing but its code, and its log has the rest', async () => {
    const logged: unknown[] = [];
    const error = jest.spyOn(Logger.prototype, 'error').mockImplementation((line) => logged.push(line));
    const memory = service.app.get(LongTermMemory, { strict: false });
    const find = jest.spyOn(service.app.get(ContextSearch, { strict: false }), 'find');
    const store = jest.spyOn(memory, 'store');
    try {
      find.mockRejectedValue(new TypeError('secret-of-the-inside'));
      store.mockRejectedValue(new TypeError('secret-of-the-inside'));
      for (const [tool, args] of [
        ['recall', { query: 'anything' }],
        ['remember', { agentId: 'a', content: 'anything' }],
      ] as const) {
        const answer = await post(message('tools/call', { name: tool, arguments: args }));
        expect(answer).toMatchObject({ status: 200, body: { result: { isError: true } } });
        expect(answer.text).toContain('internal_error');
        expect(answer.text).not.toContain('secret-of-the-inside');
      }
      const requestFailed = logged.filter((line) => (line as { event?: string }).event === 'request_failed');
      expect(requestFailed).toMatchObject([{ code: 'internal_error' }, { code: 'internal_error' }]);
      expect(JSON.stringify(requestFailed)).toContain('secret-of-the-inside');
    } finally {
      for (const spied of [find, store, error]) spied.mockRestore();
    }
  });

  it('keeps two tenants apart in every tool and resource, whatever a request says beside its key', async () => {
    const [red, blue] = [await as('red'), await as('blue')];
    const secret = 'Codeword quokka, of red alone.';
    const agentId = 'apart';
    const { memoryId } = await callTool<Memory>(red, 'remember', { agentId, content: secret });
    await callTool(red, 'append_messages', { threadId: 'apart', messages: [said(secret)] });
    const posing = await connectMcp(service.url, { ...bearer(keyOf('blue')), 'x-tenant-id': 'red' });
    clients.push(posing);
    for (const other of [blue, posing]) {
      const seen = [
        await callTool(other, 'recall', { query: 'codeword quokka' }),
        await tryTool(other, 'recall', { query: 'quokka', scope: 'both', threadId: 'apart' }),
        await tryTool(other, 'read_session', { threadId: 'apart' }),
        await callTool(other, 'list_sessions', { limit: 1_000 }),
        await other.listResources(),
        await tryTool(other, 'compile_context', {
          threadId: 'apart',
          systemPrompt: '',
          task: { description: 'Say the codeword quokka.' },
          recallScope: 'both',
        }),
        await other.complete({
          ref: { type: 'ref/resource', uri: 'triptych://sessions/{threadId}' },
          argument: { name: 'threadId', value: 'apart' },
        }),
      ];
      expect(JSON.stringify(seen)).not.toContain('of red alone');
      expect(JSON.stringify(seen.slice(3))).not.toContain('"apart"');
      await expect(other.readResource({ uri: 'triptych://sessions/apart' })).rejects.toThrow(/thread/);
      for (const how of ['retract', 'delete'])
        expect(textOf(await tryTool(other, 'forget', { memoryId, how }))).toMatch(/^not_found/);
      const mine = await callTool<Memory>(other, 'remember', { agentId, content: secret, deduplicate: true });
      expect(mine.memoryId).not.toBe(memoryId);
      await callTool(other, 'forget', { memoryId: mine.memoryId, how: 'delete' });
    }
    const { results } = await callTool<Found>(red, 'recall', { query: 'codeword quokka', agentId });
    expect(results.map(({ memory }) => memory?.memoryId)).toContain(memoryId);
  });

  it('reads over REST what was appended by MCP, and the other way, unchanged', async () => {
    const client = await as('red');
    const words = fc
      .string({ unit: 'binary', maxLength: 30 })
      .filter((text) => text.isWellFormed() && !text.includes('\0'));
    const value = fc.jsonValue({ maxDepth: 2 });
    const anyMessage = fc.record(
      {
        role: fc.constantFrom('system', 'user', 'assistant'),
        content: words,
        name: fc.constantFrom('Ada', 'Bob'),
        extra: fc.dictionary(fc.constantFrom('a', '\\', '"', '\n', 'constructor'), value, { maxKeys: 3 }),
      },
      { requiredKeys: ['role', 'content'] },
    );
    let threads = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyMessage, { minLength: 1, maxLength: 3 }),
        fc.boolean(),
        async (given, byMcp) => {
          const messages = JSON.parse(JSON.stringify(given)) as object[];
          const text = JSON.stringify(messages);
          // Refused, both: what cannot be stored, and keys by which programs are attacked (docs/operations.md).
          fc.pre(!text.includes('\\u0000') && text.isWellFormed());
          fc.pre(!/"__proto__":|"constructor":\{[^}]*"prototype":/.test(text));
          const threadId = `both-${(threads += 1)}`;
          const path = `/v1/sessions/${threadId}/messages`;
          const written = byMcp
            ? await callTool<Thread>(client, 'append_messages', { threadId, messages })
            : ((await rest('red', 'POST', path, { messages })).body as Thread);
          const overRest = (await rest('red', 'GET', path)).body as Thread;
          const byTool = await callTool<Thread>(client, 'read_session', { threadId });
          expect(written.messages).toMatchObject(messages);
          expect(overRest.messages).toEqual(written.messages);
          expect(byTool).toEqual(overRest);
        },
      ),
      { numRuns: 25 },
    );
  });

  it('serves twenty clients at once, each its own answers', async () => {
    const names = ['red', 'blue', 'green'];
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const client = await as(names[index % 3] ?? '', ERAS[index % 2]);
        const threadId = `crowd-${index}`;
        for (let turn = 1; turn <= 3; turn += 1)
          await callTool(client, 'append_messages', { threadId, messages: [said(`${index}: ${turn}`)] });
        const { messages } = await callTool<Thread>(client, 'read_session', { threadId });
        expect(messages.map(({ content }) => content)).toEqual([1, 2, 3].map((turn) => `${index}: ${turn}`));
      }),
    );
  });

  it('lets nobody in without a key in force', async () => {
    const { key } = keys.get('red') ?? { key: '' };
    for (const headers of [
      { authorization: '' },
      bearer(`${key}x`),
      bearer(keyOf('revoked')),
      { authorization: '', 'x-tenant-id': 'red' },
    ]) {
      const answer = await post(message('tools/list'), headers);
      expect(answer).toMatchObject({ status: 401, body: { error: { data: { code: 'unauthenticated' } } } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
    await expect(connectMcp(service.url, {})).rejects.toThrow();
  });

  it('keeps no session: POST alone, one message each, and any request may come first', async () => {
    for (const method of ['GET', 'DELETE']) {
      const answer = await service.send(method, '/mcp', undefined, { ...bearer(keyOf('red')), ...ACCEPT });
      expect(answer).toMatchObject({
        status: 405,
        body: { error: { data: { code: 'method_not_allowed' } } },
      });
      expect(answer.headers.get('allow')).toBe('POST');
    }
    const answer = await post(message('tools/list'));
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.headers.get('mcp-session-id')).toBeNull();
    expect(answer).toMatchObject({ status: 200, body: { id: 7, result: { tools: expect.any(Array) } } });
    const notified = { jsonrpc: '2.0', method: 'notifications/initialized' };
    expect(await post(notified)).toMatchObject({ status: 202, text: '' });
  });

  it.each([
    ['a batch', [message('ping'), message('ping')], 400, -32_600],
    ['an empty batch', [], 400, -32_600],
    ['no JSON', '{"jsonrpc":', 400, -32_700],
    ['nothing', '', 400, -32_700],
    ['a number', '7', 400, -32_600],
    ['null', 'null', 400, -32_600],
    ['another protocol', { id: 1, method: 'ping' }, 400, -32_600],
    ['no method', { jsonrpc: '2.0', id: 1 }, 400, -32_600],
    ['an unknown method', message('tools/guess'), 200, -32_601],
    ['prompts, of which there are none', message('prompts/list'), 200, -32_601],
    ['a subscription', message('subscriptions/listen'), 404, -32_601],
    ['a call without a name', message('tools/call', { arguments: {} }), 200, -32_602],
    [
      'a number that is not kept exactly',
      '{"jsonrpc":"2.0","id":9007199254740993,"method":"ping"}',
      400,
      -32_600,
    ],
    ['a key that stands twice', '{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}', 400, -32_600],
    ['too much', message('ping', { fill: 'x'.repeat(1_100_000) }), 413, -32_000],
  ] as [string, unknown, number, number][])('refuses %s', async (_, body, status, code) => {
    const answer = await post(body, { 'content-type': 'application/json' });
    expect(answer).toMatchObject({ status, body: { jsonrpc: '2.0', error: { code } } });
    expect(answer.text).not.toMatch(/node_modules|\.ts:|\.js:/);
  });

  it('refuses other media types, revisions and web pages of others', async () => {
    const ping = message('ping');
    expect(await post(JSON.stringify(ping), { 'content-type': 'text/plain' })).toMatchObject({ status: 415 });
    expect(await post(ping, { accept: 'text/html' })).toMatchObject({ status: 406 });
    expect(await post(ping, { 'mcp-protocol-version': '1999-01-01' })).toMatchObject({ status: 400 });
    for (const origin of ['https://evil.example', 'null', 'http://127.0.0.1:1'])
      expect(await rawPost(service.url, { origin, ...bearer(keyOf('red')) })).toBe(403);
    expect(await rawPost(service.url, { origin: service.url, ...bearer(keyOf('red')) })).toBe(200);
  });

  it('is not there with MCP=false', async () => {
    const without = await TestService.start(database, { mcp: { enabled: false } });
    const answer = await without.send('POST', '/mcp', message('ping'), { ...ACCEPT, 'x-tenant-id': 'red' });
    await without.stop();
    expect(answer.status).toBe(404);
  });

  it('is measured by its route', async () => {
    await post(message('ping'));
    expect((await service.send('GET', '/metrics')).text).toMatch(/route="\/mcp",status="200"/);
  });
});

/** With any header, such as those that `fetch` sets by itself. */
function rawPost(url: string, headers: Record<string, string>): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    request(`${url}/mcp`, {
      method: 'POST',
      headers: { ...ACCEPT, 'content-type': 'application/json', ...headers },
    })
      .on('response', (answer) => {
        answer.resume();
        resolve(answer.statusCode);
      })
      .on('error', reject)
      .end(JSON.stringify(message('ping')));
  });
}
