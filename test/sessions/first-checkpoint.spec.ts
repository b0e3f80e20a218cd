import { HumanMessage } from '@langchain/core/messages';
import { afterAll, afterEach, beforeAll, describe, expect, it, jest } from '@jest/globals';
import { setTimeout as sleep } from 'node:timers/promises';
import { Database } from '../../src/database/database.js';
import { SessionConflictError } from '../../src/errors.js';
import { BEGIN_SESSION, HOLD_SESSION, KEEP_SESSION, PEEK_SESSION } from '../../src/session/session.sql.js';
import { SessionStore } from '../../src/session/session-store.js';
import { threadKey } from '../../src/tenancy/thread-key.js';
import { postgres } from '../support/engines.js';
import { createEcho } from '../support/graphs.js';
import { Gate, Instances } from './instances.js';

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
    const hasCheckpoint = async (): Promise<boolean> => {
      const [session] = await instances.within(
        tenant,
        (_, other) => other.query<{ headId: string | null }>(PEEK_SESSION, [tenant, THREAD]),
        1,
      );
      return !!session?.headId;
    };
    const taskHasLooked = new Gate();
    let met = 0;
    jest.spyOn(database, 'query').mockImplementation(async (text, parameters) => {
      if (text === HOLD_SESSION) await taskHasLooked.opened;
      const rows = await query(text, parameters);
      if (text !== KEEP_SESSION || rows.length > 0) return rows;
      taskHasLooked.open();
      while (!(await hasCheckpoint())) await sleep(5);
      met += 1;
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

  it('may be refused while a task that writes for it begins a session, and leaves nothing of that', async () => {
    const tenant = instances.newTenant();
    const [taskIsWriting, otherIsDone] = [new Gate(), new Gate()];
    const run = (question: string, instance: number) =>
      instances.within(
        tenant,
        ({ checkpointer }) =>
          createEcho(checkpointer).invoke(
            { messages: [new HumanMessage(question)] },
            { configurable: { thread_id: THREAD }, durability: 'async' },
          ),
        instance,
      );
    const other = taskIsWriting.opened.then(() => run('other', 1)).finally(otherIsDone.open);

    const { app } = instances.service();
    const { checkpointer } = app.get(SessionStore);
    const put = checkpointer.put.bind(checkpointer);
    const putWrites = checkpointer.putWrites.bind(checkpointer);
    const refused = new Gate();
    const ofTasks: Promise<void>[] = [];
    jest.spyOn(checkpointer, 'put').mockImplementation((...write) => put(...write).finally(refused.open));
    jest.spyOn(checkpointer, 'putWrites').mockImplementation((...write) => {
      const writing = putWrites(...write);
      ofTasks.push(writing);
      return writing;
    });
    const database = app.get(Database);
    const query = database.query.bind(database);
    jest.spyOn(database, 'query').mockImplementation(async (text, parameters) => {
      if (text === HOLD_SESSION) await otherIsDone.opened;
      if (text === BEGIN_SESSION) {
        // The task has found no session and no refusal; now there is one of each.
        taskIsWriting.open();
        await refused.opened;
      }
      return query(text, parameters);
    });
    await expect(run('one', 0)).rejects.toBeInstanceOf(SessionConflictError);
    expect((await other).messages).toHaveLength(2);
    // A run that is refused does not wait for what its tasks are still writing.
    const settled = await Promise.allSettled(ofTasks);
    expect([...new Set(settled.map(({ status }) => status))]).toEqual(['rejected']);
    const orphans = `SELECT task_id FROM checkpoints.checkpoint_writes w
        WHERE thread_id = '${threadKey(tenant, THREAD)}' AND NOT EXISTS (
          SELECT FROM checkpoints.checkpoints c
           WHERE c.thread_id = w.thread_id AND c.checkpoint_id = w.checkpoint_id)`;
    expect(await instances.superuser(orphans)).toEqual([]);
  });
});
