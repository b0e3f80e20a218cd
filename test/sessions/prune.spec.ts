// Over 200 lines: each kind of thread that has something to lose, and the ones that must lose nothing.
import { AIMessage, HumanMessage, RemoveMessage, type BaseMessage } from '@langchain/core/messages';
import {
  Annotation,
  Command,
  DeltaValue,
  END,
  MessagesAnnotation,
  START,
  StateGraph,
  StateSchema,
  type StateSnapshot,
} from '@langchain/langgraph';
import type { BaseCheckpointSaver } from '@langchain/langgraph-checkpoint';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod/v4';
import { ModuleRef } from '@nestjs/core';
import { Database } from '../../src/database/database.js';
import { NotFoundError, SessionBusyError } from '../../src/errors.js';
import { checkpointsToKeep, type RetainedCheckpoint } from '../../src/session/checkpoint-retention.js';
import type { PruneAnswer } from '../../src/session/prune-threads.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { createCautious, createChat, createDeltaChat, createEditor } from '../support/graphs.js';
import { TestService } from '../support/service.js';
import { answerOf } from './session-command.js';

const says = (content: string, id?: string) => ({
  messages: [new HumanMessage({ content, ...(id && { id }) })],
});
const config = (thread_id: string) => ({ configurable: { thread_id } });

interface Inspectable {
  getState(
    config: { configurable: { thread_id: string } },
    options?: { subgraphs?: boolean },
  ): Promise<StateSnapshot>;
}

/** What a reader can see of the newest state, ids included. */
async function headOf(graph: Inspectable, threadId: string): Promise<unknown> {
  const { config: at, ...state } = await graph.getState(config(threadId), { subgraphs: true });
  const id: unknown = at.configurable?.['checkpoint_id'];
  return JSON.parse(JSON.stringify({ ...state, parentConfig: undefined, id })) as unknown;
}

const contents = (messages: readonly { content?: unknown }[]): unknown[] =>
  messages.map(({ content }) => content);

async function count(source: AsyncIterable<unknown>): Promise<number> {
  let items = 0;
  for await (const _item of source) items += 1;
  return items;
}

const valuesOf = async (graph: Inspectable, threadId: string): Promise<typeof MessagesAnnotation.State> =>
  (await graph.getState(config(threadId))).values as typeof MessagesAnnotation.State;

/** Counts its runs in a channel that its parent does not have, so nothing but its own checkpoints tells. */
const createCounting = () =>
  new StateGraph(
    Annotation.Root({
      ...MessagesAnnotation.spec,
      runs: Annotation<number>({ reducer: (a, b) => a + b, default: () => 0 }),
    }),
  )
    .addNode('count', ({ runs }) => ({ messages: [new AIMessage(`run ${runs + 1}`)], runs: 1 }))
    .addEdge(START, 'count')
    .addEdge('count', END)
    .compile({ checkpointer: true });

const createParent = (checkpointer: BaseCheckpointSaver) =>
  new StateGraph(MessagesAnnotation)
    .addNode('remembering', createCounting())
    .addNode('cautious', createCautious())
    .addEdge(START, 'remembering')
    .addEdge('remembering', 'cautious')
    .addEdge('cautious', END)
    .compile({ checkpointer });

/** A delta channel that is no conversation: LangGraph rebuilds it out of the checkpoints before. */
const createNotes = (checkpointer: BaseCheckpointSaver, snapshotFrequency: number) =>
  new StateGraph(
    new StateSchema({
      notes: new DeltaValue(
        z.custom<string[]>().default(() => []),
        {
          inputSchema: z.custom<string[]>(),
          reducer: (notes: string[], writes: string[][]) => [...notes, ...writes.flat()],
          snapshotFrequency,
        },
      ),
    }),
  )
    .addNode('note', ({ notes }) => ({ notes: [`after ${notes.length}`] }))
    .addEdge(START, 'note')
    .addEdge('note', END)
    .compile({ checkpointer });

describe('checkpointsToKeep', () => {
  const checkpoint = (id: string, more: Partial<RetainedCheckpoint> = {}): RetainedCheckpoint => ({
    ...{ namespace: '', id, parentId: null, rootId: null, needsParent: false, deltas: [], held: [] },
    ...more,
  });
  const kept = (checkpoints: RetainedCheckpoint[], headId: string | null, keep: number): string[] =>
    [...checkpointsToKeep(checkpoints, headId, keep)].map(({ namespace, id }) => namespace + id).sort();

  it('keeps the head before all, whatever its id', () => {
    const checkpoints = ['1', '2', '3'].map((id) => checkpoint(id));
    expect(kept(checkpoints, '1', 1)).toEqual(['1']);
    expect(kept(checkpoints, '1', 2)).toEqual(['1', '3']);
    expect(kept(checkpoints, '3', 5)).toEqual(['1', '2', '3']);
  });

  it('keeps all when nothing is of the thread itself, and what nobody knows the owner of', () => {
    expect(kept([checkpoint('1', { namespace: 'a:1' })], null, 1)).toEqual(['a:11']);
    expect(kept([checkpoint('1'), checkpoint('2', { namespace: 'a:1' })], '1', 1)).toEqual(['1', 'a:12']);
  });

  it('keeps the parent that an old LangGraph left tasks with', () => {
    const checkpoints = [checkpoint('1'), checkpoint('2', { parentId: '1', needsParent: true })];
    expect(kept(checkpoints, '2', 1)).toEqual(['1', '2']);
  });
});

