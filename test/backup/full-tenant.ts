// Over 200 lines: everything that a tenant can have, and everything that is shown of it.
import { HumanMessage, RemoveMessage, type BaseMessage } from '@langchain/core/messages';
import { Command, END, START, StateGraph, type StateSnapshot } from '@langchain/langgraph';
import fc from 'fast-check';
import { Database } from '../../src/database/database.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import type { TestDatabase } from '../support/engines.js';
import {
  branch,
  createCautious,
  createChat,
  createDeltaChat,
  createEditor,
  Notebook,
} from '../support/graphs.js';
import type { Answer, TenantClient, TestService } from '../support/service.js';
import { asSuperuser } from '../support/superuser.js';
import { json, text } from '../sessions/strange-values.js';

const QUERIES = ['Where is the lake house?', 'trains to Lisbon', 'message about "quotes"'];
const THREADS = ['trip', 'ünï/ \\"thread\u2028', 'plain', 'cautious', 'nested', 'delta', 'edited'];
/** Engines add up the products of two vectors in orders of their own, which shows from the seventh place on. */
const SCORE = /("(?:score|lexical|semantic)":)(-?\d[\d.e-]*)/g;
const ACCEPTED = new Set([200, 201, 204]);

/** Conversations, graphs with subgraphs and a question that waits, memories with a past, and all that comes with it. */
export async function fillTenant(service: TestService, home: TestDatabase, tenant: string): Promise<void> {
  const client = service.as(tenant);
  await fillSessions(client);
  await inTenant(service, tenant, () => runGraphs(service.app.get(SessionStore)));
  await fillMemories(client);
  for (const description of QUERIES)
    accept(
      await client.post('/v1/context/compile', {
        threadId: 'trip',
        systemPrompt: 'Be brief.',
        task: { description },
        recallScope: 'both',
      }),
    );
  const key = await service.send(
    'POST',
    '/v1/memories',
    { agentId: 'a', content: 'Once.' },
    { 'x-tenant-id': tenant, 'idempotency-key': 'the-"first"' },
  );
  accept(key);
  await asSuperuser(home, service.app.get(Database), oddRows(tenant));
}

/** Everything that the service shows of a tenant, as text, in an order of its own. */
export async function shownOf(service: TestService, tenant: string): Promise<Record<string, string>> {
  const client = service.as(tenant);
  const shown: Record<string, string> = {};
  const get = async (path: string): Promise<Answer> => {
    const answer = accept(await client.get(path));
    shown[path] = answer.text;
    return answer;
  };
  await get('/v1/sessions?limit=1000');
  for (const thread of THREADS) await get(`/v1/sessions/${encodeURIComponent(thread)}/messages?limit=1000`);
  const { memories } = (await get('/v1/memories?limit=1000')).body as { memories: { memoryId: string }[] };
  for (const { memoryId } of memories) await get(`/v1/memories/${memoryId}/history`);
  const { receipts } = (await get('/v1/context/receipts?threadId=trip')).body as {
    receipts: { receiptId: string }[];
  };
  for (const { receiptId } of receipts) await get(`/v1/context/receipts/${receiptId}`);
  for (const query of QUERIES)
    for (const more of [{}, { scope: 'both', threadId: 'trip' }, { asOf: new Date().toISOString() }])
      shown[`${query} ${Object.keys(more).join()}`] = accept(
        await client.post('/v1/memories/search', { query, ...more }),
      ).text.replaceAll(SCORE, (_, name: string, value: string) => `${name}${Number(value).toFixed(5)}`);
  await inTenant(service, tenant, async () => {
    const { checkpointer } = service.app.get(SessionStore);
    const graphs = {
      plain: createChat(checkpointer),
      cautious: createCautious(checkpointer),
      nested: createNested(checkpointer),
      delta: createDeltaChat(checkpointer),
    };
    for (const [thread_id, graph] of Object.entries(graphs)) {
      const states: unknown[] = [];
      const history = graph.getStateHistory({ configurable: { thread_id } }) as AsyncIterable<StateSnapshot>;
      for await (const { values, next, config, metadata, createdAt, tasks } of history)
        states.push({ values: values as unknown, next, config, metadata, createdAt, tasks });
      shown[`history of ${thread_id}`] = JSON.stringify(states);
    }
  });
  return shown;
}

