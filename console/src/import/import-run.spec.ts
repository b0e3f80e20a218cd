import { describe, expect, it } from '@jest/globals';
import { ApiProblem } from '../api/problem.js';
import { batchesOf } from './batches.js';
import type { ImportMessage } from './conversation.js';
import { digestOf } from './idempotency-key.js';
import { ImportRun, type AppendRequest } from './import-run.js';

const problem = (status: number, code: string, retryAfter?: number): ApiProblem =>
  new ApiProblem({ status, code, title: code, detail: code, retryAfter });
const conversation = (name: string, length: number): ImportMessage[] =>
  Array.from({ length }, (_, n) => ({ role: 'user', content: `${name} ${n}` }));

/** What a store does with appends: a key it knows changes nothing, and only a new thread is begun by `onlyNew`. */
class Store {
  readonly threads = new Map<string, ImportMessage[]>();
  readonly #keys = new Set<string>();
  readonly requests: AppendRequest[] = [];
  /** Asked before a request is done; after it, where it says so. */
  fault: (request: AppendRequest, isDone: boolean) => Error | undefined = () => undefined;

  append = async (request: AppendRequest): Promise<void> => {
    this.requests.push(request);
    await Promise.resolve();
    request.signal.throwIfAborted();
    const early = this.fault(request, false);
    if (early) throw early;
    const { threadId, idempotencyKey, messages, onlyNew } = request;
    if (!this.#keys.has(idempotencyKey)) {
      const thread = this.threads.get(threadId);
      if (thread && onlyNew) throw problem(412, 'version_conflict');
      this.threads.set(threadId, [...(thread ?? []), ...messages]);
      this.#keys.add(idempotencyKey);
    }
    const late = this.fault(request, true);
    if (late) throw late;
  };
}

function begin(
  conversations: Record<string, ImportMessage[]>,
  store: Store,
  addToThreads = false,
): { run: ImportRun; waits: number[] } {
  const lists = Object.values(conversations);
  const waits: number[] = [];
  const run = new ImportRun(
    Object.keys(conversations).map((threadId, index) => ({
      index,
      threadId,
      title: threadId,
      messages: lists[index]?.length ?? 0,
    })),
    {
      source: {
        digest: (index) => Promise.resolve(digestOf(lists[index] ?? [])),
        batches: (index) => Promise.resolve(batchesOf(lists[index] ?? [], { count: 10 })),
        messages: (index, { from, to }) => Promise.resolve(lists[index]?.slice(from, to) ?? []),
      },
      append: store.append,
      wait: (seconds, signal) => {
        waits.push(seconds);
        signal.throwIfAborted();
        return Promise.resolve();
      },
      addToThreads,
    },
  );
  return { run, waits };
}