describeOnEachEngine('pruning', (createDatabase) => {
  let service: TestService;
  let database: Database;
  let created: TestDatabase;
  const home = {
    get sessions(): SessionStore {
      return service.app.get(SessionStore);
    },
    /** Another store on the same database, as another process would have it. */
    openStore: () => service.app.get(ModuleRef).create(SessionStore),
    inTenant: <T>(work: () => T): T => service.app.get(TenantContext).run('acme', work),
  };

  beforeAll(async () => {
    created = await createDatabase();
    service = await TestService.start(created);
    database = service.app.get(Database);
  });
  afterAll(async () => {
    await service.stop();
    await created.drop();
  });

  const prune = (threadId: string, keep?: number) =>
    home.sessions.prune(threadId, keep === undefined ? {} : { keep });
  /** Rows of each table that are of a thread. */
  const rowsOf = async (threadId: string) => {
    const key = `4:acme:${threadId}`;
    const [rows] = await database.query<Record<'checkpoints' | 'writes' | 'blobs' | 'messages', number>>(
      `SELECT (SELECT count(*)::int FROM checkpoints.checkpoints WHERE thread_id = $1) AS checkpoints,
              (SELECT count(*)::int FROM checkpoints.checkpoint_writes WHERE thread_id = $1) AS writes,
              (SELECT count(*)::int FROM checkpoints.checkpoint_blobs WHERE thread_id = $1) AS blobs,
              (SELECT count(*)::int FROM shared.session_messages m JOIN shared.sessions s USING (tenant_id, session_id)
                WHERE s.thread_id = $2) AS messages`,
      [key, threadId],
    );
    return rows as Record<'checkpoints' | 'writes' | 'blobs' | 'messages', number>;
  };
  /** Prunes, and proves that the answer is the number of rows that are gone. */
  const counted = async (threadId: string, keep?: number) => {
    const before = await rowsOf(threadId);
    const gone = await prune(threadId, keep);
    const after = await rowsOf(threadId);
    for (const kind of ['checkpoints', 'writes', 'blobs', 'messages'] as const)
      expect({ [kind]: before[kind] - after[kind] }).toEqual({ [kind]: gone[kind] });
    return { gone, after };
  };

  it('keeps the newest state, its messages, and what is said next', () =>
    home.inTenant(async () => {
      const graph = createChat(home.sessions.checkpointer);
      for (const turn of [1, 2, 3]) await graph.invoke(says(`turn ${turn}`), config('plain'));
      const [head, rest] = [await headOf(graph, 'plain'), await home.sessions.getThread('plain')];
      const { gone, after } = await counted('plain');
      expect(gone).toMatchObject({ checkpoints: 11, messages: 0 });
      expect(after).toMatchObject({ checkpoints: 1, writes: 0 });
      expect(await headOf(graph, 'plain')).toEqual(head);
      expect(await home.sessions.getThread('plain')).toEqual(rest);

      await home.sessions.appendMessages('plain', [{ role: 'user', content: 'from outside' }]);
      await graph.invoke(says('turn 4'), config('plain'));
      const values = await valuesOf(graph, 'plain');
      expect(contents(values.messages)).toHaveLength(13);
      expect(await prune('plain', 1_000)).toEqual({ checkpoints: 0, writes: 0, blobs: 0, messages: 0 });
    }));

  it('keeps messages that were appended since the newest checkpoint', () =>
    home.inTenant(async () => {
      const graph = createChat(home.sessions.checkpointer);
      await graph.invoke(says('hello'), config('ahead'));
      await home.sessions.appendMessages('ahead', [{ role: 'user', content: 'not in a checkpoint yet' }]);
      await prune('ahead');
      const stored = await home.sessions.getSessionMessages('ahead');
      expect(stored.at(-1)?.content).toBe('not in a checkpoint yet');
      const values = await valuesOf(graph, 'ahead');
      expect(contents(values.messages)).toEqual(contents(stored));
    }));

  it('drops replaced and removed messages once nothing that is kept shows them', () =>
    home.inTenant(async () => {
      const graph = createEditor(
        (messages) => [
          new HumanMessage({ id: messages.at(-1)?.id ?? '', content: 'said otherwise' }),
          ...(messages.length > 1 ? [new RemoveMessage({ id: messages[0]?.id ?? '' })] : []),
        ],
        home.sessions.checkpointer,
      );
      const states: StateSnapshot[] = [];
      for (const turn of [1, 2, 3]) {
        await graph.invoke(says(`turn ${turn}`), config('edited'));
        states.push(await graph.getState(config('edited')));
      }
      const before = await rowsOf('edited');
      expect(before.messages).toBe(6);
      // Of the three checkpoints that stay, the oldest has the message of the last turn as it was first said.
      const { gone } = await counted('edited', 3);
      expect(gone.messages).toBe(3);
      const history: unknown[] = [];
      for await (const { values } of graph.getStateHistory(config('edited')))
        history.push(contents((values as typeof MessagesAnnotation.State).messages));
      expect(history).toEqual([['said otherwise'], ['said otherwise', 'turn 3'], ['said otherwise']]);
      expect((await counted('edited')).after.messages).toBe(1);
      const id: unknown = states[2]?.config.configurable?.['checkpoint_id'];
      expect(await headOf(graph, 'edited')).toMatchObject({ id });
    }));

  it('does not let a message come back whose row is gone', () =>
    home.inTenant(async () => {
      const graph = createEditor(
        (messages) => new RemoveMessage({ id: messages[0]?.id ?? '' }),
        home.sessions.checkpointer,
      );
      await graph.invoke(says('soon removed', 'm1'), config('stale'));
      let old: BaseMessage | undefined;
      for await (const { values } of graph.getStateHistory(config('stale')))
        old ??= (values as typeof MessagesAnnotation.State).messages.at(0);
      expect(old?.content).toBe('soon removed');
      expect((await prune('stale')).messages).toBe(1);
      // The very object that was read before: this process knows where it stood.
      await graph.updateState(config('stale'), { messages: [old] });
      expect(contents((await valuesOf(graph, 'stale')).messages)).toEqual(['soon removed']);
      expect(contents(await home.sessions.getSessionMessages('stale'))).toEqual(['soon removed']);
      // What the update wrote for the checkpoint before is read, too.
      expect(await count(home.sessions.checkpointer.list(config('stale')))).toBe(2);
    }));

  it('keeps a removed message that a task has written again', () =>
    home.inTenant(async () => {
      const { checkpointer } = home.sessions;
      const graph = createEditor(() => new RemoveMessage({ id: 'removed' }), checkpointer);
      const messages = [new HumanMessage({ id: 'removed', content: 'removed' }), new HumanMessage('stays')];
      await graph.invoke({ messages }, config('written'));
      const { config: head } = await graph.getState(config('written'));
      await checkpointer.putWrites(head, [['messages', [messages[0]]]], 'a task');
      expect((await counted('written')).gone.checkpoints).toBeGreaterThan(0);
      const writes = (await checkpointer.getTuple(config('written')))?.pendingWrites;
      expect(writes?.map(([, , value]) => contents(value as BaseMessage[]))).toEqual([['removed']]);
      expect(contents(await home.sessions.getSessionMessages('written'))).toEqual(['stays']);
    }));

  it('keeps an interrupt in a subgraph that waits, and what a subgraph remembers', () =>
    home.inTenant(async () => {
      const [pruned, whole] = [home.sessions, await home.openStore()];
      for (const [store, threadId] of [
        [pruned, 'nested'],
        [whole, 'nested whole'],
      ] as const) {
        const graph = createParent(store.checkpointer);
        await graph.invoke(says('one', 'h1'), config(threadId));
        await graph.invoke(new Command({ resume: 'yes' }), config(threadId));
        await graph.invoke(says('two', 'h2'), config(threadId));
        // Laid over the checkpoint that waits.
        await store.appendMessages(threadId, [{ id: 'm1', role: 'user', content: 'meanwhile' }]);
        if (threadId === 'nested') {
          const head = await headOf(graph, threadId);
          const { gone } = await counted(threadId);
          expect(gone.checkpoints).toBeGreaterThan(10);
          expect(await headOf(graph, threadId)).toEqual(head);
        }
        await graph.invoke(new Command({ resume: 'go' }), config(threadId));
        await graph.invoke(says('three', 'h3'), config(threadId));
        await graph.invoke(new Command({ resume: 'on' }), config(threadId));
      }
      const said = async (threadId: string) => contents(await home.sessions.getSessionMessages(threadId));
      expect(await said('nested')).toEqual(expect.arrayContaining(['run 3', 'meanwhile']));
      expect(await said('nested')).toEqual(await said('nested whole'));
    }));

  it('keeps what a delta channel is made of, back to its last snapshot', () =>
    home.inTenant(async () => {
      for (const frequency of [3, 100]) {
        const threadId = `notes ${frequency}`;
        const graph = createNotes(home.sessions.checkpointer, frequency);
        for (let turn = 1; turn <= 5; turn += 1)
          await graph.invoke({ notes: [`turn ${turn}`] }, config(threadId));
        const head = await headOf(graph, threadId);
        const { gone } = await counted(threadId);
        if (frequency === 3) expect(gone.checkpoints).toBeGreaterThan(0);
        else expect(gone.checkpoints).toBe(0);
        expect(await headOf(graph, threadId)).toEqual(head);
        const { notes } = await graph.invoke({ notes: ['on'] }, config(threadId));
        expect(notes).toHaveLength(12);
      }
      const chat = createDeltaChat(home.sessions.checkpointer);
      for (const turn of [1, 2, 3]) await chat.invoke(says(`turn ${turn}`), config('delta'));
      const head = await headOf(chat, 'delta');
      expect((await counted('delta')).after.checkpoints).toBe(1);
      expect(await headOf(chat, 'delta')).toEqual(head);
      expect((await chat.invoke(says('on'), config('delta'))).messages).toHaveLength(12);
    }));

  it('lets time travel go on to what is kept, and refuses what is gone', () =>
    home.inTenant(async () => {
      const graph = createChat(home.sessions.checkpointer);
      const states: StateSnapshot[] = [];
      for (const turn of [1, 2, 3]) {
        await graph.invoke(says(`turn ${turn}`), config('travel'));
        states.push(await graph.getState(config('travel')));
      }
      const [first, second] = states.map(({ config: at }) => at as ReturnType<typeof config>);
      await prune('travel', 5);
      expect(await count(graph.getStateHistory(config('travel')))).toBe(5);
      expect((await graph.getState(first as never)).values).toEqual({});
      const { messages } = await graph.invoke(says('instead'), second);
      expect(contents(messages).filter((text) => !String(text).includes('seen'))).toEqual([
        'turn 1',
        'turn 2',
        'instead',
      ]);
    }));

  it('records it, and refuses a thread that is not there and numbers that make no sense', () =>
    home.inTenant(async () => {
      await home.sessions.appendMessages('recorded', [{ role: 'user', content: 'hello' }]);
      await prune('recorded', 2);
      const entries = await database.query(
        `SELECT details FROM shared.audit_log WHERE action = 'session.prune' AND object_id = 'recorded'`,
      );
      expect(entries).toEqual([{ details: { keep: 2, checkpoints: 0, writes: 0, blobs: 0, messages: 0 } }]);
      await expect(prune('nowhere')).rejects.toThrow(NotFoundError);
      expect((await home.sessions.listSessions({ limit: 1_000 })).sessions).not.toContainEqual(
        expect.objectContaining({ threadId: 'nowhere' }),
      );
      for (const keep of [0, -1, 1.5, Number.NaN])
        await expect(prune('recorded', keep)).rejects.toThrow(/keep/);
    }));

  it('leaves a thread alone that somebody has for himself', () =>
    home.inTenant(async () => {
      await createChat(home.sessions.checkpointer).invoke(says('hello'), config('held'));
      const before = await rowsOf('held');
      const other = await home.openStore();
      await other.exclusive('held', async () => {
        // Inside a unit of work it does not wait.
        const refused = database.unitOfWork(() => prune('held'));
        await expect(refused).rejects.toBeInstanceOf(SessionBusyError);
      });
      expect(await rowsOf('held')).toEqual(before);
      expect((await prune('held')).checkpoints).toBeGreaterThan(0);
    }));

  it('leaves other threads alone', () =>
    home.inTenant(async () => {
      const graph = createChat(home.sessions.checkpointer);
      for (const threadId of ['mine', 'other']) await graph.invoke(says('hello'), config(threadId));
      const other = await rowsOf('other');
      await prune('mine');
      expect(await rowsOf('other')).toEqual(other);
    }));

  it('prunes all threads of a tenant from the command line', async () => {
    if (created.engine === 'embedded') return; // its data belongs to the service; convert.spec.ts does it there
    const args = ['prune', '--tenant', 'acme', '--all'];
    const answer = await answerOf<PruneAnswer>({ settings: created.settings }, {}, ...args);
    expect(answer).toMatchObject({ failed: 0, problems: [] });
    expect(answer.threads).toBeGreaterThan(5);
    const again = await answerOf<PruneAnswer>({ settings: created.settings }, {}, ...args);
    expect(again).toEqual({ ...answer, checkpoints: 0, writes: 0, blobs: 0, messages: 0 });
    const missing = ['prune', '--tenant', 'acme', '--thread', 'nowhere'];
    const refused = await answerOf<PruneAnswer>({ settings: created.settings }, { status: 1 }, ...missing);
    expect(refused).toMatchObject({ threads: 1, failed: 1 });
  });
});
