import { afterAll, beforeAll, expect, it } from '@jest/globals';
import {
  appendMessages,
  changeMemory,
  checkLiveness,
  checkReadiness,
  clearSession,
  compileContext,
  createTriptychClient,
  deleteMemory,
  eachMemory,
  eachMessage,
  eachReceipt,
  eachSession,
  getBudgets,
  getMemory,
  getMemoryHistory,
  getReceipt,
  listMemories,
  listReceipts,
  listSessions,
  readMessages,
  readMetrics,
  searchMemories,
  storeMemories,
  storeMemory,
  TriptychProblem,
  type NewMessage,
  type TriptychClient,
} from 'triptych-client';
import openapi from '../../packages/client/openapi.json' with { type: 'json' };
import { DatabaseUnavailableError } from '../../src/errors.js';
import { HealthProbes, type HealthProbe } from '../../src/http/health-probes.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService } from '../support/service.js';

const user = (content: string): NewMessage => ({ role: 'user', content });

/** What the call was refused with; fails where it was not. */
async function refusal(call: Promise<unknown>): Promise<TriptychProblem> {
  const error: unknown = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof TriptychProblem)) throw new Error(`no problem: ${String(error)}`);
  return error;
}

async function take<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describeOnEachEngine('triptych-client', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  /** Method and path of each call that was answered with success. */
  const succeeded = new Set<string>();

  const clientOf = (tenantId: string): TriptychClient =>
    createTriptychClient({
      baseUrl: service.url,
      tenantId,
      fetch: async (input, init) => {
        const response = await fetch(input, init);
        const { method, url } = input as Request;
        if (response.ok) succeeded.add(`${method} ${new URL(url).pathname}`);
        return response;
      },
    });

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  it('calls every operation of the document', async () => {
    const client = clientOf('operations');
    const path = { threadId: 'thread of/ä' };
    const { data: appended } = await appendMessages({
      client,
      path,
      body: { messages: [user('Tea, please.'), { role: 'assistant', content: null }] },
    });
    expect(appended).toMatchObject({
      threadId: path.threadId,
      version: 1,
      messages: [{ seq: 1 }, { seq: 2 }],
    });
    const { data: page } = await readMessages({ client, path, query: { limit: 1 } });
    expect(page).toMatchObject({ messages: [{ seq: 2, role: 'assistant' }], nextBefore: 2 });
    const { data: sessions } = await listSessions({ client });
    expect(sessions.sessions).toMatchObject([{ threadId: path.threadId, messageCount: 2 }]);

    const memory = { agentId: 'waiter', content: 'The guest takes green tea.' };
    const { data: stored } = await storeMemory({ client, body: memory });
    const { data: batch } = await storeMemories({
      client,
      body: { memories: [{ agentId: 'waiter', content: 'The kitchen closes at nine.' }] },
    });
    expect(batch.memories).toMatchObject([{ agentId: 'waiter' }]);
    const ofMemory = { memoryId: stored.memoryId };
    await changeMemory({ client, path: ofMemory, body: { content: 'The guest takes black tea.' } });
    const { data: changed } = await getMemory({ client, path: ofMemory });
    expect(changed.content).toBe('The guest takes black tea.');
    const { data: history } = await getMemoryHistory({ client, path: ofMemory });
    expect(history.revisions.map(({ content }) => content)).toContain(memory.content);
    const { data: memories } = await listMemories({ client, query: { agentId: 'waiter', limit: 10 } });
    expect(memories.memories).toHaveLength(2);
    const { data: found } = await searchMemories({
      client,
      body: { query: 'green tea', scope: 'both', threadId: path.threadId, filter: { agentId: 'waiter' } },
    });
    expect(
      found.results.map((item) => ('memory' in item ? item.memory.memoryId : item.message.seq)),
    ).toContain(stored.memoryId);

    const { data: context } = await compileContext({
      client,
      body: {
        threadId: path.threadId,
        systemPrompt: 'You are a waiter.',
        modelTier: 'fast',
        task: { description: 'Serve tea.' },
      },
    });
    expect(context.context).toContain('black tea');
    const { data: budgets } = await getBudgets({ client });
    expect(budgets.tiers.map(({ tier }) => tier)).toContain('fast');
    const [receipt] = await take(eachReceipt({ client, query: { threadId: path.threadId } }));
    const { data: receipts } = await listReceipts({ client, query: { threadId: path.threadId } });
    expect(receipts.receipts).toEqual([receipt]);
    const ofReceipt = { receiptId: receipt?.receiptId ?? '' };
    const { data: whole } = await getReceipt({ client, path: ofReceipt });
    expect(whole).toMatchObject({ threadId: path.threadId });
    const { data: text } = await getReceipt({ client, path: ofReceipt, headers: { Accept: 'text/plain' } });
    expect(text).toEqual(expect.stringContaining('fast'));

    expect((await checkLiveness({ client })).data).toEqual({ status: 'ok' });
    expect((await checkReadiness({ client })).data).toMatchObject({ status: 'ok' });
    expect((await readMetrics({ client })).data).toContain('# TYPE');
    await deleteMemory({ client, path: ofMemory });
    await clearSession({ client, path });

    const missing = Object.entries(openapi.paths).flatMap(([template, methods]) => {
      const pattern = new RegExp(`^${template.replace(/\{\w+\}/g, '[^/]+')}$`);
      return Object.keys(methods)
        .map((method) => method.toUpperCase())
        .filter((method) => ![...succeeded].some((call) => isCallOf(call, method, pattern)))
        .map((method) => `${method} ${template}`);
    });
    expect(missing).toEqual([]);
  });

  it('throws the problem, with what it says', async () => {
    const client = clientOf('refused');
    const absent = await refusal(readMessages({ client, path: { threadId: 'nowhere' } }));
    expect(absent).toMatchObject({ status: 404, code: 'not_found', title: 'Not Found', violations: [] });
    expect(absent.requestId).toMatch(/^[0-9a-f-]{36}$/);
    expect(absent.message).toBe(`404 not_found: ${absent.detail}`);
    const path = { threadId: 'thread' };
    const invalid = await refusal(
      appendMessages({ client, path, body: { messages: [{ role: 'tool', content: 'without a call' }] } }),
    );
    expect(invalid).toMatchObject({
      status: 400,
      code: 'invalid_input',
      violations: [{ field: 'messages.0.tool_call_id' }],
    });
    const { error, data } = await readMessages({ client, path, throwOnError: false });
    expect([error, data]).toEqual([expect.objectContaining({ code: 'not_found' }), undefined]);
    const nobody = createTriptychClient({ baseUrl: service.url });
    expect(await refusal(listSessions({ client: nobody }))).toMatchObject({ status: expect.any(Number) });
    const elsewhere = createTriptychClient({ baseUrl: `${service.url}/docs#`, tenantId: 'refused' });
    await expect(listSessions({ client: elsewhere })).rejects.toMatchObject({
      name: 'TriptychConnectionError',
      code: 'unreadable',
    });
  });

  it('says at once which part is not ready', async () => {
    const probes = service.app.get(HealthProbes);
    const { database } = probes;
    let asked = 0;
    probes['database'] = () => {
      asked += 1;
      return Promise.reject(new DatabaseUnavailableError('it is read-only'));
    };
    try {
      const refused = await refusal(checkReadiness({ client: clientOf('ready') }));
      expect(refused).toMatchObject({ status: 503, code: 'not_ready', report: { status: 'error' } });
      expect(refused.detail).toMatch(/^The service is not ready\. database: .*it is read-only/);
      expect(refused.report?.details).toMatchObject({
        database: { status: 'down' },
        service: { status: 'up' },
      });
      expect(asked).toBe(1);
    } finally {
      probes['database'] = database as HealthProbe;
    }
  });

  it('writes only what it has read, and reads only what is new', async () => {
    const client = clientOf('versions');
    const path = { threadId: 'thread' };
    const append = (content: string, version: number): Promise<unknown> =>
      appendMessages({
        client,
        path,
        body: { messages: [user(content)] },
        headers: { 'If-Match': `"${version}"` },
      });
    await append('first', 0);
    const late = await refusal(append('late', 0));
    expect(late).toMatchObject({ status: 412, problem: { currentVersion: 1 } });
    const { response } = await readMessages({ client, path });
    const headers = { 'If-None-Match': response.headers.get('etag') ?? '' };
    expect(await refusal(readMessages({ client, path, headers }))).toMatchObject({
      status: 304,
      code: 'not_modified',
    });
    await append('second', 1);
    expect((await readMessages({ client, path, headers })).data.version).toBe(2);
  });

  it('walks through all pages', async () => {
    const client = clientOf('pages');
    for (const threadId of ['a', 'b', 'c'])
      await appendMessages({
        client,
        path: { threadId },
        body: { messages: Array.from({ length: 5 }, (_, index) => user(`${threadId}${index + 1}`)) },
      });
    await storeMemories({
      client,
      body: { memories: ['one', 'two', 'three'].map((content) => ({ agentId: 'walker', content })) },
    });
    const sessions = await take(eachSession({ client, query: { limit: 2 } }));
    expect(sessions.map(({ threadId }) => threadId)).toEqual(['c', 'b', 'a']);
    const memories = await take(eachMemory({ client, query: { agentId: 'walker', limit: 1 } }));
    expect(memories.map(({ content }) => content).sort()).toEqual(['one', 'three', 'two']);
    const messages = await take(eachMessage({ client, threadId: 'b', pageSize: 2 }));
    expect(messages.map(({ content }) => content)).toEqual(['b5', 'b4', 'b3', 'b2', 'b1']);
    expect((await refusal(take(eachMessage({ client, threadId: 'nowhere' })))).status).toBe(404);
    for await (const { content } of eachMessage({ client, threadId: 'a', pageSize: 1 })) {
      expect(content).toBe('a5');
      break;
    }
  });
});

function isCallOf(call: string, method: string, pattern: RegExp): boolean {
  const [of, path = ''] = call.split(' ');
  return of === method && pattern.test(path);
}