/** Answers a question that waits, and goes on from an old checkpoint; answers what came of it. */
export async function goOn(service: TestService, tenant: string): Promise<unknown> {
  return inTenant(service, tenant, async () => {
    const { checkpointer } = service.app.get(SessionStore);
    const resumed = (await createCautious(checkpointer).invoke(new Command({ resume: 'yes' }), {
      configurable: { thread_id: 'cautious' },
    })) as { messages: BaseMessage[] };
    const chat = createChat(checkpointer);
    const states: StateSnapshot[] = [];
    for await (const state of chat.getStateHistory({ configurable: { thread_id: 'plain' } }))
      states.push(state);
    const old = states.find(({ next }) => next.includes('answer'));
    const again = (await chat.invoke(null, { configurable: old?.config.configurable ?? {} })) as {
      messages: BaseMessage[];
    };
    return [resumed, again].map(({ messages }) => messages.map(({ content }) => content));
  });
}

async function fillSessions(client: TenantClient): Promise<void> {
  const odd = fc.sample(fc.tuple(text, json), { numRuns: 40, seed: 7 });
  for (const thread of ['trip', THREADS[1] ?? '']) {
    const messages = [
      { role: 'user', content: 'Where is the lake house? I take trains to Lisbon.', id: 'mail-1' },
      { role: 'user', content: 'x'.repeat(200_000) },
      ...odd.map(([content, value]) => ({
        role: 'assistant',
        content,
        tool_calls: [
          {
            id: 'call',
            type: 'function',
            function: {
              name: 'f',
              arguments: `{"a":1.0,"a":12345678901234567890,"b":${JSON.stringify(value)}}`,
            },
          },
        ],
      })),
    ];
    accept(await client.post(`/v1/sessions/${encodeURIComponent(thread)}/messages`, { messages }));
  }
}

function createNested(checkpointer: SessionStore['checkpointer']) {
  const child = new StateGraph(Notebook)
    .addNode('inner', branch('inner'))
    .addEdge(START, 'inner')
    .addEdge('inner', END)
    .compile({ checkpointer: true });
  return new StateGraph(Notebook)
    .addNode('outer', child)
    .addNode('after', branch('after'))
    .addEdge(START, 'outer')
    .addEdge('outer', 'after')
    .addEdge('after', END)
    .compile({ checkpointer });
}

async function runGraphs({ checkpointer }: SessionStore): Promise<void> {
  const says = (content: string) => ({ messages: [new HumanMessage(content)] });
  const of = (thread_id: string) => ({ configurable: { thread_id } });
  for (const turn of ['one', 'two']) {
    await createChat(checkpointer).invoke(says(turn), of('plain'));
    await createNested(checkpointer).invoke(says(turn), of('nested'));
    await createDeltaChat(checkpointer).invoke(says(turn), of('delta'));
  }
  await createCautious(checkpointer).invoke(says('May I?'), of('cautious'));
  const keep = createEditor(
    (messages) => [new HumanMessage({ id: messages[0]?.id ?? '', content: 'replaced' })],
    checkpointer,
  );
  await keep.invoke(says('to be replaced'), of('edited'));
  const drop = createEditor(
    (messages) => [new RemoveMessage({ id: messages.at(-1)?.id ?? '' })],
    checkpointer,
  );
  await drop.invoke(says('to be removed'), of('edited'));
}

