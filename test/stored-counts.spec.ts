import { AIMessage, HumanMessage } from '@langchain/core/messages';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../src/config/options.js';
import { ContextSearch, type ScoredMessage } from '../src/context/context-search.js';
import { Database } from '../src/database/database.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import type { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { memoryLine } from '../src/memory/memory-line.js';
import type { Message } from '../src/session/message.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantSpaces } from '../src/recall/tenant-spaces.js';
import { AuditLog } from '../src/tenancy/audit-log.js';
import { Idempotency } from '../src/tenancy/idempotency.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { countMessage } from '../src/tokens/message-tokens.js';
import { TokenCounter } from '../src/tokens/token-counter.js';
import { TokenCounters } from '../src/tokens/token-counters.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';
import { asSuperuser } from './support/superuser.js';

/** Encodings count this differently. */
const TEXT = 'नमस्ते! Der Straßenbahnfahrplan <b>of Friday</b>, 1234567 & 👩‍🚀\u2028';

describeOnEachEngine('stored counts', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let tenant = 'tenant-0';
  let counter: TokenCounter;
  let other: TokenCounter;
  let tests = 0;
  const get: TestService['app']['get'] = (token: never) => service.app.get(token);
  const as = <T>(work: () => Promise<T>): Promise<T> => get(TenantContext).run(tenant, work);
  const rows = (sql: string): Promise<Record<string, unknown>[]> => asSuperuser(home, get(Database), sql);

  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    counter = get(TokenCounter);
    other = get(TokenCounters).of('o200k_base');
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });
  beforeEach(() => {
    tenant = `tenant-${(tests += 1)}`;
  });

  describe('of messages', () => {
    const messages: Message[] = [
      { role: 'user', name: 'ann', content: TEXT },
      { role: 'assistant', content: [{ type: 'text', text: TEXT.repeat(300) }] },
    ];
    const storeOf = (counter: TokenCounter): SessionStore =>
      new SessionStore(get(Database), get(TenantContext), counter, get(AuditLog), get(Idempotency));
    const stored = (): Promise<Record<string, unknown>[]> =>
      rows(`SELECT tokens, encoding FROM shared.session_messages WHERE tenant_id = '${tenant}' ORDER BY seq`);

    it('say in which encoding they were counted, whoever wrote the message', async () => {
      const graph = new StateGraph(MessagesAnnotation)
        .addNode('answer', () => ({ messages: [new AIMessage(TEXT)] }))
        .addEdge('__start__', 'answer')
        .compile({ checkpointer: get(SessionStore).checkpointer });
      await as(async () => {
        await get(SessionStore).appendMessages('thread', messages);
        const config = { configurable: { thread_id: 'thread' } };
        await graph.invoke({ messages: [new HumanMessage(TEXT)] }, config);
        await graph.invoke({ messages: [] }, { configurable: { thread_id: 'other' } });
      });
      const shown = await as(() => get(SessionStore).getSessionMessages('thread'));
      const counts = shown.map(({ id: _id, seq: _seq, tokens: _tokens, createdAt: _at, ...message }) =>
        countMessage(counter, message),
      );
      expect(counts).toHaveLength(4);
      expect(shown.map(({ tokens }) => tokens)).toEqual(counts);
      const found = await stored();
      expect(found.map(({ tokens }) => tokens)).toEqual(expect.arrayContaining(counts));
      expect(new Set(found.map(({ encoding }) => encoding))).toEqual(new Set(['cl100k_base']));
    });

    it('are made anew on reading when another encoding is in force now, or which it was is not known', async () => {
      const expected = messages.map((message) => countMessage(other, message));
      await as(() => get(SessionStore).appendMessages('thread', messages));
      expect(expected).not.toEqual((await stored()).map(({ tokens }) => tokens));
      const search = new ContextSearch(
        get(Database),
        get<TriptychOptions>(TRIPTYCH_OPTIONS),
        get(TenantSpaces),
        get(TenantContext),
        other,
      );
      const read = await as(() => storeOf(other).getSessionMessages('thread'));
      expect(read.map(({ tokens }) => tokens)).toEqual(expected);
      const { results } = await as(() => search.find('Friday', { scope: 'thread', threadId: 'thread' }));
      const found = (results as ScoredMessage[]).map(({ message }) => [message.seq, message.tokens]);
      expect(found.sort()).toEqual(expected.map((tokens, index) => [index + 1, tokens]));

      await rows(
        `UPDATE shared.session_messages SET encoding = '', tokens = 1 WHERE tenant_id = '${tenant}'`,
      );
      const unknown = await as(() => get(SessionStore).getSessionMessages('thread'));
      expect(unknown.map(({ tokens }) => tokens)).toEqual(
        messages.map((message) => countMessage(counter, message)),
      );
    });

    it('are of the encoding that is in force when a message is written', async () => {
      const [first, second] = messages as [Message, Message];
      await as(() => get(SessionStore).appendMessages('thread', [first]));
      await as(() => storeOf(other).appendMessages('thread', [second]));
      expect(await stored()).toEqual([
        { tokens: countMessage(counter, first), encoding: 'cl100k_base' },
        { tokens: countMessage(other, second), encoding: 'o200k_base' },
      ]);
    });
  });

  describe('of memories', () => {
    const source = { threadId: TEXT, seq: 3, speaker: 'Ann <b>', occurredAt: '2026-05-08T13:56:00+02:00' };
    const memoryOf = (counter: TokenCounter): LongTermMemory =>
      new LongTermMemory(
        get(Database),
        get<TriptychOptions>(TRIPTYCH_OPTIONS),
        get(TenantSpaces),
        get(TenantContext),
        get(AuditLog),
        get(Idempotency),
        counter,
      );
    /** Every memory of the tenant has the count of its line. */
    const expectCounted = async (by = counter): Promise<void> => {
      const { memories } = await as(() => get(LongTermMemory).list());
      const found = await rows(
        `SELECT memory_id, tokens, token_encoding FROM shared.agent_memories WHERE tenant_id = '${tenant}'`,
      );
      expect(found).toHaveLength(memories.length);
      for (const row of found) {
        const memory = memories.find(({ memoryId }) => memoryId === row['memory_id']);
        expect(row).toMatchObject({
          tokens: by.count(memoryLine(memory as MemoryEntry)),
          token_encoding: by.encoding,
        });
      }
    };

    it('are those of its line in a prompt, however it was stored or changed', async () => {
      const memory = get(LongTermMemory);
      await as(async () => {
        const { memoryId } = await memory.store({ agentId: 'a', content: TEXT, source });
        await expectCounted();
        await memory.update(memoryId, { content: `${TEXT} And more.` });
        await expectCounted();
        await memory.update(memoryId, { source: null });
        await expectCounted();
        await memory.update(memoryId, { metadata: { a: 1 }, retracted: true });
        await memory.storeMany([
          { agentId: 'a', content: TEXT.repeat(500), source: { role: 'user' } },
          { agentId: 'b', content: 'Short.' },
        ]);
        await expectCounted();
        await memory.storeMany(
          [
            { agentId: 'b', content: 'Short.' },
            { agentId: 'b', content: 'New.', source },
            { agentId: 'b', content: 'New. ' },
          ],
          { deduplicate: true },
        );
        expect((await memory.list()).memories).toHaveLength(4);
        await expectCounted();
      });
    });

    it.each(['lexical', 'semantic', 'hybrid'] as const)('come with what a %s search finds', async (mode) => {
      const memory = get(LongTermMemory);
      await as(async () => {
        const stored = await memory.store({ agentId: 'a', content: 'We went camping.', source });
        const [found] = await memory.search('camping', { mode });
        expect(found?.tokens).toBe(counter.count(memoryLine(stored)));
        expect(found?.memory).toEqual(stored);
        expect(Object.keys(found?.memory as object)).not.toContain('tokens');
        // In the encoding in force, or not at all.
        const [later] = await memoryOf(other).search('camping', { mode });
        expect(later?.memory).toEqual(stored);
        expect(later).not.toHaveProperty('tokens');
        await memoryOf(other).update(stored.memoryId, { metadata: { place: 'lake' } });
        await expectCounted(other);
      });
    });

    it('are not known of what a memory was before it changed', async () => {
      const memory = get(LongTermMemory);
      await as(async () => {
        const stored = await memory.store({ agentId: 'a', content: 'We went camping.' });
        await new Promise((resolve) => setTimeout(resolve, 5));
        await memory.update(stored.memoryId, { content: 'We went camping at the lake.' });
        const now = await memory.get(stored.memoryId);
        const [then] = await memory.search('camping', { asOf: stored.createdAt.toISOString() });
        expect(then?.memory.content).toBe('We went camping.');
        expect(then).not.toHaveProperty('tokens');
        const [today] = await memory.search('camping', { asOf: now.updatedAt.toISOString() });
        expect(today?.tokens).toBe(counter.count(memoryLine(now)));
      });
    });

    it('are nothing that REST shows', async () => {
      const client = service.as(tenant);
      const { body: entry } = await client.post('/v1/memories', {
        agentId: 'a',
        content: 'We went camping.',
      });
      const { body: found } = await client.post('/v1/memories/search', { query: 'camping' });
      const { body: page } = await client.get('/v1/memories');
      const { body: one } = await client.get(`/v1/memories/${(entry as MemoryEntry).memoryId}`);
      expect(found).toMatchObject({ results: [{ memory: entry }] });
      expect([one, ...(page as { memories: unknown[] }).memories]).toEqual([entry, entry]);
      expect(JSON.stringify([entry, found, page, one])).not.toMatch(/token/i);
    });
  });
});
