import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Embedders } from '../src/embeddings/embedders.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { closedGate } from './support/gate.js';
import { TestService, type Answer } from './support/service.js';

const AGENT = { agentId: 'a' };
const byWords = { lexical: expect.any(Number), semantic: null };
const byBoth = { lexical: expect.any(Number), semantic: expect.any(Number) };
const away = [{ code: 'embeddings_unavailable', detail: expect.stringContaining('words alone') }];

interface Found {
  message?: { content: string };
  scores: object;
}

describeOnEachEngine('a search whose question cannot be embedded', (createDatabase) => {
  let database: TestDatabase;
  let server: EmbeddingsServer;
  let service: TestService;

  beforeAll(async () => {
    database = await createDatabase();
    server = await EmbeddingsServer.start({ dimensions: 64 });
    service = await TestService.start(database, {
      embeddings: {
        provider: 'openai',
        baseUrl: server.url,
        dimensions: 64,
        timeoutMs: 600_000,
        concurrency: 4,
      },
      // A query waits for its vector half of this.
      recall: { timeoutMs: 600_000 },
    });
    for (const content of ['The kayak is green.', 'The piano is black.'])
      expect((await post('/v1/memories', { ...AGENT, content })).status).toBe(201);
  });
  afterAll(async () => {
    await service.stop();
    await server.close();
    await database.drop();
  });
  const post = (path: string, body: unknown): Promise<Answer> => service.as('acme').post(path, body);
  const search = (more: object = {}): Promise<Answer> =>
    post('/v1/memories/search', { query: 'kayak', ...more });

  it.each(['hybrid', 'semantic'])('is answered by words alone, and says so: %s', async (mode) => {
    // Of the question alone, so that the breaker stays closed.
    server.fail({ status: 400 });
    expect(await search({ mode })).toMatchObject({
      status: 200,
      body: {
        results: [{ memory: { content: 'The kayak is green.' }, scores: byWords }],
        degraded: away,
      },
    });
    server.fail('wrong-dimension');
    expect(await search({ mode })).toMatchObject({
      status: 200,
      body: { results: [{ scores: byWords }], degraded: [{ code: 'invalid_embedding' }] },
    });
    server.heal();
    const healed = await search({ mode });
    expect(healed).toMatchObject({ status: 200, body: { degraded: [] } });
    expect((healed.body as { results: unknown[] }).results[0]).toMatchObject({
      scores: mode === 'hybrid' ? byBoth : { lexical: null, semantic: expect.any(Number) },
    });
  });

  it('is as of a moment what the words of then say', async () => {
    const asOf = new Date(Date.now() + 60_000).toISOString();
    server.fail({ status: 400 });
    const found = await search({ asOf });
    server.heal();
    expect(found).toMatchObject({ status: 200, body: { results: [{ scores: byWords }], degraded: away } });
  });

  it.each(['thread', 'both'])('finds what was said by its words, and by both later: %s', async (scope) => {
    const threadId = `lake ${scope}`;
    const say = async (content: string): Promise<void> => {
      const path = `/v1/sessions/${encodeURIComponent(threadId)}/messages`;
      expect((await post(path, { messages: [{ role: 'user', content }] })).status).toBe(201);
    };
    const ask = async (): Promise<{ said: Record<string, object>; degraded: object[] }> => {
      const { body } = await search({ scope, threadId });
      const { results, degraded } = body as { results: Found[]; degraded: object[] };
      const said = results.flatMap(({ message, scores }): [string, object][] =>
        message ? [[message.content, scores]] : [],
      );
      return { said: Object.fromEntries(said), degraded };
    };
    await say('The kayak leaks.');
    expect(await ask()).toEqual({ said: { 'The kayak leaks.': byBoth }, degraded: [] });
    await say('Sell the kayak.');
    // The new message cannot be embedded; the question could, and would find the other alone.
    server.fail({ status: 400 }, 1);
    expect(await ask()).toEqual({
      said: { 'The kayak leaks.': byWords, 'Sell the kayak.': byWords },
      degraded: away,
    });
    server.heal();
    expect(await ask()).toEqual({
      said: { 'The kayak leaks.': byBoth, 'Sell the kayak.': byBoth },
      degraded: [],
    });
  });

  it('leaves sessions alone while all requests to the server hang', async () => {
    const gate = closedGate();
    server.fail({ until: gate.opened });
    server.requests.length = 0;
    let ended = 0;
    const hanging = Array.from({ length: 12 }, async (_, index) => {
      const answer = await (index % 2
        ? search()
        : post('/v1/memories', { ...AGENT, content: `tea ${index}` }));
      if (index % 2) ended += 1;
      return answer.status;
    });
    // Four of each kind are with the server, and the others in line.
    await until(() => server.requests.length >= 8, 'requests that hang');
    for (let index = 0; index < 10; index++) {
      const messages = [{ role: 'user', content: `hello ${index}` }];
      expect((await post('/v1/sessions/t/messages', { messages })).status).toBe(201);
      expect((await service.as('acme').get('/v1/sessions/t/messages')).status).toBe(200);
    }
    expect(ended).toBe(0);
    gate.open();
    server.heal();
    expect((await Promise.all(hanging)).sort()).toEqual([
      200, 200, 200, 200, 200, 200, 201, 201, 201, 201, 201, 201,
    ]);
  });

  it('is embedded all the same when another tenant has filled the line', async () => {
    const other = service.as('other');
    const content = 'The kayak is red.';
    expect((await other.post('/v1/memories', { ...AGENT, content })).status).toBe(201);
    const gate = closedGate();
    server.fail({ until: gate.opened });
    // Four are with the server and 32 in line; two more find it full.
    const ended: Answer[] = [];
    const flood = Array.from({ length: 38 }, async () => ended.push(await search()));
    await until(() => ended.length === 2, 'searches that find the line full');
    let isAnswered = false;
    const found = other.post('/v1/memories/search', { query: 'kayak' }).finally(() => (isAnswered = true));
    await until(() => isAnswered || ended.length === 3, 'search that makes room for the one of the other');
    expect(ended).toMatchObject(Array(3).fill({ status: 200, body: { degraded: away } }));
    gate.open();
    server.heal();
    expect(await found).toMatchObject({
      body: { results: [{ memory: { content }, scores: byBoth }], degraded: [] },
    });
    await Promise.all(flood);
    expect(ended.slice(3)).toMatchObject(Array(35).fill({ status: 200, body: { degraded: [] } }));
  });

  it('shows in readiness and in the metrics that the server is left alone, and stays ready', async () => {
    const ready = (): Promise<Answer> => service.send('GET', '/health/ready');
    const metric = async (line: string): Promise<number> => {
      const { text } = await service.send('GET', '/metrics');
      return Number(
        text
          .split('\n')
          .find((each) => each.startsWith(`${line} `))
          ?.slice(line.length),
      );
    };
    const breaker = (state: string): Promise<number> =>
      metric(`triptych_embedding_breaker{space="text-embedding-3-small/64",state="${state}"}`);
    const space = { status: 'up', dimensions: 64 };
    expect(await ready()).toMatchObject({
      status: 200,
      body: { details: { embeddings: { ...space, breaker: 'closed' } } },
    });
    expect(await breaker('closed')).toBe(1);
    const outcome = (name: string): Promise<number> =>
      metric(`triptych_embedding_requests_total{kind="query",outcome="${name}"}`);
    const outcomes = async (): Promise<[number, number]> => [
      await outcome('unavailable'),
      await outcome('not_asked'),
    ];
    const [unavailable, notAsked] = await outcomes();
    const before = server.requests.length;
    server.fail({ status: 401 });
    for (let call = 0; call < 6; call++)
      expect(await search()).toMatchObject({ status: 200, body: { degraded: away } });
    server.heal();
    const asked = server.requests.length - before;
    expect(asked).toBeGreaterThanOrEqual(3);
    expect(await ready()).toMatchObject({
      status: 200,
      body: {
        details: {
          embeddings: {
            ...space,
            breaker: 'open',
            since: expect.any(String),
            nextAttempt: expect.any(String),
          },
        },
      },
    });
    expect(await breaker('open')).toBe(1);
    expect(await breaker('closed')).toBe(0);
    expect(await outcomes()).toEqual([unavailable + asked, notAsked + 6 - asked]);
    expect(await metric('triptych_embedding_running{kind="query"}')).toBe(0);

    // The pause is some seconds; then the next search tries, and finds by both.
    await until(
      async () => ((await search()).body as { degraded: unknown[] }).degraded.length === 0,
      'recovery',
    );
    expect(await ready()).toMatchObject({ body: { details: { embeddings: { breaker: 'closed' } } } });

    // That another model fails, of which some tenants still are, is a state of its own.
    server.fail({ status: 404 });
    const former = service.app.get(Embedders).of('former-model/64');
    for (let call = 0; call < 3; call++)
      await expect(former.embed(['hello'], 'query')).rejects.toThrow(/status 404/);
    server.heal();
    expect(await metric('triptych_embedding_breaker{space="former-model/64",state="open"}')).toBe(1);
    expect(await breaker('open')).toBe(0);
  });
});

async function until(isSo: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const end = Date.now() + 60_000;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`no ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