async function fillMemories(client: TenantClient): Promise<void> {
  const odd = fc.sample(fc.tuple(text, json), { numRuns: 30, seed: 9 });
  const memories = [
    { agentId: 'a', content: 'The lake house stands in the north.', metadata: { n: 0.1, big: 1e23 } },
    {
      agentId: 'B',
      content: 'Trains to Lisbon leave at noon. '.repeat(300),
      source: { threadId: 'trip', seq: 1 },
    },
    { agentId: 'ä', content: 'A house on a lake, or a "quote".', source: { occurredAt: '2023-05-08' } },
    ...odd.map(([content, value], index) => ({
      agentId: `agent ${index % 3}`,
      content: `Note ${index}: ${content}`,
      metadata: { value },
      source: { threadId: 'plain', seq: index + 1, speaker: 'Ann "A" O\'Neil', role: 'user' },
    })),
  ];
  const { body } = accept(await client.post('/v1/memories/batch', { memories }));
  const [first, second, third] = (body as { memories: { memoryId: string }[] }).memories;
  accept(
    await client.patch(`/v1/memories/${first?.memoryId ?? ''}`, { content: 'The lake house was sold.' }),
  );
  accept(await client.patch(`/v1/memories/${first?.memoryId ?? ''}`, { metadata: { sold: true } }));
  accept(await client.patch(`/v1/memories/${second?.memoryId ?? ''}`, { retracted: true }));
  accept(await client.delete(`/v1/memories/${third?.memoryId ?? ''}`));
}

/** What no request writes within a test: JSON that a parser would alter, moments of microseconds, counts. */
function oddRows(tenant: string): string {
  return `
    INSERT INTO shared.tenants (tenant_id, name, rate_limit) VALUES ('${tenant}', E'Acme "\\\\" \u2028 Inc', 50);
    INSERT INTO shared.api_keys (tenant_id, key_id, salt, hash, scopes, label)
      VALUES ('${tenant}', '${tenant}.AAAAAAAAAAAA', '\\x00ff0a', '\\x5c78', '{read,write}', E'a,b{}"\\\\');
    INSERT INTO shared.context_receipts
        (tenant_id, receipt_id, thread_id, created_at, tier, tokens, hash, receipt, fingerprints)
      VALUES ('${tenant}', gen_random_uuid(), 'plain', '2020-02-29', 'fast', 3, '',
              ' { "a" : 1.0, "a": 1E400, "b":12345678901234567890123,"\\u00e9":"\\ud83d\\ude00" }', '\\x');
    INSERT INTO shared.session_summaries
      SELECT tenant_id, session_id, 1, E'A summary\\r\\n\\t', 1, 'cl100k_base', 'model' FROM shared.sessions
       WHERE tenant_id = '${tenant}' AND thread_id = 'plain';
    INSERT INTO shared.pending_embeddings (tenant_id, memory_id, space, due_at, attempts, reason, parked_at)
      SELECT tenant_id, memory_id, 'model/3', '2026-11-22 00:00:00.123456+00', 5, E'refused\n"twice"', now()
        FROM shared.agent_memories WHERE tenant_id = '${tenant}' AND retracted_at IS NOT NULL;
    INSERT INTO shared.usage VALUES ('${tenant}', '2026-05-08', 9007199254740993);
    INSERT INTO shared.rate_buckets VALUES ('${tenant}', -1.0000000000000002, 1, '2026-05-08T10:00:00.123456Z');
    INSERT INTO shared.recall_documents
        (tenant_id, memory_id, agent_id, occurred_at, ends_in_question, length, chunks, content_key, lexemes)
      SELECT tenant_id, memory_id, 'a', '1000-01-01 00:00:00.123456+00', false, 0, 0, -9223372036854775808,
             ARRAY['a,b', '{}', 'NULL', '"', E'\\\\', '']
        FROM shared.agent_memories WHERE tenant_id = '${tenant}' AND retracted_at IS NOT NULL`;
}

function inTenant<T>(service: TestService, tenant: string, work: () => Promise<T>): Promise<T> {
  return service.app.get(TenantContext).run(tenant, work);
}

function accept(answer: Answer): Answer {
  if (!ACCEPTED.has(answer.status)) throw new Error(`${answer.status}: ${answer.text}`);
  return answer;
}
