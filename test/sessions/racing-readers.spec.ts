import { HumanMessage } from '@langchain/core/messages';
import { afterAll, afterEach, beforeAll, expect, it, jest } from '@jest/globals';
import { Database } from '../../src/database/database.js';
import { READ_RUNS } from '../../src/session/message-log.sql.js';
import type { SessionStore } from '../../src/session/session-store.js';
import { describeOnEachEngine } from '../support/engines.js';
import { createEcho } from '../support/graphs.js';
import { Instances, user } from './instances.js';

const THREAD = 'thread';
const AT_HEAD = { configurable: { thread_id: THREAD } };

/** `Array.fromAsync` would do; Node 20 has none. */
async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describeOnEachEngine('readers during whose reading a thread is cleared', (createDatabase) => {
  const instances = new Instances();
  beforeAll(() => instances.open(createDatabase));
  afterAll(() => instances.close());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  /** A thread with a turn in it, which `change` befalls between a reader's checkpoint and its messages. */
  async function prepare(change: (sessions: SessionStore) => Promise<unknown>): Promise<string> {
    const tenant = instances.newTenant();
    await instances.within(tenant, ({ checkpointer }) =>
      createEcho(checkpointer).invoke({ messages: [new HumanMessage('asked')] }, AT_HEAD),
    );
    const database = instances.service().app.get(Database);
    const query = database.query.bind(database);
    let isDone = false;
    jest.spyOn(database, 'query').mockImplementation(async (text, parameters) => {
      if (text === READ_RUNS && !isDone) {
        isDone = true;
        await instances.within(tenant, change, 1);
      }
      return query(text, parameters);
    });
    return tenant;
  }

  const clear = (sessions: SessionStore) => sessions.clearSession(THREAD);
  const beginAnew = async (sessions: SessionStore) => {
    await sessions.clearSession(THREAD);
    await sessions.appendMessages(THREAD, [user('new')]);
  };

  it('find nothing', async () => {
    const tenant = await prepare(clear);
    const tuple = await instances.within(tenant, ({ checkpointer }) => checkpointer.getTuple(AT_HEAD));
    expect(tuple).toBeUndefined();
  });

  it('find what was begun anew', async () => {
    const tenant = await prepare(beginAnew);
    const tuple = await instances.within(tenant, ({ checkpointer }) => checkpointer.getTuple(AT_HEAD));
    expect(tuple?.checkpoint.channel_values).toMatchObject({ messages: [{ content: 'new' }] });
  });

  it('list no checkpoint whose messages are gone', async () => {
    const tenant = await prepare(clear);
    const tuples = await instances.within(tenant, ({ checkpointer }) => collect(checkpointer.list(AT_HEAD)));
    expect(tuples.map(({ metadata }) => metadata?.source)).toEqual(['input']);
    expect(tuples[0]?.checkpoint.channel_values).not.toHaveProperty('messages');
  });
});
