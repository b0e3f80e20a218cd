// Over 200 lines: the graphs that the stock saver wrote, and all that must be the same afterwards.
import { AIMessage, BaseMessage, HumanMessage, RemoveMessage } from '@langchain/core/messages';
import type { RunnableConfig } from '@langchain/core/runnables';
import {
  Command,
  END,
  MessagesAnnotation,
  START,
  StateGraph,
  type StateSnapshot,
} from '@langchain/langgraph';
import type { BaseCheckpointSaver, CheckpointTuple } from '@langchain/langgraph-checkpoint';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConvertAnswer } from '../../src/session/convert-threads.js';
import type { PruneAnswer } from '../../src/session/prune-threads.js';
import { parentsFirst } from '../../src/session/checkpoint-order.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { createCautious, createChat, createDeltaChat, createEditor } from '../support/graphs.js';
import { TestService } from '../support/service.js';
import { answerOf, session } from './session-command.js';
import { withStockSaver, type StockWork } from './stock-saver.js';

const says = (content: string, id?: string) => ({
  messages: [new HumanMessage({ content, ...(id && { id }) })],
});
const config = (thread_id: string) => ({ configurable: { thread_id } });

/** A subgraph that asks, and one that remembers, under a parent that talks. */
function createParent(checkpointer: BaseCheckpointSaver) {
  return new StateGraph(MessagesAnnotation)
    .addNode('remembering', createChat(true))
    .addNode('cautious', createCautious())
    .addEdge(START, 'remembering')
    .addEdge('remembering', 'cautious')
    .addEdge('cautious', END)
    .compile({ checkpointer });
}

/** Replaces the newest message of each turn but its own, and removes the oldest. */
const createEditing = (checkpointer: BaseCheckpointSaver) =>
  createEditor(
    (messages) => [
      new HumanMessage({ id: messages.at(-1)?.id ?? '', content: 'said otherwise' }),
      ...(messages.length > 3 ? [new RemoveMessage({ id: messages[0]?.id ?? '' })] : []),
      new AIMessage(`answer to ${messages.length}`),
    ],
    checkpointer,
  );

interface Inspectable {
  getState(config: RunnableConfig, options?: { subgraphs?: boolean }): Promise<StateSnapshot>;
  getStateHistory(config: RunnableConfig): AsyncIterable<StateSnapshot>;
}

const graphs: Record<string, (saver: BaseCheckpointSaver) => Inspectable> = {
  edited: createEditing,
  nested: createParent,
  asked: createCautious,
  forked: createChat,
  delta: createDeltaChat,
};

/** What the stock saver wrote of each thread, before anybody converted it. */
async function writeThreads(saver: BaseCheckpointSaver): Promise<void> {
  const editing = createEditing(saver);
  for (const turn of [1, 2, 3, 4]) await editing.invoke(says(`turn ${turn}`), config('edited'));
  await createParent(saver).invoke(says('into the subgraphs'), config('nested'));
  await createParent(saver).invoke(new Command({ resume: 'yes' }), config('nested'));
  await createParent(saver).invoke(says('and once more'), config('nested'));
  await createCautious(saver).invoke(says('may I?'), config('asked'));
  const chat = createChat(saver);
  await chat.invoke(says('first'), config('forked'));
  const { config: first } = await chat.getState(config('forked'));
  await chat.invoke(says('second'), config('forked'));
  await chat.invoke(says('instead of the second'), first as ReturnType<typeof config>);
  const delta = createDeltaChat(saver, 3);
  for (const turn of [1, 2, 3]) await delta.invoke(says(`turn ${turn}`), config('delta'));
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Plain data; a message shows its class and all that it says. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([key, item]) => !key.startsWith('lc_') && item !== undefined);
  if (BaseMessage.isInstance(value)) entries.push(['class', value.constructor.name]);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, plain(v)]));
}