describe('ImportRun', () => {
  const chats = { a: conversation('a', 25), b: conversation('b', 3), c: conversation('c', 11) };
  const isWhole = (store: Store): void => {
    expect(Object.fromEntries(store.threads)).toEqual(chats);
  };

  it('stores every message once and in its order, and says how far it is', async () => {
    const store = new Store();
    const { run } = begin(chats, store);
    const seen: number[] = [];
    run.subscribe(() => seen.push(run.progress.sent));
    await run.start();
    isWhole(store);
    expect(run.progress).toMatchObject({ state: 'finished', sent: 39, messages: 39 });
    expect(seen).toEqual([...seen].sort((one, other) => one - other));
  });

  it('stores nothing twice when answers are lost, it is interrupted after each request and begun again', async () => {
    const store = new Store();
    const { run } = begin(chats, store);
    store.fault = (_, isDone) => {
      if (isDone) run.cancel();
      return isDone ? problem(0, 'unreachable') : undefined;
    };
    for (let turn = 0; turn < 3; turn++) {
      await run.start();
      expect(run.progress.state).toBe('stopped');
    }
    store.fault = () => undefined;
    await run.start();
    isWhole(store);
    const again = begin(chats, store).run;
    await again.start();
    expect(again.progress).toMatchObject({ state: 'finished', sent: 39 });
    isWhole(store);
  });

  it('waits as long as it is asked to, and goes on', async () => {
    const store = new Store();
    let refusals = 3;
    store.fault = () => (refusals-- > 0 ? problem(429, 'rate_limited', 7) : undefined);
    const { run, waits } = begin(chats, store);
    await run.start();
    expect(waits).toEqual([7, 7, 7]);
    isWhole(store);
  });

  it.each([
    [0, 'unreachable', undefined],
    [401, 'unauthenticated', undefined],
    [403, 'forbidden', undefined],
    [429, 'quota_exceeded', 40_000],
    [503, 'database_busy', 90],
  ])('stops all at %i %s, and goes on when it is told to', async (status, code, retryAfter) => {
    const store = new Store();
    const fault = problem(status, code, retryAfter);
    store.fault = ({ threadId }) => (threadId === 'b' ? fault : undefined);
    const { run } = begin(chats, store);
    await run.start();
    expect(run.progress).toMatchObject({ state: 'stopped', problem: fault, sent: 25 });
    expect(store.threads.has('c')).toBe(false);
    store.fault = () => undefined;
    await run.start();
    expect(run.progress.problem).toBeUndefined();
    isWhole(store);
  });

  it('lets one that is refused fail alone, and tries it again under another id or by adding to the thread', async () => {
    const store = new Store();
    await store.append({
      threadId: 'b',
      messages: [{ role: 'user', content: 'there' }],
      idempotencyKey: 'x',
      onlyNew: true,
      signal: new AbortController().signal,
    });
    const { run } = begin(chats, store);
    await run.start();
    expect(run.progress).toMatchObject({ state: 'finished', sent: 36 });
    expect(run.progress.threads[1]).toMatchObject({ state: 'failed', problem: { code: 'version_conflict' } });
    run.retry([1], { threadIds: new Map([[1, 'b2']]) });
    await run.start();
    expect(store.threads.get('b2')).toEqual(chats.b);
    const second = begin({ b: chats.b }, store).run;
    await second.start();
    second.retry([0], { isAdded: true });
    await second.start();
    expect(store.threads.get('b')).toHaveLength(4);
  });

  it('takes a conversation that has grown for another one, and adds it as a whole where it is told to', async () => {
    const store = new Store();
    const [then, now] = [conversation('a', 25), conversation('a', 26)];
    await begin({ a: then }, store).run.start();
    const { run } = begin({ a: now }, store);
    await run.start();
    expect(run.progress.threads[0]).toMatchObject({ sent: 0, problem: { code: 'version_conflict' } });
    expect(store.threads.get('a')).toEqual(then);
    run.retry([0], { isAdded: true });
    await run.start();
    for (const addToThreads of [true, false]) await begin({ a: now }, store, addToThreads).run.start();
    expect(store.threads.get('a')).toEqual([...then, ...now]);
  });

  it('adds to that thread alone for which it was told to', async () => {
    const store = new Store();
    for (const threadId of ['b', 'b2'])
      await begin({ [threadId]: conversation('there', 1) }, store).run.start();
    const { run } = begin({ b: chats.b }, store);
    await run.start();
    store.fault = () => problem(409, 'message_id_taken');
    run.retry([0], { isAdded: true });
    await run.start();
    store.fault = () => undefined;
    run.retry([0], { threadIds: new Map([[0, 'b2']]) });
    await run.start();
    expect(run.progress.threads[0]).toMatchObject({ state: 'failed', problem: { code: 'version_conflict' } });
    expect(store.threads.get('b2')).toHaveLength(1);
  });

  it('halves a request that is too large, and gives up on a single message that is', async () => {
    const store = new Store();
    store.fault = ({ messages }) => (messages.length > 3 ? problem(413, 'body_too_large') : undefined);
    const { run } = begin(chats, store);
    await run.start();
    isWhole(store);
    const strict = new Store();
    strict.fault = ({ messages }) =>
      messages.some(({ content }) => content === 'a 7') ? problem(413, 'body_too_large') : undefined;
    const other = begin(chats, strict).run;
    await other.start();
    expect(other.progress.threads.map(({ state }) => state)).toEqual(['failed', 'done', 'done']);
  });
});
