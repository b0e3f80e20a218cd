// Over 200 lines: one property, on every way into a thread and out of it.
import {
  AIMessage,
  type BaseMessage,
  ChatMessage,
  HumanMessage,
  SystemMessage,
  ToolMessage,
} from '@langchain/core/messages';
import { MessagesAnnotation, StateGraph } from '@langchain/langgraph';
import {
  emptyCheckpoint,
  uuid6,
  type CheckpointTuple,
  type PendingWrite,
} from '@langchain/langgraph-checkpoint';
import { afterAll, beforeAll, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { inspect, isDeepStrictEqual } from 'node:util';
import { parseJson } from '../../src/database/parse-json.js';
import { isPlainObject } from '../../src/database/storable.js';
import { InvalidInputError } from '../../src/errors.js';
import { fromLangChain } from '../../src/session/message-codec.js';
import type { Message, StoredMessage } from '../../src/session/message.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from '../support/engines.js';
import { TestService, type TenantClient } from '../support/service.js';
import { anything, argumentsText, json, text } from './strange-values.js';

/**
 * More than 21,000 arbitrary values on each engine: 13,000 in channels, the others in 2,100 messages and in metadata.
 * A batch is one append; a failing batch is not shrunk, the place that failed is named instead.
 */
const BATCH = 100;
const batchOf = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<T[]> =>
  fc.array(item, { minLength: BATCH, maxLength: BATCH });
const forAll = <T>(
  item: fc.Arbitrary<T>,
  batches: number,
  check: (batch: T[]) => Promise<void>,
): Promise<void> =>
  fc.assert(fc.asyncProperty(batchOf(item), check), { numRuns: batches, endOnFailure: true });

const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(model, { noNullPrototype: true });

/** An OpenAI message with four or five arbitrary values, all of which can be kept. */
const unknownFields = fc.dictionary(
  fc.oneof(
    fc.constantFrom('refusal', 'lc', 'type', 'kwargs', 'additional_kwargs', 'response_metadata', 'lc_kwargs'),
    fc.constantFrom('$triptych', '__lc_escaped__', '__openai_role__', 'toJSON', 'constructor', 'status', '0'),
    text.map((name) => `x_${name}`),
  ),
  json,
  { minKeys: 1, maxKeys: 3, noNullPrototype: true },
);
const parts = fc.array(
  fc.oneof(
    record({ type: fc.constant('text'), text, annotations: json }),
    record({ type: fc.constant('image_url'), image_url: record({ url: fc.webUrl(), detail: json }) }),
    record({ type: fc.constantFrom('input_audio', 'tool_call', 'constructor', ''), id: json, args: json }),
  ),
  { maxLength: 3 },
);
const calls = fc.array(
  fc.oneof(
    record({
      id: text,
      type: fc.constant('function'),
      function: record({ name: text, arguments: argumentsText, strict: json }),
    }),
    record({ id: text, type: fc.constant('custom'), custom: json }),
  ),
  { maxLength: 2 },
);
const content = fc.oneof(text, parts);
const name = fc.option(
  text.filter((value) => value !== ''),
  { nil: undefined },
);
const byRole = fc.oneof(
  record({ role: fc.constantFrom('user', 'system', 'developer', 'function'), content }),
  record({ role: fc.constant('tool'), content, tool_call_id: text.filter((id) => id !== '') }),
  record({ role: fc.constant('assistant'), content: fc.option(content) }),
  record({ role: fc.constant('assistant'), content: fc.option(content), tool_calls: calls }),
);
const message = fc
  .tuple(unknownFields, byRole, name)
  .map(([extra, known, given]) => ({ ...extra, ...known, ...(given && { name: given }) }));

/** Messages of a graph, with `value` wherever a field takes any. */
const graphMessage = (value: fc.Arbitrary<unknown>): fc.Arbitrary<BaseMessage> =>
  record({ a: value, b: value, c: value, d: value, content, kind: fc.nat({ max: 4 }) }).map((given) => {
    const { a, b, c, d, kind } = given;
    const common = {
      content: Array.isArray(given.content) ? [...given.content, { type: 'x', a }] : given.content,
      additional_kwargs: { b },
      response_metadata: { c },
    } as never;
    const call = { id: '1', name: 'f', args: { d } };
    switch (kind) {
      case 0:
        return new HumanMessage(common);
      case 1:
        return new SystemMessage(common);
      case 2:
        return new ChatMessage({ ...(common as object), role: 'critic' });
      case 3:
        return new ToolMessage({ ...(common as object), tool_call_id: '1', artifact: d });
      default:
        return new AIMessage({ ...(common as object), tool_calls: [call] });
    }
  });

/** Equality with `Object.is` on the leaves, and of all own keys. */
function requireSame(actual: unknown, expected: unknown, at = 'value'): void {
  if (isDeepStrictEqual(actual, expected)) return;
  if (isPlain(actual) && isPlain(expected))
    for (const key of new Set([...Object.keys(expected), ...Object.keys(actual)]))
      requireSame(own(actual, key), own(expected, key), `${at}.${key}`);
  throw new Error(`${at}: ${inspect(actual).slice(0, 300)} was ${inspect(expected).slice(0, 300)}`);
}
function isPlain(value: unknown): value is object {
  return typeof value === 'object' && value !== null && (Array.isArray(value) || isPlainObject(value));
}
function own(value: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(value, key)?.value;
}
function requireSameItems(actual: readonly unknown[], expected: readonly unknown[]): void {
  expect(actual).toHaveLength(expected.length);
  for (const [index, item] of expected.entries()) requireSame(actual[index], item, String(index));
}
function asWritten({
  id: _id,
  seq: _seq,
  tokens: _tokens,
  createdAt: _createdAt,
  ...rest
}: StoredMessage): object {
  return rest;
}
/** LangGraph hands over bytes that are a whole value as the driver gave them. */
function withoutBuffer(value: unknown): unknown {
  return Buffer.isBuffer(value) ? Uint8Array.from(value) : value;
}
function fieldsOf(given: BaseMessage): unknown {
  const { class: className, fields } = fromLangChain(given).body;
  return parseJson(JSON.stringify([className, { ...fields, id: undefined }]));
}

/** Hands the conversation back as it is, the way nodes do that pass their messages on. */
function createEcho(sessions: SessionStore) {
  return new StateGraph(MessagesAnnotation)
    .addNode('echo', ({ messages }) => ({ messages }))
    .addEdge('__start__', 'echo')
    .addEdge('echo', '__end__')
    .compile({ checkpointer: sessions.checkpointer });
}

// Half a minute on a quiet machine; a busy one must not fail it.
jest.setTimeout(300_000);

describeOnEachEngine('fidelity', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let sessions: SessionStore;
  let tenants: TenantContext;
  let acme: TenantClient;
  let counter = 0;
  const as = <T>(work: () => T): T => tenants.run('acme', work);
  const newThread = (): string => `thread-${(counter += 1)}`;
  const configOf = (thread_id: string) => ({ configurable: { thread_id, checkpoint_ns: '' } });
  const read = (threadId: string): Promise<StoredMessage[]> =>
    as(() => sessions.getSessionMessages(threadId, { limit: 1_000 }));
  const seenByGraph = async (threadId: string): Promise<BaseMessage[]> => {
    const tuple = await as(() => sessions.checkpointer.getTuple(configOf(threadId)));
    return (tuple?.checkpoint.channel_values['messages'] ?? []) as BaseMessage[];
  };
  const readOverHttp = async (threadId: string): Promise<StoredMessage[]> => {
    const answer = await acme.get(`/v1/sessions/${threadId}/messages?limit=1000`);
    expect(answer.status).toBe(200);
    return (answer.body as { messages: StoredMessage[] }).messages;
  };

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    sessions = service.app.get(SessionStore);
    tenants = service.app.get(TenantContext);
    acme = service.as('acme');
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('gives back every message that REST took, and knows it again when a graph hands it back', async () => {
    await forAll(message, 10, async (messages) => {
      const threadId = newThread();
      const answer = await acme.post(`/v1/sessions/${threadId}/messages`, { messages });
      if (answer.status !== 201) throw new Error(answer.text);
      requireSameItems((answer.body as { messages: StoredMessage[] }).messages.map(asWritten), messages);
      const stored = await read(threadId);
      requireSameItems(stored.map(asWritten), messages);
      expect(await seenByGraph(threadId)).toHaveLength(messages.length);

      await as(() => createEcho(sessions).invoke({ messages: [] }, configOf(threadId)));
      requireSameItems(await read(threadId), stored);
      requireSameItems(await readOverHttp(threadId), stored);
    });
  });

  it('keeps arguments of a call that no parser of ours should walk', async () => {
    const threadId = newThread();
    const depth = 50_000;
    const nested = `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
    const call = { id: '1', type: 'function', function: { name: 'f', arguments: nested } };
    const given: Message = { role: 'assistant', content: null, tool_calls: [call] };
    const answer = await acme.post(`/v1/sessions/${threadId}/messages`, { messages: [given] });
    expect(answer.status).toBe(201);
    await as(() => createEcho(sessions).invoke({ messages: [] }, configOf(threadId)));
    requireSameItems((await read(threadId)).map(asWritten), [given]);
  });

  it('gives back every message that a program handed over, or refuses it', async () => {
    const odd = fc.tuple(message, anything, anything).map(([given, a, b]) => ({ ...given, a, b }));
    let kept = 0;
    let refused = 0;
    await forAll(odd, 5, async (messages) => {
      const threadId = newThread();
      const expected: Message[] = [];
      for (const given of messages)
        try {
          await as(() => sessions.appendMessages(threadId, [given]));
          expected.push(given);
        } catch (error) {
          if (!(error instanceof InvalidInputError)) throw error;
          refused += 1;
        }
      kept += expected.length;
      const plain = expected.map((given) => parseJson(JSON.stringify(given)) as Message);
      requireSameItems(
        (await read(threadId)).map((stored) => asWritten(stored)),
        plain,
      );
      expect(await seenByGraph(threadId)).toHaveLength(expected.length);
    });
    expect(kept).toBeGreaterThan(50);
    expect(refused).toBeGreaterThan(50);
  });

  it('gives back every message that a graph wrote, and shows it over REST', async () => {
    await forAll(graphMessage(json), 6, async (messages) => {
      const threadId = newThread();
      const written = messages.map(fieldsOf);
      const echo = createEcho(sessions);
      await as(() => echo.invoke({ messages }, configOf(threadId)));
      requireSameItems((await seenByGraph(threadId)).map(fieldsOf), written);
      const shown = await read(threadId);
      expect(shown).toHaveLength(messages.length);

      await as(() => echo.invoke({ messages: [] }, configOf(threadId)));
      requireSameItems((await seenByGraph(threadId)).map(fieldsOf), written);
      requireSameItems(await readOverHttp(threadId), shown);
    });
  });

  it('keeps a thread readable whatever message a graph tries to write', async () => {
    const threadId = newThread();
    const written: unknown[] = [];
    let refused = 0;
    // Of any values, one message in eight can be kept: too few to be sure of some.
    const attempts = fc.sample(fc.oneof(graphMessage(anything), graphMessage(json)), 60);
    for (const given of attempts)
      try {
        await as(() => createEcho(sessions).invoke({ messages: [given] }, configOf(threadId)));
        written.push(fieldsOf(given));
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        refused += 1;
      }
    requireSameItems((await seenByGraph(threadId)).map(fieldsOf), written);
    expect(await read(threadId)).toHaveLength(written.length);
    expect(written.length).toBeGreaterThan(3);
    expect(refused).toBeGreaterThan(3);
  });

  it('gives back every value of a channel, and every pending write', async () => {
    await forAll(anything, 130, async (values) => {
      const config = configOf(newThread());
      const [state, written] = [values.slice(0, BATCH / 2), values.slice(BATCH / 2)];
      const checkpoint = {
        ...emptyCheckpoint(),
        id: uuid6(0),
        channel_values: { state, first: state[0] },
        channel_versions: { state: 1, first: 1 },
      };
      const metadata = { source: 'update' as const, step: 0, parents: {} };
      const saver = sessions.checkpointer;
      const tuple = (await as(async () => {
        const put = await saver.put(config, checkpoint, metadata, { state: 1, first: 1 });
        const writes: PendingWrite[] = [
          ['state', written],
          ['first', written[0]],
        ];
        await saver.putWrites(put, writes, 'task');
        return saver.getTuple(put);
      })) as CheckpointTuple;
      const { channel_values: read } = tuple.checkpoint;
      requireSameItems(read['state'] as unknown[], state);
      requireSame(withoutBuffer(read['first']), state[0]);
      const [states, firsts] = tuple.pendingWrites ?? [];
      requireSameItems(states?.[2] as unknown[], written);
      requireSame(withoutBuffer(firsts?.[2]), written[0]);
    });
  });

  it('gives back a message that a task wrote beside one of the log, whatever it holds', async () => {
    const threadId = newThread();
    const saver = sessions.checkpointer;
    await as(() => sessions.appendMessages(threadId, [{ role: 'user', content: 'logged' }]));
    const odd = {
      lc: { lc: 1, type: 'constructor', id: ['x'] },
      rest: [NaN, -0, 10n, undefined, new Set([1])],
    };
    const written = new HumanMessage({ id: 'odd', content: 'written', additional_kwargs: odd });
    const tuple = (await as(async () => {
      const head = (await saver.getTuple(configOf(threadId))) as CheckpointTuple;
      const logged = head.checkpoint.channel_values['messages'] as BaseMessage[];
      await saver.putWrites(head.config, [['messages', [...logged, written]]], 'task');
      return saver.getTuple(head.config);
    })) as CheckpointTuple;
    const [logged, read] = tuple.pendingWrites?.[0]?.[2] as BaseMessage[];
    expect(logged?.content).toBe('logged');
    requireSame(read?.additional_kwargs, odd);
  });

  it('gives back the metadata of a checkpoint', async () => {
    await forAll(json, 5, async (values) => {
      const config = configOf(newThread());
      const metadata = { source: 'update' as const, step: 0, parents: {}, values };
      const put = await as(() => sessions.checkpointer.put(config, emptyCheckpoint(), metadata, {}));
      const tuple = await as(() => sessions.checkpointer.getTuple(put));
      requireSame(tuple?.metadata, metadata);
    });
  });

  it.each([
    ['a number that no double holds', '{"messages":[{"role":"user","content":"","x":12345678901234567890}]}'],
    ['a number beyond all doubles', '{"messages":[{"role":"user","content":"","x":[1e400]}]}'],
    ['a key that stands twice', '{"messages":[{"role":"user","content":"a","content":"b"}]}'],
  ])('refuses %s over HTTP', async (_what, body) => {
    const threadId = newThread();
    const answer = await acme.post(`/v1/sessions/${threadId}/messages`, body);
    expect([answer.status, (answer.body as { code: string }).code]).toEqual([400, 'invalid_input']);
    expect(await read(threadId)).toEqual([]);
  });
});