const addressOf = ({ configurable }: RunnableConfig): object => ({
  thread_id: configurable?.['thread_id'] as unknown,
  checkpoint_ns: configurable?.['checkpoint_ns'] as unknown,
  checkpoint_id: configurable?.['checkpoint_id'] as unknown,
});

const snapshotOf = ({ config: at, parentConfig, tasks, ...state }: StateSnapshot): object => ({
  ...state,
  config: addressOf(at),
  parentConfig: parentConfig && addressOf(parentConfig),
  tasks: tasks.map(({ state: inner, ...task }) => ({
    ...task,
    inner: inner && ('values' in inner ? snapshotOf(inner) : addressOf(inner)),
  })),
});

const storedOf = ({
  config: at,
  parentConfig,
  metadata,
  pendingWrites = [],
  checkpoint,
}: CheckpointTuple) => ({
  config: addressOf(at),
  parentConfig: parentConfig && addressOf(parentConfig),
  metadata,
  pendingWrites,
  checkpoint: { ...checkpoint, channel_values: undefined },
});

/** Head, history and every checkpoint of a thread, ids included. */
async function inspect(saver: BaseCheckpointSaver, threadId: string): Promise<unknown> {
  const graph = (graphs[threadId] ?? createChat)(saver);
  const head = await graph.getState(config(threadId), { subgraphs: true });
  const history = await collect(graph.getStateHistory(config(threadId)));
  const tuples = await collect(saver.list(config(threadId)));
  const stored = tuples.map((tuple) => JSON.stringify(plain(storedOf(tuple)))).sort();
  return { head: plain(snapshotOf(head)), history: history.map((state) => plain(snapshotOf(state))), stored };
}

/** What an answer to the interrupt, or another turn, leads to: ids differ from run to run. */
async function goOn(saver: BaseCheckpointSaver, threadId: string): Promise<unknown> {
  const graph = (graphs[threadId] ?? createChat)(saver) as ReturnType<typeof createChat>;
  const isAsked = threadId === 'asked' || threadId === 'nested';
  const input = isAsked ? new Command({ resume: 'yes' }) : says('and on');
  const { messages } = await graph.invoke(input as never, config(threadId));
  return messages.map(({ type, content }) => ({ type, content }));
}

const bytesOf = async (query: StockWork['query'], sql: string): Promise<number> =>
  Number((await query<{ bytes: string }>(sql))[0]?.bytes);

describe('parentsFirst', () => {
  const key = (id: string, parentId: string | null, namespace = '') => ({ namespace, id, parentId });

  it('puts a parent first, and knows one that is not there', () => {
    const keys = [key('1', '3'), key('2', '1'), key('3', null), key('4', '0'), key('5', '5')];
    expect(parentsFirst(keys).map(({ key: { id }, hasParent }) => [id, hasParent])).toEqual([
      ['3', false],
      ['1', true],
      ['2', true],
      ['4', false],
      ['5', false],
    ]);
  });
});

