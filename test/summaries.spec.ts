// Over 200 lines: one suite of everything that can befall a fold, on each engine.
import { Logger } from '@nestjs/common';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { checkOptions } from '../src/config/load-options.js';
import { HistoryFolding, type FoldingPace } from '../src/context/history-folding.js';
import { TenantRequiredError } from '../src/errors.js';
import type { Message } from '../src/session/message.js';
import { SessionSummaries, type ThreadSummary } from '../src/session/session-summaries.js';
import { OpenAISummarizer } from '../src/summaries/openai-summarizer.js';
import type { Summarizer } from '../src/summaries/summarizer.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { TokenCounter } from '../src/tokens/token-counter.js';
import { ChatServer, type ChatFault } from './support/chat-server.js';
import { describeOnEachEngine } from './support/engines.js';
import { Instances, user } from './sessions/instances.js';

const THREAD = 'thread';
const KEY = 'sk-do-not-tell-0123456789';

interface FoldingOptions {
  instance?: number;
  maxTokens?: number;
  timeoutMs?: number;
  pace?: FoldingPace;
  summarizer?: Summarizer | null;
}

/** Messages that say `word-1`, `word-2` … */
const words = (first: number, last: number, word = 'word'): Message[] =>
  Array.from({ length: last - first + 1 }, (_, index) => user(`${word}-${first + index}.`));
const texts = (messages: readonly Message[]): unknown[] => messages.map(({ content }) => content);

