import {
  AIMessage,
  HumanMessage,
  RemoveMessage,
  ToolMessage,
  type BaseMessage,
} from '@langchain/core/messages';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Message } from '../src/session/message.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

/** A graph whose model repeats what it was told last, after a look-up through a tool. */
function createAgent(sessions: SessionStore) {
  return new StateGraph(MessagesAnnotation)
    .addNode('model', ({ messages }) => ({
      messages: [
        new AIMessage({
          content: '',
          tool_calls: [{ id: `call-${messages.length}`, name: 'look_up', args: { n: messages.length } }],
        }),
      ],
    }))
    .addNode('tools', ({ messages }) => {
      const call = (messages.at(-1) as AIMessage).tool_calls?.[0];
      return {
        messages: [new ToolMessage({ tool_call_id: call?.id ?? '', name: 'look_up', content: '42' })],
      };
    })
    .addNode('answer', ({ messages }) => ({
      messages: [new AIMessage(`I have seen ${messages.length} messages.`)],
    }))
    .addEdge('__start__', 'model')
    .addEdge('model', 'tools')
    .addEdge('tools', 'answer')
    .addEdge('answer', '__end__')
    .compile({ checkpointer: sessions.checkpointer });
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describeOnEachEngine('sessions', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let sessions: SessionStore;
  let tenants: TenantContext;
  const thread = (thread_id: string): { configurable: { thread_id: string } } => ({
    configurable: { thread_id },
  });
  const as = <T>(work: () => T, tenant = 'acme'): T => tenants.run(tenant, work);
  const contents = (messages: { content?: unknown }[]): unknown[] => messages.map(({ content }) => content);

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    sessions = service.app.get(SessionStore);
    tenants = service.app.get(TenantContext);
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('answers what was appended, numbered and counted', async () => {
    const acme = service.as('acme');
    const appended = await acme.post('/v1/sessions/first/messages', {
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hello!', id: 'mine' },
      ],
    });
    expect(appended.status).toBe(201);
    expect(appended.body).toMatchObject({
      threadId: 'first',
      version: 1,
      messages: [{ seq: 1 }, { seq: 2, id: 'mine' }],
    });
    const read = await acme.get('/v1/sessions/first/messages');
    expect(read.status).toBe(200);
    expect(read.headers.get('etag')).toBe('"1"');
    expect(read.body).toEqual({ ...(appended.body as object), nextBefore: null });
  });

  it('pages backwards through a thread, and through the list of threads', async () => {
    const messages = Array.from({ length: 7 }, (_, index) => ({ role: 'user', content: `m${index + 1}` }));
    await as(() => sessions.appendMessages('paged', messages as Message[]));
    const newest = await as(() => sessions.getThread('paged', { limit: 3 }));
    expect(contents(newest.messages)).toEqual(['m5', 'm6', 'm7']);
    expect(newest.nextBefore).toBe(5);
    const oldest = await as(() => sessions.getThread('paged', { limit: 4, before: 5 }));
    expect(contents(oldest.messages)).toEqual(['m1', 'm2', 'm3', 'm4']);
    expect(oldest.nextBefore).toBeNull();

    for (const name of ['a', 'b', 'c', 'd', 'e'])
      await as(() => sessions.appendMessages(name, [{ role: 'user', content: name }]), 'lister');
    const seen: string[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const options = { limit: 2, ...(cursor && { cursor }) };
      const page = await as(() => sessions.listSessions(options), 'lister');
      seen.push(...page.sessions.map(({ threadId }) => threadId));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(['e', 'd', 'c', 'b', 'a']);
  });

  it('is one conversation for REST and a graph, in both directions, tool calls included', async () => {
    const agent = createAgent(sessions);
    const asked: Message[] = [
      { role: 'user', content: 'What is the answer?', name: 'ada' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          { id: 'c1', type: 'function', function: { name: 'look_up', arguments: '{"q":"answer"}' } },
        ],
      },
      { role: 'tool', tool_call_id: 'c1', content: 'forty-two' },
    ];
    await as(() => sessions.appendMessages('shared', asked));
    const state = await as(() => agent.getState(thread('shared')));
    const seen = (state.values as { messages: BaseMessage[] }).messages;
    expect(seen.map(({ type }) => type)).toEqual(['human', 'ai', 'tool']);
    expect((seen[1] as AIMessage).tool_calls).toMatchObject([
      { id: 'c1', name: 'look_up', args: { q: 'answer' } },
    ]);

    const ran = await as(() =>
      agent.invoke({ messages: [new HumanMessage('And again?')] }, thread('shared')),
    );
    expect(ran.messages).toHaveLength(7);
    const stored = await as(() => sessions.getSessionMessages('shared'));
    expect(stored.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(stored.slice(0, 3)).toMatchObject(asked);
    expect(stored[4]).toMatchObject({
      role: 'assistant',
      tool_calls: [{ id: 'call-4', type: 'function', function: { name: 'look_up', arguments: '{"n":4}' } }],
    });
    expect(stored[5]).toMatchObject({ role: 'tool', tool_call_id: 'call-4', content: '42' });
    expect(stored[6]).toMatchObject({ role: 'assistant', content: 'I have seen 6 messages.' });

    await as(() => sessions.appendMessages('shared', [{ role: 'user', content: 'Thanks.' }]));
    const after = await as(() => agent.getState(thread('shared')));
    expect((after.values as { messages: BaseMessage[] }).messages).toHaveLength(8);
  });

  it('keeps what a graph replaces or removes readable in older checkpoints', async () => {
    const agent = createAgent(sessions);
    await as(() =>
      agent.invoke({ messages: [new HumanMessage({ id: 'q', content: 'one' })] }, thread('edited')),
    );
    const before = await as(() => agent.getState(thread('edited')));
    await as(() =>
      agent.updateState(
        thread('edited'),
        { messages: [new HumanMessage({ id: 'q', content: 'ONE' })] },
        'answer',
      ),
    );
    const last = (before.values as { messages: BaseMessage[] }).messages.at(-1)?.id ?? '';
    await as(() =>
      agent.updateState(thread('edited'), { messages: [new RemoveMessage({ id: last })] }, 'answer'),
    );
    const now = await as(() => sessions.getSessionMessages('edited'));
    expect(contents(now)).toEqual(['ONE', '', '42']);
    const then = await as(() => agent.getState(before.config));
    expect(contents((then.values as { messages: BaseMessage[] }).messages)).toEqual([
      'one',
      '',
      '42',
      'I have seen 3 messages.',
    ]);
  });

  it('forks from an older checkpoint without losing either branch', async () => {
    const agent = createAgent(sessions);
    await as(() => agent.invoke({ messages: [new HumanMessage('root')] }, thread('fork')));
    const root = await as(() => agent.getState(thread('fork')));
    await as(() => agent.invoke({ messages: [new HumanMessage('left')] }, thread('fork')));
    const left = await as(() => agent.getState(thread('fork')));
    await as(() => agent.invoke({ messages: [new HumanMessage('right')] }, root.config));
    const texts = (state: typeof left): unknown[] =>
      contents((state.values as { messages: BaseMessage[] }).messages);
    expect(texts(await as(() => agent.getState(thread('fork'))))).toContain('right');
    expect(texts(await as(() => agent.getState(thread('fork'))))).not.toContain('left');
    expect(texts(await as(() => agent.getState(left.config)))).toContain('left');
    expect(contents(await as(() => sessions.getSessionMessages('fork')))).toContain('right');
  });

  it('loses none of 100 concurrent appends', async () => {
    await Promise.all(
      Array.from({ length: 100 }, (_, index) =>
        as(() => sessions.appendMessages(`busy-${index % 5}`, [{ role: 'user', content: `m${index}` }])),
      ),
    );
    for (let index = 0; index < 5; index += 1) {
      const messages = await as(() => sessions.getSessionMessages(`busy-${index}`));
      expect(messages.map(({ seq }) => seq)).toEqual(Array.from({ length: 20 }, (_, seq) => seq + 1));
      const state = await as(() => createAgent(sessions).getState(thread(`busy-${index}`)));
      expect((state.values as { messages: unknown[] }).messages).toHaveLength(20);
    }
  });

  it('ends only by a clear, and then wholly', async () => {
    const agent = createAgent(sessions);
    await as(() => agent.invoke({ messages: [new HumanMessage('hello')] }, thread('gone')));
    const acme = service.as('acme');
    expect((await acme.delete('/v1/sessions/gone')).status).toBe(204);
    expect((await acme.delete('/v1/sessions/gone')).status).toBe(404);
    expect((await acme.get('/v1/sessions/gone/messages')).status).toBe(404);
    expect(await as(() => sessions.checkpointer.getTuple(thread('gone')))).toBeUndefined();
    await as(() => sessions.appendMessages('gone', [{ role: 'user', content: 'again' }]));
    expect(await as(() => sessions.getSessionMessages('gone'))).toMatchObject([{ seq: 1, content: 'again' }]);
  });

  it('keeps the threads of two tenants apart, though they have the same id', async () => {
    const agent = createAgent(sessions);
    for (const tenant of ['red', 'blue'])
      await as(() => agent.invoke({ messages: [new HumanMessage(tenant)] }, thread('same')), tenant);
    for (const tenant of ['red', 'blue']) {
      expect((await as(() => sessions.getSessionMessages('same'), tenant))[0]?.content).toBe(tenant);
      const listed = await as(() => collect(sessions.checkpointer.list(thread('same'))), tenant);
      expect(listed.length).toBeGreaterThan(0);
      expect(listed.every(({ config }) => config.configurable?.['thread_id'] === 'same')).toBe(true);
    }
    await as(() => sessions.clearSession('same'), 'red');
    expect(await as(() => sessions.getSessionMessages('same'), 'blue')).not.toHaveLength(0);
    expect(await as(() => agent.getState(thread('same')), 'red')).toMatchObject({ values: {} });
  });
});