describeOnEachEngine('npm run session -- convert', (createDatabase) => {
  let database: TestDatabase;
  let folder: string;
  const before = new Map<string, unknown>();
  const after = new Map<string, unknown>();
  let service: TestService;

  const inService = <T>(work: (store: SessionStore) => Promise<T>, tenant = 'acme'): Promise<T> =>
    service.app.get(TenantContext).run(tenant, () => work(service.app.get(SessionStore)));
  const convert = (...args: string[]) =>
    answerOf<ConvertAnswer>(database, {}, 'convert', '--tenant', 'acme', '--from-schema', 'source', ...args);
  const sourceState = (query: StockWork['query']) =>
    query(`SELECT (SELECT md5(string_agg(c::text, '' ORDER BY c::text)) FROM source.checkpoints c) AS checkpoints,
                  (SELECT md5(string_agg(b::text, '' ORDER BY b::text)) FROM source.checkpoint_blobs b) AS blobs,
                  (SELECT md5(string_agg(w::text, '' ORDER BY w::text)) FROM source.checkpoint_writes w) AS writes`);

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'triptych-convert-'));
    const created = await createDatabase();
    database = created.settings.url ? created : { ...created, settings: { dataDir: folder } };
    await withStockSaver(database, 'stock', async ({ saver, query }) => {
      await writeThreads(saver);
      for (const threadId of Object.keys(graphs)) before.set(threadId, await inspect(saver, threadId));
      // What is converted is a copy, so that LangGraph's saver can go on with the same threads.
      await query('CREATE SCHEMA source');
      for (const table of ['checkpoints', 'checkpoint_blobs', 'checkpoint_writes'])
        await query(`CREATE TABLE source.${table} AS TABLE stock.${table}`);
      for (const threadId of Object.keys(graphs)) after.set(threadId, await goOn(saver, threadId));
      before.set('source', await sourceState(query));
    });
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('does all of it and takes it back with --dry-run, then converts every thread, then skips them', async () => {
    const counts = { threads: 5, converted: 5, skipped: 0, failed: 0, problems: [] };
    const rehearsed = await convert('--dry-run');
    expect(rehearsed).toMatchObject({ ...counts, dryRun: true });
    const converted = await convert();
    expect(converted).toEqual({ ...rehearsed, dryRun: false });
    expect(converted.checkpoints).toBeGreaterThan(30);
    expect(await convert()).toMatchObject({ threads: 5, converted: 0, skipped: 5, failed: 0 });
    await withStockSaver(database, 'stock', async ({ query }) => {
      expect(await sourceState(query)).toEqual(before.get('source'));
    });
  });

  it('refuses a thread that is named and there already, or that is nowhere', async () => {
    const args = [
      'convert',
      '--tenant',
      'acme',
      '--from-schema',
      'source',
      '--thread',
      'edited',
      '--thread',
      'none',
    ];
    const answer = await answerOf<ConvertAnswer>(database, { status: 1 }, ...args);
    expect(answer).toMatchObject({ threads: 2, failed: 2 });
    expect(answer.problems).toEqual([
      { threadId: 'edited', reason: expect.stringContaining('already') },
      { threadId: 'none', reason: expect.stringContaining('no such thread') },
    ]);
  });

  it('reports a thread that cannot be read, leaves nothing of it, and converts the others', async () => {
    await withStockSaver(database, 'broken', async ({ saver, query }) => {
      const chat = createChat(saver);
      for (const threadId of ['a', 'b', 'c']) await chat.invoke(says('hello'), config(threadId));
      const nobody = Buffer.from('{"lc":1,"type":"constructor","id":["nobody","knows","it"],"kwargs":{}}');
      await query(
        `UPDATE broken.checkpoint_blobs SET blob = $1 WHERE thread_id = 'b' AND channel = 'messages'
            AND version = (SELECT max(version) FROM broken.checkpoint_blobs WHERE channel = 'messages')`,
        [nobody],
      );
    });
    const args = ['convert', '--tenant', 'broken', '--from-schema', 'broken'];
    const answer = await answerOf<ConvertAnswer>(database, { status: 1 }, ...args);
    expect(answer).toMatchObject({ threads: 3, converted: 2, failed: 1 });
    expect(answer.problems).toEqual([{ threadId: 'b', reason: expect.any(String) }]);
    await withStockSaver(database, 'stock', async ({ query }) => {
      await query(`SELECT set_config('app.tenant_id', 'broken', false)`);
      const threads = await query(
        `SELECT thread_id FROM shared.sessions WHERE tenant_id = 'broken' ORDER BY 1`,
      );
      expect(threads).toEqual([{ thread_id: 'a' }, { thread_id: 'c' }]);
      const left = await query(`SELECT 1 FROM checkpoints.checkpoint_blobs WHERE thread_id = '6:broken:b'`);
      expect(left).toEqual([]);
    });
  });

  it('says what is wrong with the source', async () => {
    for (const [schema, reason] of [
      ['nowhere', 'no threads to read in the schema "nowhere"'],
      ['checkpoints', "Triptych's own"],
      ['a"b', '--from-schema'],
    ] as const) {
      const { status, stderr } = await session(
        database,
        ...['convert', '--tenant', 'acme', '--from-schema', schema],
      );
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringContaining(reason) });
    }
    expect((await session(database, 'prune', '--tenant', 'acme')).status).toBe(2);
  });

  describe('of what was converted', () => {
    beforeAll(async () => {
      service = await TestService.start(database);
    });

    it.each(Object.keys(graphs))(
      '%s: state, history and checkpoints are those of the stock saver',
      async (id) => {
        expect(await inService((store) => inspect(store.checkpointer, id))).toEqual(before.get(id));
      },
    );

    it.each(Object.keys(graphs))('%s: REST shows the messages of the newest checkpoint', async (id) => {
      const head = before.get(id) as { head: { values: { messages: { id: string; content: string }[] } } };
      const stored = await inService((store) => store.getSessionMessages(id, { limit: 1_000 }));
      expect(stored.map(({ id: messageId, content }) => ({ id: messageId, content }))).toEqual(
        head.head.values.messages.map(({ id: messageId, content }) => ({ id: messageId, content })),
      );
    });

    it.each(Object.keys(graphs))('%s: a graph goes on as with the stock saver', async (id) => {
      expect(await inService((store) => goOn(store.checkpointer, id))).toEqual(after.get(id));
    });

    it('is recorded once a thread', async () => {
      await service.stop();
      await withStockSaver(database, 'stock', async ({ query }) => {
        await query(`SELECT set_config('app.tenant_id', 'broken', false)`);
        const entries = await query(
          `SELECT action, object_id, actor FROM shared.audit_log WHERE tenant_id = 'broken' ORDER BY object_id`,
        );
        expect(entries).toEqual(
          ['a', 'c'].map((object_id) => ({ action: 'session.convert', object_id, actor: 'operator' })),
        );
      });
    });

    it('can be pruned from the command line, and goes on', async () => {
      const args = ['prune', '--tenant', 'acme', '--all', '--keep', '2'];
      const pruned = await answerOf<PruneAnswer>(database, {}, ...args);
      expect(pruned).toMatchObject({ threads: 5, failed: 0 });
      expect(pruned.checkpoints).toBeGreaterThan(20);
      const again = await answerOf<PruneAnswer>(database, {}, ...args);
      expect(again).toMatchObject({ threads: 5, checkpoints: 0, writes: 0, blobs: 0, messages: 0 });
      service = await TestService.start(database);
      expect(await inService((store) => goOn(store.checkpointer, 'forked'))).toHaveLength(12);
      await service.stop();
    });

    it('takes less room', async () => {
      await withStockSaver(database, 'long', async ({ saver, query }) => {
        const chat = createChat(saver);
        for (let turn = 0; turn < 40; turn += 1) await chat.invoke(says('x'.repeat(500)), config('long'));
        const stock = await bytesOf(
          query,
          `SELECT sum(octet_length(blob)) AS bytes FROM long.checkpoint_blobs WHERE channel = 'messages'`,
        );
        expect(stock).toBeGreaterThan(1_000_000);
        before.set('stock bytes', stock);
      });
      const args = ['convert', '--tenant', 'long', '--from-schema', 'long'];
      await answerOf<ConvertAnswer>(database, {}, ...args);
      await withStockSaver(database, 'long', async ({ query }) => {
        await query(`SELECT set_config('app.tenant_id', 'long', false)`);
        const ours = await bytesOf(
          query,
          `SELECT (SELECT sum(octet_length(body::text)) FROM shared.session_messages WHERE tenant_id = 'long')
                + (SELECT sum(octet_length(blob)) FROM checkpoints.checkpoint_blobs
                    WHERE tenant_id = 'long' AND channel = 'messages') AS bytes`,
        );
        expect(ours * 5).toBeLessThan(before.get('stock bytes') as number);
      });
    });
  });
});
