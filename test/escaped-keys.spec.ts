import { HumanMessage } from '@langchain/core/messages';
import { emptyCheckpoint } from '@langchain/langgraph-checkpoint';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '../src/database/database.js';
import { parseJson } from '../src/database/parse-json.js';
import { digestOf } from '../src/session/message-codec.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService, type TenantClient } from './support/service.js';

/*
 * Some engines misread a key that is escaped once they have seen another one in its place, see
 * src/database/parse-json.ts. Here they always have, so that on Node 24 a reader that is not careful fails.
 */
const KEY = 'zz\n';
const MISTAKEN = 'zz\\';
/** Nothing must let go of what was read, or the engine forgets it. */
const seen: unknown[] = [];
let counter = 0;
/** A fresh object with the key, which V8 has been misled about. JSONB keeps the order of these two keys. */
function misleading(): Record<string, number> {
  const first = `a${(counter += 1)}`;
  seen.push(JSON.parse(JSON.stringify({ [first]: 1, [MISTAKEN]: 0 })));
  return { [first]: 1, [KEY]: 2 };
}

describe('a message with a key that has to be escaped', () => {
  it('has one digest, whatever was read before', () => {
    const kwargs = { unseen: 1, [KEY]: 2 };
    const message = new HumanMessage({ content: '', additional_kwargs: kwargs });
    const digest = digestOf(message);
    seen.push(JSON.parse(JSON.stringify({ unseen: 1, [MISTAKEN]: 0 })));
    expect(digestOf(message)).toEqual(digest);
    const other = new HumanMessage({ content: '', additional_kwargs: { unseen: 1, [MISTAKEN]: 2 } });
    expect(digestOf(other)).not.toEqual(digest);
  });
});

describeOnEachEngine('a key that has to be escaped', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let sessions: SessionStore;
  let acme: TenantClient;
  const as = <T>(work: () => T): T => service.app.get(TenantContext).run('acme', work);

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    sessions = service.app.get(SessionStore);
    acme = service.as('acme');
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('is what the driver reads, whoever asks', async () => {
    const { dataSource, pool } = service.app.get(Database);
    const sql = 'SELECT $1::json AS one, $1::jsonb AS other';
    const object = misleading();
    const given = [JSON.stringify(object)];
    const rows = [{ one: object, other: object }];
    expect((await pool.query(sql, given)).rows).toEqual(rows);
    expect(await service.app.get(Database).query(sql, given)).toEqual(rows);
    expect(await as(() => dataSource.query<unknown>(sql, given))).toEqual(rows);
    expect(await service.app.get(Database).unitOfWork(() => dataSource.query<unknown>(sql, given))).toEqual(
      rows,
    );
  });

  it('comes back in a message, and in the arguments of a call that a graph sees', async () => {
    const extra = misleading();
    const args = misleading();
    const call = { id: '1', type: 'function', function: { name: 'f', arguments: JSON.stringify(args) } };
    const messages = [{ role: 'assistant', content: null, tool_calls: [call], extra }];
    expect((await acme.post('/v1/sessions/t1/messages', { messages })).status).toBe(201);
    expect((await acme.get('/v1/sessions/t1/messages')).body).toMatchObject({ messages });
    const tuple = await as(() =>
      sessions.checkpointer.getTuple({ configurable: { thread_id: 't1', checkpoint_ns: '' } }),
    );
    expect(tuple?.checkpoint.channel_values['messages']).toMatchObject([
      { tool_calls: [{ args }], additional_kwargs: { extra } },
    ]);
  });

  it('comes back in the metadata of a memory, and in an answer that is sent again', async () => {
    const body = JSON.stringify({ agentId: 'a', content: 'c', metadata: { deep: misleading() } });
    const headers = { 'x-tenant-id': 'acme', 'idempotency-key': 'k1' };
    const first = await service.send('POST', '/v1/memories', body, headers);
    const { memoryId } = first.body as { memoryId: string };
    const { metadata } = parseJson(body) as { metadata: object };
    expect((await acme.get(`/v1/memories/${memoryId}`)).body).toMatchObject({ metadata });
    const again = await service.send('POST', '/v1/memories', body, headers);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(again.text).toBe(first.text);
  });

  it('comes back in the metadata of a checkpoint, and in the name of a channel', async () => {
    const config = { configurable: { thread_id: 't2', checkpoint_ns: '' } };
    const metadata = { source: 'update' as const, step: 0, parents: {}, extra: misleading() };
    const versions = misleading();
    const checkpoint = { ...emptyCheckpoint(), channel_versions: versions };
    const put = await as(() => sessions.checkpointer.put(config, checkpoint, metadata, {}));
    const tuple = await as(() => sessions.checkpointer.getTuple(put));
    expect(tuple?.metadata).toEqual(metadata);
    expect(tuple?.checkpoint.channel_versions).toEqual(versions);
  });

  it('comes back in a task', async () => {
    const task = { description: 'd', extra: misleading() };
    const answer = await acme.post('/v1/context/compile', { threadId: 't3', systemPrompt: 's', task });
    expect(answer.body).toMatchObject({ task });
  });
});
