import { HumanMessage } from '@langchain/core/messages';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../../src/database/database.js';
import { KEEP_SESSION, PEEK_SESSION } from '../../src/session/session.sql.js';
import { postgres } from '../support/engines.js';
import { createEcho } from '../support/graphs.js';
import { Instances } from './instances.js';

const THREAD = 'thread';
const hasServer = process.env['TEST_DATABASE_URL'] !== undefined;

// The embedded engine has one connection, on which nothing comes between two statements of a transaction.
(hasServer ? describe : describe.skip)('the first checkpoint of a thread', () => {
  const instances = new Instances();
  beforeAll(() => instances.open(postgres));
  afterAll(() => instances.close());
  afterEach(() => {
    jest.restoreAllMocks();
  });

  it('may be committed while a task that writes for it looks for its session', async () => {
    const tenant = instances.newTenant();
    const database = instances.service().app.get(Database);
    const query = database.query.bind(database);
    let met = 0;
    jest.spyOn(database, 'query').mockImplementation(async (text, parameters) => {
      const rows = await query(text, parameters);
      if (text !== KEEP_SESSION || rows.length > 0) return rows;
      for (let attempt = 0; attempt < 100; attempt += 1) {
        await sleep(5);
        const [session] = await instances.within(
          tenant,
          (_, other) => other.query<{ headId: string | null }>(PEEK_SESSION, [tenant, THREAD]),
          1,
        );
        if (session?.headId) {
          met += 1;
          break;
        }
      }
      return rows;
    });
    const ran = await instances.within(tenant, ({ checkpointer }) =>
      createEcho(checkpointer).invoke(
        { messages: [new HumanMessage('asked')] },
        { configurable: { thread_id: THREAD }, durability: 'async' },
      ),
    );
    expect(ran.messages).toHaveLength(2);
    expect(met).toBeGreaterThan(0);
  });
});
