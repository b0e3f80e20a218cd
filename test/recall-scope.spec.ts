import { beforeAll, expect, it } from '@jest/globals';
import { HumanMessage, RemoveMessage } from '@langchain/core/messages';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  ContextSearch,
  type ContextSearchOptions,
  type FoundItems,
  type ScoredMessage,
} from '../src/context/context-search.js';
import { Database } from '../src/database/database.js';
import type { Message } from '../src/session/message.js';
import { SessionStore } from '../src/session/session-store.js';
import { describeOnEachEngine } from './support/engines.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { RecallTenant } from './support/recall-tenant.js';
import { TestService, type Answer } from './support/service.js';

/** An answer in which there are messages alone. */
type Kayaks = Omit<FoundItems, 'results'> & { readonly results: readonly ScoredMessage[] };

const MODES = ['hybrid', 'lexical', 'semantic'] as const;

describeOnEachEngine('a search of what was said', (createDatabase) => {
  const tenant = RecallTenant.forEachTest(createDatabase);
  const as = tenant.as.bind(tenant);
  let search: ContextSearch;
  let sessions: SessionStore;
  const say = (threadId: string, ...messages: (string | Message)[]): Promise<unknown> =>
    as(() =>
      sessions.appendMessages(
        threadId,
        messages.map((each, index) =>
          typeof each === 'string' ? { role: index % 2 ? 'assistant' : 'user', content: each } : each,
        ),
      ),
    );
  const find = async (query: string, options: ContextSearchOptions): Promise<unknown[]> =>
    (await as(() => search.find(query, options))).results.map((found) =>
      'message' in found ? found.message.content : found.memory.content,
    );
  const countIndexed = async (): Promise<number> => {
    const [row] = await as(() =>
      tenant.service.app
        .get(Database)
        .query<{ count: number }>('SELECT count(*)::int FROM shared.recall_messages'),
    );
    return row?.count ?? -1;
  };

  /** A service of its own, with a provider that can be told to misbehave. */
  const withProvider = async (
    work: (client: ReturnType<TestService['as']>, server: EmbeddingsServer) => Promise<void>,
    settings: { batchSize?: number } = {},
  ): Promise<void> => {
    const [database, server] = await Promise.all([
      createDatabase(),
      EmbeddingsServer.start({ dimensions: 1536 }),
    ]);
    const embeddings = { provider: 'openai', baseUrl: server.url, timeoutMs: 20_000, ...settings } as const;
    const service = await TestService.start(database, { embeddings });
    try {
      await work(service.as('acme'), server);
    } finally {
      await service.stop();
      await server.close();
      await database.drop();
    }
  };

  const findKayaks = async (client: ReturnType<TestService['as']>, more: object = {}): Promise<Kayaks> =>
    (await client.post('/v1/memories/search', { query: 'kayak', scope: 'thread', threadId: 'lake', ...more }))
      .body;
  /** What is found as soon as all are embedded that can be; some searches before are by words alone, the first too. */
  const foundInTheEnd: typeof findKayaks = async (client, more) => {
    let found = await findKayaks(client, more);
    expect(found.degraded).toMatchObject([{ code: 'embeddings_unavailable' }]);
    for (let searches = 1; found.degraded.length > 0 && searches < 5; searches++)
      found = await findKayaks(client, more);
    return found;
  };

  beforeAll(() => {
    search = tenant.service.app.get(ContextSearch);
    sessions = tenant.service.app.get(SessionStore);
  });

  it('finds messages of the thread, and of no other, as they are stored', async () => {
    await say('trip', 'Where shall we sleep?', 'There is a yellow tent in the attic.', 'Good, take it.');
    await say('other', 'The tent is broken.');
    for (const mode of MODES) {
      const { results, exhaustive } = await as(() =>
        search.find('tents', { scope: 'thread', threadId: 'trip', mode, limit: 1 }),
      );
      const [, stored] = await as(() => sessions.getSessionMessages('trip'));
      expect(results).toEqual([
        {
          threadId: 'trip',
          message: stored,
          score: expect.any(Number),
          scores: {
            lexical: mode === 'semantic' ? null : expect.any(Number),
            semantic: mode === 'lexical' ? null : expect.any(Number),
          },
        },
      ]);
      expect(exhaustive).toBe(true);
    }
    expect(await find('tetn', { scope: 'thread', threadId: 'trip', mode: 'lexical', limit: 1 })).toEqual([
      'There is a yellow tent in the attic.',
    ]);
    expect(await find('tent', { scope: 'thread', threadId: 'nobody wrote there' })).toEqual([]);
    await as(async () => {
      expect((await search.find('tent', { scope: 'thread', threadId: 'trip' })).results).toEqual([]);
    }, 'stranger');
  });

  it('ranks messages and memories together, and leaves memories as they were', async () => {
    await say('trip', 'The red boat leaves at nine.', 'And the blue one?');
    await as(() => tenant.memory.store({ agentId: 'a', content: 'Ada owns a red boat.' }));
    await as(() => tenant.memory.store({ agentId: 'b', content: 'A boat needs paint.' }));
    const both = { scope: 'both', threadId: 'trip', mode: 'lexical' } as const;
    expect((await find('red boat', both)).slice(0, 2).sort()).toEqual([
      'Ada owns a red boat.',
      'The red boat leaves at nine.',
    ]);
    expect(await find('red boat', { ...both, agentId: 'b' })).toContain('A boat needs paint.');
    expect(await find('red boat', { ...both, agentId: 'b' })).not.toContain('Ada owns a red boat.');
    expect(await find('red boat', { scope: 'memories' })).not.toContain('The red boat leaves at nine.');
    expect(await find('boat', { ...both, filter: { role: 'user' } })).toEqual([
      'The red boat leaves at nine.',
    ]);
    expect(await find('boat', { ...both, filter: { agentId: 'a' } })).toEqual(['Ada owns a red boat.']);
  });

  it('indexes a message once, when somebody looks, and again in another revision', async () => {
    await say('t', 'one apple', { role: 'user', content: 'two pears', id: 'changing' });
    expect(await countIndexed()).toBe(0);
    expect(await find('pears', { scope: 'thread', threadId: 't', mode: 'lexical', limit: 1 })).toEqual([
      'two pears',
    ]);
    expect(await countIndexed()).toBe(2);
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('edit', () => ({
        messages: [
          new HumanMessage({ id: 'changing', content: 'three plums' }),
          new HumanMessage('four figs'),
        ],
      }))
      .addEdge(START, 'edit')
      .addEdge('edit', END)
      .compile({ checkpointer: sessions.checkpointer });
    await as(() => graph.invoke({ messages: [] }, { configurable: { thread_id: 't' } }));
    const lexical = { scope: 'thread', threadId: 't', mode: 'lexical', limit: 1 } as const;
    expect(await find('plum', lexical)).toEqual(['three plums']);
    expect(await find('fig', lexical)).toEqual(['four figs']);
    expect(await find('pears', lexical)).toEqual([]);
    const remove = new StateGraph(MessagesAnnotation)
      .addNode('remove', () => ({ messages: [new RemoveMessage({ id: 'changing' })] }))
      .addEdge(START, 'remove')
      .addEdge('remove', END)
      .compile({ checkpointer: sessions.checkpointer });
    await as(() => remove.invoke({ messages: [] }, { configurable: { thread_id: 't' } }));
    expect(await find('plum', lexical)).toEqual([]);
    await as(() => sessions.clearSession('t'));
    expect(await countIndexed()).toBe(0);
  });

  it('takes messages of every kind', async () => {
    await say(
      't',
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look at this walrus' },
          { type: 'image_url', image_url: { url: 'https://example.com/a.png' } },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: '{}' } }],
      },
      { role: 'tool', content: '', tool_call_id: 'c' },
      { role: 'user', content: `${'padding '.repeat(3_000)}kingfisher` },
      { role: 'assistant', content: '   ' },
      { role: 'user', content: '図書館へ行きましょう' },
    );
    const options = { scope: 'thread', threadId: 't', limit: 1 } as const;
    const [walrus] = (await as(() => search.find('walrus', options))).results;
    expect(walrus).toMatchObject({ message: { seq: 1 } });
    const [bird] = (await as(() => search.find('kingfisher', options))).results;
    expect(bird).toMatchObject({ message: { seq: 4 } });
    const [library] = (await as(() => search.find('図書館', options))).results;
    expect(library).toMatchObject({ message: { seq: 6 } });
  });

  it('looks at what was said by a moment', async () => {
    await say('t', 'The first whale.');
    await sleep(3);
    const asOf = new Date().toISOString();
    await sleep(3);
    await say('t', 'The second whale.');
    const before = await as(() => tenant.memory.store({ agentId: 'a', content: 'A whale is no fish.' }));
    expect(await find('whale', { scope: 'both', threadId: 't', asOf })).toEqual(['The first whale.']);
    await sleep(3);
    const later = new Date().toISOString();
    await sleep(3);
    await as(() => tenant.memory.update(before.memoryId, { content: 'It is a mammal.' }));
    const then = await find('whale', { scope: 'both', threadId: 't', asOf: later, mode: 'lexical' });
    expect(then.sort()).toEqual(['A whale is no fish.', 'The first whale.', 'The second whale.']);
  });

  it('makes a long thread findable, a part at a time', async () => {
    for (let part = 0; part < 3; part += 1)
      await say('long', ...Array.from({ length: 700 }, (_, index) => `Item ${part * 700 + index}.`));
    const first = await as(() => search.find('2099', { scope: 'thread', threadId: 'long', limit: 1 }));
    expect(first).toMatchObject({ exhaustive: false, results: [{ message: { content: 'Item 2099.' } }] });
    const again = (): Promise<FoundItems> =>
      as(() => search.find('3', { scope: 'thread', threadId: 'long', limit: 1 }));
    let second = await again();
    // A slow machine takes more than one.
    for (let searches = 2; !second.exhaustive && searches < 20; searches++) second = await again();
    expect(second).toMatchObject({ exhaustive: true, results: [{ message: { content: 'Item 3.' } }] });
  });

  it('serves searches and appends at once', async () => {
    await say('busy', 'Gold 0.');
    const searches = Array.from({ length: 8 }, () => find('gold', { scope: 'thread', threadId: 'busy' }));
    const appends = Array.from({ length: 8 }, (_, index) => say('busy', `Gold ${index + 1}.`));
    await Promise.all([...searches, ...appends]);
    expect(await find('gold', { scope: 'thread', threadId: 'busy', limit: 50 })).toHaveLength(9);
    await Promise.all([
      ...Array.from({ length: 4 }, () => find('gold', { scope: 'thread', threadId: 'busy' })),
      as(() => sessions.clearSession('busy')),
    ]);
    expect(await countIndexed()).toBe(0);
  });

  it('refuses a scope that makes no sense', async () => {
    const refused = (options: object): Promise<unknown> =>
      expect(as(() => search.find('x', options))).rejects.toMatchObject({ code: 'invalid_input' });
    await refused({ scope: 'all' });
    await refused({ scope: 'thread' });
    await refused({ scope: 'both', threadId: '' });
    await refused({ threadId: 't' });
    await refused({ scope: 'memories', threadId: 't' });
  });

  it('finds messages by words alone while nothing can be embedded, and by both afterwards', async () => {
    await withProvider(async (client, server) => {
      const messages = [
        { role: 'user', content: 'The kayak is green.' },
        { role: 'user', content: '' },
      ];
      expect((await client.post('/v1/sessions/lake/messages', { messages })).status).toBe(201);
      const ask = (mode: string): Promise<Answer> =>
        client.post('/v1/memories/search', { query: 'kayak', scope: 'thread', threadId: 'lake', mode });
      const scores = { lexical: expect.any(Number), semantic: null };
      server.fail({ status: 500 });
      expect(await ask('lexical')).toMatchObject({ status: 200, body: { results: [{ scores }, {}] } });
      expect(await ask('hybrid')).toMatchObject({
        status: 200,
        body: { results: [{ scores }, {}], degraded: [{ code: 'embeddings_unavailable' }] },
      });
      server.heal();
      expect((await ask('hybrid')).body).toMatchObject({
        results: [{ threadId: 'lake', scores: { ...scores, semantic: expect.any(Number) } }, {}],
      });
      const sent = server.requests.length;
      expect(await ask('lexical')).toMatchObject({ status: 200, body: { results: [{ scores }, {}] } });
      expect(server.requests).toHaveLength(sent);
    });
  });

  it('sends no more texts at once than the settings say', async () => {
    await withProvider(
      async (client, server) => {
        server.maxInputs = 7;
        const contents = Array.from({ length: 20 }, (_, index) => `Kayak ${index}`);
        const messages = contents.map((content) => ({ role: 'user', content }));
        await client.post('/v1/sessions/lake/messages', { messages });
        const memories = contents.map((content) => ({ agentId: 'a', content }));
        const { body } = await client.post('/v1/memories/batch', { memories });
        for (const memory of (body as { memories: object[] }).memories)
          expect(memory).toMatchObject({ embeddingStatus: 'ready' });
        expect((await findKayaks(client)).degraded).toEqual([]);
        const counts = server.requests.map((request) => [request.body.input].flat().length);
        expect(counts).toEqual([7, 7, 6, 7, 7, 6, 1]);
      },
      { batchSize: 7 },
    );
  });

  it('asks for fewer messages at a time where the provider takes no more, and finds all in the end', async () => {
    await withProvider(async (client, server) => {
      server.maxInputs = 7;
      const messages = Array.from({ length: 60 }, (_, index) => ({
        role: 'user',
        content: `Kayak ${index}`,
      }));
      await client.post('/v1/sessions/lake/messages', { messages });
      // 60, 15 and 3 at a time.
      const { degraded, exhaustive, results } = await foundInTheEnd(client, { limit: 100 });
      expect({ degraded, exhaustive }).toEqual({ degraded: [], exhaustive: true });
      expect(results).toHaveLength(60);
      for (const { scores } of results)
        expect(scores).toEqual({ lexical: expect.any(Number), semantic: expect.any(Number) });
    });
  });

  it('finds a message that the provider chokes on by its words, and the others as ever', async () => {
    await withProvider(async (client, server) => {
      server.refuse((text) => text.includes('cursed'), 500);
      const contents = ['The kayak is green.', 'The cursed kayak is blue.', 'The kayak is red.'];
      const messages = contents.map((content) => ({ role: 'user', content }));
      await client.post('/v1/sessions/lake/messages', { messages });
      const { results } = await foundInTheEnd(client);
      const semantic = new Map(
        results.map(({ message, scores }) => [message.content as string, scores.semantic]),
      );
      expect([...semantic.keys()].toSorted()).toEqual(contents.toSorted());
      for (const [content, score] of semantic)
        expect(score).toEqual(content.includes('cursed') ? null : expect.any(Number));
      // Nobody asks for it again, until another model might take it.
      const before = server.requests.length;
      expect((await findKayaks(client)).degraded).toEqual([]);
      expect(server.requests.slice(before).flatMap((request) => request.body.input)).toEqual(['kayak']);
    });
  });
});