describeOnEachEngine('summaries', (createDatabase) => {
  const instances = new Instances();
  let server: ChatServer;
  let tenant: string;
  let foldings: HistoryFolding[] = [];

  beforeAll(async () => {
    server = await ChatServer.start();
    await instances.open(createDatabase);
  });
  beforeEach(() => {
    tenant = instances.newTenant();
    server.requests.length = 0;
  });
  afterEach(async () => {
    server.heal();
    for (const folding of foldings) await folding.beforeApplicationShutdown();
    foldings = [];
    jest.restoreAllMocks();
  });
  afterAll(async () => {
    await instances.close();
    await server.close();
  });

  function foldingOf({
    instance = 0,
    maxTokens = 500,
    timeoutMs = 60_000,
    pace = { attempts: 2, firstDelayMs: 1 },
    summarizer = new OpenAISummarizer({
      apiKey: KEY,
      baseURL: server.url,
      model: 'some-model',
      timeoutMs,
      maxRetries: 0,
    }),
  }: FoldingOptions = {}): HistoryFolding {
    const { app } = instances.service(instance);
    const folding = new HistoryFolding(
      app.get(SessionSummaries),
      summarizer,
      app.get(TokenCounter),
      app.get(TenantContext),
      checkOptions({ summary: { maxTokens } }),
      pace,
    );
    foldings.push(folding);
    return folding;
  }

  const append = (messages: readonly Message[], of = tenant): Promise<unknown> =>
    instances.within(of, (sessions) => sessions.appendMessages(THREAD, messages));
  const clear = (): Promise<void> => instances.within(tenant, (sessions) => sessions.clearSession(THREAD));
  const log = (): Promise<Message[]> =>
    instances.within(tenant, (sessions) => sessions.getSessionMessages(THREAD, { limit: 1_000 }));
  const summary = (of = tenant): Promise<ThreadSummary | undefined> =>
    instances.within(of, () => instances.service().app.get(SessionSummaries).read(THREAD));
  const offer = (folding: HistoryFolding, throughSeq: number, of = tenant): void => {
    instances
      .service()
      .app.get(TenantContext)
      .run(of, () => {
        folding.offer(THREAD, throughSeq);
      });
  };
  const fold = async (folding: HistoryFolding, throughSeq: number): Promise<ThreadSummary | undefined> => {
    offer(folding, throughSeq);
    await folding.settled();
    return summary();
  };
  /** The contents of the messages in each request, without the summary so far. */
  const sent = (): unknown[][] =>
    server.requests.map(({ data }) =>
      data.filter(({ summary_so_far: so }) => so === undefined).map(({ content }) => content),
    );

  it('tell what fell out of the history, and leave the log as it is', async () => {
    await append(words(1, 20));
    const folded = await fold(foldingOf(), 12);
    const text = texts(words(1, 12)).join(' ');
    const counter = instances.service().app.get(TokenCounter);
    expect(folded).toEqual({
      text,
      throughSeq: 12,
      tokens: counter.count(text),
      encoding: 'cl100k_base',
      model: 'some-model',
      updatedAt: expect.stringMatching(/^\d{4}-.*Z$/) as unknown,
    });
    expect(texts(await log())).toEqual(texts(words(1, 20)));
  });

  it('take up what follows, with what was told before', async () => {
    await append(words(1, 24));
    const folding = foldingOf();
    const first = await fold(folding, 12);
    const second = await fold(folding, 24);
    expect(sent()).toEqual([texts(words(1, 12)), texts(words(13, 24))]);
    expect(server.requests[0]?.data[0]?.summary_so_far).toBeUndefined();
    expect(server.requests[1]?.data[0]?.summary_so_far).toBe(first?.text);
    expect(second).toMatchObject({ throughSeq: 24, text: texts(words(1, 24)).join(' ') });
    await fold(folding, 12);
    expect(server.requests).toHaveLength(2);
  });

  it('wait for a handful of messages, or for a long one', async () => {
    await append(words(1, 7));
    await expect(fold(foldingOf(), 7)).resolves.toBeUndefined();
    expect(server.requests).toEqual([]);
    await append([user(`long ${'and more '.repeat(1_000)}`)]);
    await expect(fold(foldingOf(), 8)).resolves.toMatchObject({ throughSeq: 8 });
  });

  it('are written in batches of 100 messages', async () => {
    await append(words(1, 250));
    const folded = await fold(foldingOf({ maxTokens: 8_000 }), 250);
    expect(sent().map(({ length }) => length)).toEqual([100, 100, 50]);
    expect(folded).toMatchObject({ throughSeq: 250, text: texts(words(1, 250)).join(' ') });
  });

  it('are written in batches of 16,000 tokens, of a long message only its beginning', async () => {
    const long = (name: string): Message => user(`${name} ${'and more '.repeat(3_000)}`);
    const messages = ['one', 'two', 'three', 'four', 'five', 'six'].map(long);
    await append(messages);
    await fold(foldingOf(), 6);
    expect(sent().map(({ length }) => length)).toEqual([4, 2]);
    const counter = instances.service().app.get(TokenCounter);
    for (const content of sent().flat() as string[]) {
      expect(content).toMatch(/\[… shortened: the whole message has 60\d\d tokens\]$/);
      expect(counter.count(content)).toBeLessThan(4_100);
    }
    expect(texts(await log())).toEqual(texts(messages));
  });

  it('tell of tools, and name what is no text', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'find', arguments: '{"q":"tea"}' } };
    const image = { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo' } };
    await append([
      { role: 'user', name: 'Ann', content: [{ type: 'text', text: 'Look.' }, image] },
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', content: 'found', tool_call_id: 'call_1' },
      ...words(4, 8),
    ]);
    await fold(foldingOf(), 8);
    const at: unknown = expect.any(String);
    expect(server.requests[0]?.data.slice(0, 3)).toEqual([
      { role: 'user', name: 'Ann', content: 'Look.\n[image_url]', at },
      { role: 'assistant', content: '', calls: [{ name: 'find', arguments: '{"q":"tea"}' }], at },
      { role: 'tool', content: 'found', at },
    ]);
  });

  it('leave out the instructions at the head of a thread, which the history keeps', async () => {
    await append([{ role: 'system', content: 'Be brief.' }, ...words(2, 20)]);
    await expect(fold(foldingOf(), 12)).resolves.toMatchObject({ throughSeq: 12 });
    expect(sent()).toEqual([texts(words(2, 12))]);
  });

  it.each<ChatFault>([{ status: 500 }, { status: 401 }, 'hang', 'reset', 'broken-json', 'no-text', 'empty'])(
    'lose nothing on the fault %j of the provider, and come when it is offered again',
    async (fault) => {
      const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
      await append(words(1, 20));
      server.fail(fault);
      const folding = foldingOf(fault === 'hang' ? { timeoutMs: 2_000 } : {});
      await expect(fold(folding, 12)).resolves.toBeUndefined();
      const given = typeof fault === 'object' && 'status' in fault && fault.status === 401 ? 1 : 2;
      expect(server.requests).toHaveLength(given);
      expect(texts(await log())).toEqual(texts(words(1, 20)));
      expect(warn).toHaveBeenCalledTimes(given);
      const told = JSON.stringify(warn.mock.calls);
      expect(told).toContain(`"givenUp":true`);
      expect(told).not.toMatch(/word-|sk-do-not/);

      server.heal();
      const again = fault === 'hang' ? foldingOf() : folding;
      await expect(fold(again, 14)).resolves.toMatchObject({
        throughSeq: 14,
        text: texts(words(1, 14)).join(' '),
      });
    },
  );

  it('come on a second try, without a second offer', async () => {
    await append(words(1, 12));
    server.fail({ status: 500 }, 1);
    await expect(fold(foldingOf(), 12)).resolves.toMatchObject({ throughSeq: 12 });
    expect(server.requests).toHaveLength(2);
  });

  it('keep what was told when a later fold fails', async () => {
    await append(words(1, 24));
    const folding = foldingOf();
    const first = await fold(folding, 12);
    server.fail('empty');
    await expect(fold(folding, 24)).resolves.toEqual(first);
  });

  it('are cut at the longest that they may be', async () => {
    await append(words(1, 12));
    server.fail('too-long');
    const folded = await fold(foldingOf({ maxTokens: 100 }), 12);
    expect(folded?.tokens).toBeLessThanOrEqual(100);
    expect(folded?.tokens).toBeGreaterThan(90);
    expect(folded?.text).toMatch(/^word-1\. /);
  });

  it('leave out what PostgreSQL does not take', async () => {
    await append(words(1, 12));
    server.fail('unstorable');
    await expect(fold(foldingOf(), 12)).resolves.toMatchObject({
      text: `${texts(words(1, 12)).join(' ')}\ufffd`,
    });
  });

  it('ask for less of a model that does not take as much', async () => {
    await append(Array.from({ length: 40 }, (_, index) => user(`m${index} ${'and more '.repeat(50)}`)));
    server.maxLength = 6_000;
    const folding = foldingOf({ maxTokens: 50, pace: { attempts: 3, firstDelayMs: 1 } });
    const folded = await fold(folding, 40);
    expect(40 - (folded?.throughSeq ?? 0)).toBeLessThan(8);
    const [first = [], second = [], third = []] = sent();
    expect(first).toHaveLength(40);
    expect(second.length).toBeLessThan(40);
    expect(third.length).toBeLessThan(second.length / 3);
  });

  it('of two processes at once are written once, and nothing twice', async () => {
    await append(words(1, 12));
    const [one, other] = [foldingOf({ instance: 0 }), foldingOf({ instance: 1 })];
    const release = server.hold(2);
    offer(one, 12);
    offer(other, 12);
    await server.arrived(2);
    release();
    await Promise.all([one.settled(), other.settled()]);
    expect(server.requests).toHaveLength(2);
    await expect(summary()).resolves.toMatchObject({ throughSeq: 12, text: texts(words(1, 12)).join(' ') });
  });

  it('are not put back by one that has been overtaken, which goes on from there', async () => {
    await append(words(1, 40));
    const [slow, quick] = [foldingOf({ instance: 0 }), foldingOf({ instance: 1 })];
    const release = server.hold(1);
    offer(slow, 12);
    await server.arrived(1);
    await fold(quick, 20);
    const overtaking = await summary();
    expect(overtaking?.throughSeq).toBe(20);
    release();
    await slow.settled();
    await expect(summary()).resolves.toEqual(overtaking);
    await expect(fold(slow, 30)).resolves.toMatchObject({
      throughSeq: 30,
      text: texts(words(1, 30)).join(' '),
    });
  });

  it.each([
    ['is cleared', 10, () => Promise.resolve()],
    ['is cleared and begun again', 10, () => append(words(1, 20, 'new'))],
    ['had no summary, is cleared and begun again', 0, () => append(words(1, 20, 'new'))],
  ])('leave nothing of a thread that %s meanwhile', async (_, folded, begin) => {
    await append(words(1, 20, 'forgotten'));
    const folding = foldingOf();
    await fold(folding, folded);
    const before = server.requests.length;
    const release = server.hold(1);
    offer(folding, 20);
    await server.arrived(before + 1);
    await clear();
    await begin();
    release();
    await folding.settled();
    await expect(instances.rowsSaying('forgotten-1')).resolves.toEqual({});
    await expect(summary()).resolves.toBeUndefined();
    expect(server.requests).toHaveLength(before + 1);
  });

  it('go with their session', async () => {
    await append(words(1, 12, 'cleared'));
    await fold(foldingOf(), 12);
    await clear();
    await expect(instances.rowsSaying('cleared-1')).resolves.toEqual({});
    await expect(summary()).resolves.toBeUndefined();
  });

  it('are of one tenant each, whatever the threads are called', async () => {
    const other = instances.newTenant();
    await append(words(1, 12, 'ours'));
    await append(words(1, 12, 'theirs'), other);
    const folding = foldingOf();
    offer(folding, 12);
    offer(folding, 10, other);
    await folding.settled();
    await expect(summary()).resolves.toMatchObject({ text: texts(words(1, 12, 'ours')).join(' ') });
    await expect(summary(other)).resolves.toMatchObject({ text: texts(words(1, 10, 'theirs')).join(' ') });
    await expect(summary(instances.newTenant())).resolves.toBeUndefined();
    expect(() => {
      folding.offer(THREAD, 12);
    }).toThrow(TenantRequiredError);
  });

  it('are not written without a model', async () => {
    await append(words(1, 12));
    const unsummarized = jest.spyOn(SessionSummaries.prototype, 'unsummarized');
    await expect(fold(foldingOf({ summarizer: null }), 12)).resolves.toBeUndefined();
    expect(unsummarized).not.toHaveBeenCalled();
  });

  it('see nothing of a unit of work that offers a thread, and is undone', async () => {
    const folding = foldingOf();
    const undone = instances.within(tenant, (sessions, database) =>
      database.unitOfWork(async () => {
        await sessions.appendMessages(THREAD, words(1, 12));
        offer(folding, 12);
        await database.query('SELECT 1');
        throw new Error('undone');
      }),
    );
    await expect(undone).rejects.toThrow('undone');
    await folding.settled();
    expect(server.requests).toEqual([]);
  });

  it('take one request at a time of a thread, however often it is offered', async () => {
    await append(words(1, 40));
    const folding = foldingOf();
    const release = server.hold(1);
    for (const throughSeq of [12, 13, 14, 30]) offer(folding, throughSeq);
    await server.arrived(1);
    release();
    await folding.settled();
    expect(sent()).toEqual([texts(words(1, 12)), texts(words(13, 30))]);
  });

  it('do not keep the application from stopping while the provider hangs', async () => {
    await append(words(1, 12));
    server.fail('hang');
    const folding = foldingOf({ pace: { attempts: 3, firstDelayMs: 600_000 } });
    offer(folding, 12);
    await server.arrived(1);
    await folding.beforeApplicationShutdown();
    await folding.settled();
    offer(folding, 12);
    await folding.settled();
    expect(server.requests).toHaveLength(1);
  });

  it('do not keep the application from stopping while they wait for another try', async () => {
    await append(words(1, 12));
    const warned = new Promise<void>((resolve) => {
      jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => {
        resolve();
      });
    });
    server.fail({ status: 500 });
    const folding = foldingOf({ pace: { attempts: 3, firstDelayMs: 600_000 } });
    offer(folding, 12);
    await warned;
    await folding.beforeApplicationShutdown();
    await folding.settled();
    expect(server.requests).toHaveLength(1);
  });

  it.each<[string, () => Promise<string>]>([
    ['never answers and hears no signal', () => new Promise<string>(() => undefined)],
    [
      'throws',
      () => {
        throw new Error('word-1');
      },
    ],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors
    ['rejects with nothing', () => Promise.reject()],
  ])('bear with a summarizer of the application’s own that %s', async (name, summarize) => {
    const warn = jest.spyOn(Logger.prototype, 'warn').mockReturnValue();
    await append(words(1, 12));
    const asked = jest.fn(summarize);
    const folding = foldingOf({ summarizer: { model: 'own', summarize: asked } });
    offer(folding, 12);
    if (name.startsWith('never')) await folding.beforeApplicationShutdown();
    await folding.settled();
    await expect(summary()).resolves.toBeUndefined();
    expect(JSON.stringify(warn.mock.calls)).not.toContain('word-1');
  });
});
