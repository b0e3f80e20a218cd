import { beforeAll, expect, it } from '@jest/globals';
import { AIMessage, HumanMessage, SystemMessage } from '@langchain/core/messages';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import * as fc from 'fast-check';
import { Database } from '../../src/database/database.js';
import type { Message, StoredMessage } from '../../src/session/message.js';
import { READ_RECENT } from '../../src/session/recent-history.sql.js';
import { SessionStore } from '../../src/session/session-store.js';
import { describeOnEachEngine } from '../support/engines.js';
import { RecallTenant } from '../support/recall-tenant.js';

const isInstruction = ({ role }: Message): boolean => role === 'system' || role === 'developer';

/** What is to be read of a thread, by the sentence that promises it. */
function expected(thread: readonly StoredMessage[], enough: number): StoredMessage[] {
  let total = 0;
  let results = 0;
  let lacksItsCall = false;
  const newest = thread.toReversed().filter(({ role, tokens }) => {
    if (total > enough && !lacksItsCall) return false;
    lacksItsCall = role === 'tool';
    if (lacksItsCall) results += tokens;
    else {
      total += Math.min(results, Math.floor(enough / 4)) + tokens;
      results = 0;
    }
    return true;
  });
  const question = thread.findLast(({ role }) => role === 'user');
  const beginning = thread.slice(0, thread.findIndex((message) => !isInstruction(message)) >>> 0);
  let ahead = 0;
  const head = beginning.filter((message) => {
    const isNeeded = ahead <= enough;
    if (!newest.includes(message)) ahead += message.tokens;
    return isNeeded;
  });
  const wanted = new Set([...newest, ...(question ? [question] : []), ...head]);
  return thread.filter((message) => wanted.has(message));
}

describeOnEachEngine('the recent history of a thread', (createDatabase) => {
  const tenant = RecallTenant.forEachTest(createDatabase);
  const as = tenant.as.bind(tenant);
  let sessions: SessionStore;

  beforeAll(() => {
    sessions = tenant.service.app.get(SessionStore);
  });

  it('is the newest messages that are enough, the question, and the instructions at the head', async () => {
    const content = fc.integer({ min: 1, max: 12 }).map((words) => 'word '.repeat(words));
    const message: fc.Arbitrary<Message> = fc.oneof(
      fc.record({
        role: fc.constantFrom('user' as const, 'assistant' as const, 'assistant' as const, 'system' as const),
        content,
      }),
      fc.record({ role: fc.constant('tool' as const), tool_call_id: fc.constant('c'), content }),
    );
    const head = fc.array(fc.constant<Message>({ role: 'developer', content: 'Be brief.' }), {
      maxLength: 3,
    });
    let count = 0;
    await fc.assert(
      fc.asyncProperty(
        head,
        fc.array(message, { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(200), { minLength: 1, maxLength: 5 }),
        async (head, messages, budgets) => {
          const threadId = `random ${(count += 1)}`;
          await as(() => sessions.appendMessages(threadId, [...head, ...messages]));
          const thread = await as(() => sessions.getSessionMessages(threadId, { limit: 1_000 }));
          for (const tokens of [0, ...budgets, 1_000_000]) {
            const recent = await as(() => sessions.recentHistory(threadId, { tokens }));
            expect(recent.messages).toEqual(expected(thread, tokens));
            expect(recent.unread).toBe(thread.length - recent.messages.length);
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('knows the user and the instructions of a graph', async () => {
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('answer', () => ({
        messages: Array.from({ length: 4 }, (_, index) => new AIMessage(`${index} ${'word '.repeat(40)}`)),
      }))
      .addEdge(START, 'answer')
      .addEdge('answer', END)
      .compile({ checkpointer: sessions.checkpointer });
    const messages = [new SystemMessage('Speak French.'), new AIMessage('Oui.'), new HumanMessage('Look.')];
    await as(() => graph.invoke({ messages }, { configurable: { thread_id: 'graph' } }));
    const recent = await as(() => sessions.recentHistory('graph', { tokens: 10 }));
    expect(recent.messages.map(({ seq, role }) => [seq, role])).toEqual([
      [1, 'system'],
      [3, 'user'],
      [7, 'assistant'],
    ]);
    expect(recent.unread).toBe(4);
  });

  it('is empty where there is nothing', async () => {
    const nothing = { sessionId: undefined, messages: [], unread: 0, summary: undefined };
    expect(await as(() => sessions.recentHistory('nobody', { tokens: 100 }))).toEqual(nothing);
    await as(() => sessions.appendMessages('mine', [{ role: 'user', content: 'mine' }]));
    const found = await tenant.as(() => sessions.recentHistory('mine', { tokens: 100 }), 'somebody-else');
    expect(found).toEqual(nothing);
  });

  it('is counted again where it was counted in another encoding', async () => {
    await as(() => sessions.appendMessages('counted', [{ role: 'user', content: 'one two three' }]));
    const [before] = (await as(() => sessions.recentHistory('counted', { tokens: 100 }))).messages;
    const database = tenant.service.app.get(Database);
    await as(() =>
      database.query(`UPDATE shared.session_messages SET tokens = 77, encoding = 'gpt2' WHERE tokens = $1`, [
        before?.tokens,
      ]),
    );
    const [after] = (await as(() => sessions.recentHistory('counted', { tokens: 100 }))).messages;
    expect(after).toEqual(before);
  });

  it('reads no more of a long thread than of a short one', async () => {
    const say = (index: number): Message => ({
      role: index % 2 ? 'assistant' : 'user',
      content: `say ${index}`,
    });
    type Plan = { Plan: { 'Shared Hit Blocks': number; 'Shared Read Blocks': number } };
    const blocks = async (threadId: string): Promise<number> => {
      const database = tenant.service.app.get(Database);
      const read = (): Promise<{ 'QUERY PLAN': [Plan] }[]> =>
        as(() =>
          database.query(`EXPLAIN (ANALYZE, BUFFERS, FORMAT json) ${READ_RECENT}`, [
            tenant.id,
            threadId,
            200,
            4_000,
          ]),
        );
      await read();
      const [row] = await read();
      const plan = row?.['QUERY PLAN'][0].Plan;
      return (plan?.['Shared Hit Blocks'] ?? NaN) + (plan?.['Shared Read Blocks'] ?? NaN);
    };
    await as(() =>
      sessions.appendMessages(
        'short',
        Array.from({ length: 100 }, (_, index) => say(index)),
      ),
    );
    for (let page = 0; page < 10; page++)
      await as(() =>
        sessions.appendMessages(
          'long',
          Array.from({ length: 200 }, (_, index) => say(200 * page + index)),
        ),
      );
    const short = await blocks('short');
    expect(short).toBeGreaterThan(0);
    // All of the long thread are 80 pages and more.
    expect(await blocks('long')).toBeLessThan(short + 20);
  });
});
