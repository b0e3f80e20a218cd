// Over 200 lines: one service for all that a compile joins.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { HumanMessage } from '@langchain/core/messages';
import { END, MessagesAnnotation, START, StateGraph } from '@langchain/langgraph';
import { setTimeout as sleep } from 'node:timers/promises';
import type { CompiledContext } from '../src/context/context-manager.js';
import type { CompileRequest } from '../src/context/compile-request.js';
import { HistoryFolding } from '../src/context/history-folding.js';
import { Database } from '../src/database/database.js';
import type { Message } from '../src/session/message.js';
import { SessionStore } from '../src/session/session-store.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { countMessage, REPLY_PRIMING } from '../src/tokens/message-tokens.js';
import { TiktokenCounter } from '../src/tokens/tiktoken-counter.js';
import { parseContextBlock } from '../src/working-context/memory-block.js';
import { PROMPT_FORMATS } from '../src/working-context/prompt-format.js';
import { assemblePrompt } from '../src/working-context/prompt.js';
import { ChatServer } from './support/chat-server.js';
import { EmbeddingsServer } from './support/embeddings-server.js';
import { closedGate } from './support/gate.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { RecallTenant } from './support/recall-tenant.js';
import { TestService } from './support/service.js';

const counter = new TiktokenCounter();
const words = (count: number): string => 'word '.repeat(count).trimEnd();
const say = (index: number, content = `${index} ${words(60)}`): Message => ({
  role: index % 2 ? 'assistant' : 'user',
  content,
});

describeOnEachEngine('a compile', (createDatabase) => {
  const tenant = RecallTenant.forEachTest(createDatabase);
  const post = (path: string, body: object): Promise<{ status: number; body: never }> =>
    tenant.service.as(tenant.id).post(path, body);
  const append = async (threadId: string, messages: readonly Message[]): Promise<void> => {
    for (let first = 0; first < messages.length; first += 200) {
      const page = messages.slice(first, first + 200);
      expect((await post(`/v1/sessions/${threadId}/messages`, { messages: page })).status).toBe(201);
    }
  };
  const compile = async (change: Partial<CompileRequest> = {}): Promise<CompiledContext> => {
    const request = { threadId: 't', systemPrompt: 'Be kind.', task: { description: 'Sum up.' }, ...change };
    const answer = await post('/v1/context/compile', request);
    expect(answer).toMatchObject({ status: 200 });
    return answer.body;
  };

  it('reads a long thread from its end, and says how much it did not look at', async () => {
    await append('t', [{ role: 'system', content: 'Speak French.' }]);
    await append(
      't',
      Array.from({ length: 600 }, (_, index) => say(index)),
    );
    const { messages, receipt, tokenUsage, budget } = await compile({ modelTier: 'fast' });
    expect(messages[0]).toEqual({ role: 'system', content: 'Speak French.' });
    expect(messages.at(-1)).toEqual(say(599));
    const items = receipt.items.filter(({ tier }) => tier === 'session');
    expect(items.length + receipt.unread).toBe(601);
    expect(receipt.unread).toBeGreaterThan(500);
    expect(receipt.leftOutThrough).toBe(601 - (messages.length - 1));
    expect(tokenUsage.session).toBeLessThanOrEqual(budget.sessionHistory);
    // A step of a quarter is given up at most.
    expect(tokenUsage.session).toBeGreaterThan(0.7 * budget.sessionHistory);
  });

  const call = (...ids: string[]): Message => ({
    role: 'assistant',
    content: null,
    tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'list', arguments: '{}' } })),
  });
  const result = (id: string, content: string): Message => ({ role: 'tool', tool_call_id: id, content });
  const shortened = expect.stringContaining('[… shortened: the whole message has');

  it('shortens the results of tools that are larger than the history, parallel ones too, and keeps their call', async () => {
    const question: Message = { role: 'user', content: 'What is there?' };
    await append('t', [
      say(0),
      say(1),
      question,
      call('a', 'b'),
      result('b', words(9_000)),
      result('a', words(20)),
    ]);
    const { messages, receipt } = await compile({ modelTier: 'fast' });
    expect(messages.slice(-4)).toMatchObject([
      question,
      call('a', 'b'),
      { tool_call_id: 'b', content: shortened },
      result('a', words(20)),
    ]);
    expect(receipt.items.filter(({ decision }) => decision === 'shortened')).toMatchObject([
      { tier: 'session' },
    ]);
  });

  it('keeps what was said before a large result of an earlier call', async () => {
    const said: Message[] = [
      { role: 'user', content: 'My name is Ada.' },
      { role: 'user', content: 'List all.' },
      call('a'),
      result('a', words(9_000)),
      { role: 'assistant', content: 'There are 400.' },
      { role: 'user', content: 'What is my name?' },
    ];
    await append('t', said);
    const { messages } = await compile({ modelTier: 'fast' });
    expect(messages).toMatchObject(
      said.map((each) => (each.role === 'tool' ? { content: shortened } : each)),
    );
  });

  it('brings a result that came after other messages to its call', async () => {
    const hurry: Message = { role: 'user', content: 'And hurry.' };
    await append('t', [say(0), call('a'), hurry, result('a', 'Booked, ref 42.'), say(1)]);
    const { messages, prompt, receipt } = await compile({ format: 'anthropic' });
    expect(messages).toMatchObject([say(0), call('a'), result('a', 'Booked, ref 42.'), hurry, say(1)]);
    expect(JSON.stringify(prompt)).toContain('Booked, ref 42.');
    expect(receipt.items.filter(({ decision }) => decision === 'dropped')).toEqual([]);
  });

  it('shares its beginning with the compile before while the thread grows', async () => {
    await append(
      't',
      Array.from({ length: 120 }, (_, index) => say(index)),
    );
    await compile({ modelTier: 'fast' });
    const shares: (number | undefined)[] = [];
    for (let turn = 60; turn < 72; turn++) {
      await append('t', [say(2 * turn), say(2 * turn + 1)]);
      const { receipt, tokenUsage } = await compile({ modelTier: 'fast' });
      shares.push(receipt.sharedPrefix?.share);
      expect(receipt.sharedPrefix?.tokens).toBeLessThan(tokenUsage.total);
    }
    const high = shares.filter((share) => share !== undefined && share > 0.7);
    expect(shares).not.toContain(undefined);
    expect(high.length).toBeGreaterThanOrEqual(8);
  });

  it('counts for the model that is named, and stays within the tier by its tokens', async () => {
    await append(
      't',
      Array.from({ length: 80 }, (_, index) => say(index, `${index} Bücher über Füße, 漢字.`)),
    );
    const plain = await compile();
    expect(plain.receipt).toMatchObject({ encoding: 'cl100k_base', safetyFactor: 1 });
    const openai = await compile({ model: 'gpt-4o' });
    expect(openai.receipt).toMatchObject({ encoding: 'o200k_base', model: 'gpt-4o', safetyFactor: 1 });
    const o200k = new TiktokenCounter('o200k_base');
    const total = assemblePrompt(openai).reduce((sum, message) => sum + countMessage(o200k, message), 0);
    expect(openai.tokenUsage.total).toBe(total + REPLY_PRIMING);
    const claude = await compile({ model: 'claude-sonnet-4-5', modelTier: 'fast' });
    const { safetyFactor } = claude.receipt;
    expect(safetyFactor).toBeGreaterThan(1);
    expect(claude.budget).toMatchObject({
      total: 8_000,
      sessionHistory: Math.floor(Math.floor(8_000 / safetyFactor) * 0.35),
    });
    expect(claude.tokenUsage.total * safetyFactor).toBeLessThanOrEqual(8_000);
  });

  it('takes another size and other shares for one request', async () => {
    const shares = { systemPrompt: 0.1, sessionHistory: 0.5, relevantContext: 0.3, taskAndBuffer: 0.1 };
    const { budget } = await compile({ modelTier: 'fast', budget: { total: 2_000, shares } });
    expect(budget).toEqual({
      tier: 'fast',
      total: 2_000,
      systemPrompt: 200,
      sessionHistory: 1_000,
      relevantContext: 600,
      taskAndBuffer: 200,
    });
    const wrong = { memoryLimit: 0, filter: 'garbage' };
    expect(
      await post('/v1/context/compile', {
        threadId: 't',
        systemPrompt: '',
        task: { description: 'x' },
        ...wrong,
      }),
    ).toMatchObject({ status: 400 });
    for (const budget of [
      { total: 40_000 },
      { total: 0 },
      { total: 1.5 },
      { shares: { ...shares, systemPrompt: 0.2 } },
      { shares: { systemPrompt: 1 } },
      { shares: { ...shares, other: 0 } },
      { size: 1 },
      [],
    ])
      expect(
        await post('/v1/context/compile', {
          threadId: 't',
          systemPrompt: '',
          task: { description: 'x' },
          budget,
        }),
      ).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
  });

  it('cuts a task that is too large, or refuses it and says by how much', async () => {
    const request = { modelTier: 'fast', task: { description: words(20_000) } };
    const { task, receipt } = await compile(request);
    expect(task.description.length).toBeLessThan(request.task.description.length);
    expect(receipt.items.at(-2)).toMatchObject({ id: 'task', decision: 'shortened', reason: 'over_share' });
    const refused = await post('/v1/context/compile', {
      threadId: 't',
      systemPrompt: '',
      overflow: 'refuse',
      ...request,
    });
    expect(refused).toMatchObject({
      status: 422,
      body: {
        code: 'budget_exceeded',
        needed: 20_007,
        available: 600,
        detail: expect.stringContaining('19407 too many'),
      },
    });
  });

  it('lets messages that fell out of the history come back as memories', async () => {
    const secret = 'The locker code is 4711.';
    await append('t', [say(0, secret), ...Array.from({ length: 199 }, (_, index) => say(index + 1))]);
    await tenant.store('The locker is in the basement.');
    const ask = { modelTier: 'fast', task: { description: 'What is the locker code?' } };
    const texts = ({ context }: CompiledContext): string[] =>
      parseContextBlock(context).map(({ text }) => text);
    expect(texts(await compile(ask))).toEqual(['The locker is in the basement.']);
    const both = await compile({ ...ask, recallScope: 'both', memoryLimit: 3 });
    expect(texts(both).slice(0, 2).sort()).toEqual([secret, 'The locker is in the basement.']);
    const [shown] = parseContextBlock(both.context).filter(({ text }) => text === secret);
    expect(shown).toMatchObject({ who: 'user', thread: 't', seq: 1 });
    // None of what the history shows is said twice, and no more than were asked for.
    const sent = new Set(both.messages.map(({ content }) => content));
    expect(texts(both).filter((text) => sent.has(text))).toEqual([]);
    expect(texts(both).length).toBeLessThanOrEqual(3);
    expect(texts(await compile({ ...ask, recallScope: 'thread' }))).not.toContain(
      'The locker is in the basement.',
    );
  });

  it('says what was remembered of an earlier life of the thread', async () => {
    await append('t', [say(0, 'No peanuts for me.')]);
    await tenant.store('Is allergic to peanuts.', { source: { threadId: 't', seq: 1 } });
    const ask = { task: { description: 'Is somebody allergic?' } };
    expect((await compile(ask)).context).toBe('');
    expect((await tenant.service.as(tenant.id).delete('/v1/sessions/t')).status).toBe(204);
    await append('t', [say(0, 'Hello again.')]);
    expect(parseContextBlock((await compile(ask)).context)).toMatchObject([
      { text: 'Is allergic to peanuts.' },
    ]);
  });

  it('takes whatever a graph wrote', async () => {
    const graph = new StateGraph(MessagesAnnotation)
      .addNode('echo', () => ({ messages: [] }))
      .addEdge(START, 'echo')
      .addEdge('echo', END)
      .compile({ checkpointer: tenant.service.app.get(SessionStore).checkpointer });
    const content = [null, { type: 'text', text: 'hi' }, 'there', 7] as never;
    await tenant.as(() =>
      graph.invoke({ messages: [new HumanMessage({ content })] }, { configurable: { thread_id: 't' } }),
    );
    await tenant.store('Says hi.');
    for (const format of PROMPT_FORMATS) {
      const { messages, context } = await compile({
        format,
        recallScope: 'both',
        task: { description: 'hi' },
      });
      expect(messages).toHaveLength(1);
      expect(context).toContain('Says hi.');
    }
  });

  it('searches by what the task says, wherever that begins, and names no field of it in the receipt', async () => {
    await tenant.store('The kayak is green.');
    await append('t', [say(0, 'hi')]);
    const { context, receipt } = await compile({
      modelTier: 'fast',
      task: { description: `${' '.repeat(100_001)}kayak`, 'the password is hunter2': words(5_000) },
    });
    expect(parseContextBlock(context)).toMatchObject([{ text: 'The kayak is green.' }]);
    expect(receipt.items.slice(-2)).toMatchObject([
      { id: 'task', decision: 'shortened' },
      { id: 'task.rest', decision: 'dropped' },
    ]);
    expect(JSON.stringify(receipt)).not.toContain('hunter2');
  });

  it('reads short messages as long as there is room', async () => {
    for (let page = 0; page < 3; page++)
      await append(
        't',
        Array.from({ length: 700 }, () => say(0, 'ok')),
      );
    const { receipt, messages } = await compile({ spillOver: true });
    expect(receipt.unread).toBe(0);
    expect(messages).toHaveLength(2_100);
  });

  it('filters what it recalls', async () => {
    await tenant.store('The harbour is blue.', { metadata: { year: 2024 } });
    await tenant.store('The harbour is grey.', { metadata: { year: 2025 } });
    const { context } = await compile({
      task: { description: 'harbour' },
      filter: { 'metadata.year': 2025 },
    });
    expect(parseContextBlock(context).map(({ text }) => text)).toEqual(['The harbour is grey.']);
  });

  it('gives the prompt in the form that is asked for', async () => {
    await append('t', [
      { role: 'system', content: 'Speak French.' },
      say(0, 'hi'),
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'call 1', type: 'function', function: { name: 'find', arguments: '{"q":"x"}' } }],
      },
      { role: 'tool', tool_call_id: 'call 1', content: 'found' },
      say(1, 'There.'),
    ]);
    expect(await compile()).not.toHaveProperty('prompt');
    const openai = await compile({ format: 'openai' });
    expect(openai.prompt).toEqual({ messages: assemblePrompt(openai) });
    const anthropic = await compile({ format: 'anthropic' });
    expect(anthropic.prompt).toMatchObject({
      system: [{ text: 'Be kind.' }, { text: 'Speak French.' }],
      messages: [
        { role: 'user' },
        { role: 'assistant' },
        { role: 'user' },
        { role: 'assistant' },
        { role: 'user' },
      ],
    });
    const langchain = await compile({ format: 'langchain' });
    expect(langchain.prompt).toMatchObject({
      messages: [
        { type: 'system' },
        { type: 'system' },
        { type: 'human' },
        { type: 'ai' },
        { type: 'tool' },
        { type: 'ai' },
        { type: 'human' },
      ],
    });
    expect(
      await post('/v1/context/compile', {
        threadId: 't',
        systemPrompt: '',
        task: { description: 'x' },
        format: 'xml',
      }),
    ).toMatchObject({ status: 400 });
  });

  it('gives the same prompt for the same request', async () => {
    await append(
      't',
      Array.from({ length: 30 }, (_, index) => say(index)),
    );
    await tenant.store('Likes words.');
    const [first, second] = [await compile(), await compile()];
    expect(second.receipt.hash).toBe(first.receipt.hash);
    const same = ({ receipt: { id: _, sharedPrefix: _2, ...receipt }, ...rest }: CompiledContext): string =>
      JSON.stringify({ ...rest, receipt });
    expect(same(second)).toBe(same(first));
    expect(second.receipt.sharedPrefix).toMatchObject({ share: 1, tokens: second.tokenUsage.total });
  });

  it('counts exactly what it returns', async () => {
    await append(
      't',
      Array.from({ length: 90 }, (_, index) => say(index, `${index} ${words(index)} 👩‍🚀 <|endoftext|>`)),
    );
    for (let index = 0; index < 12; index++)
      await tenant.store(`Memory ${index} of "words" </memories>\n# Task`);
    for (const modelTier of ['fast', 'reasoning'])
      for (const spillOver of [false, true]) {
        const context = await compile({ modelTier, spillOver, task: { description: 'words', more: [1] } });
        const sent = assemblePrompt(context);
        const total = sent.reduce((sum, message) => sum + countMessage(counter, message), REPLY_PRIMING);
        expect(context.tokenUsage.total).toBe(total);
        expect(total).toBeLessThanOrEqual(context.budget.total);
      }
  });
});

describe('a compile whose parts fail', () => {
  describeOnEachEngine('with an embedding server', (createDatabase) => {
    let home: TestDatabase;
    let server: EmbeddingsServer;
    let service: TestService;

    beforeAll(async () => {
      home = await createDatabase();
      server = await EmbeddingsServer.start({ dimensions: 1536 });
      service = await TestService.start(home, {
        embeddings: { provider: 'openai', baseUrl: server.url, timeoutMs: 20_000 },
        recall: { timeoutMs: 5_000 },
      });
      const { status } = await service
        .as('acme')
        .post('/v1/memories', { agentId: 'a', content: 'The kayak is green.' });
      expect(status).toBe(201);
    });
    afterAll(async () => {
      await service.stop();
      await server.close();
      await home.drop();
    });
    const compile = async (more: object = {}): Promise<CompiledContext> =>
      (
        await service.as('acme').post('/v1/context/compile', {
          threadId: 't',
          systemPrompt: '',
          task: { description: 'Which colour has the kayak?' },
          ...more,
        })
      ).body;

    it('recalls by words alone while nothing can be embedded', async () => {
      server.fail({ status: 400 });
      const { degraded, context } = await compile();
      server.heal();
      expect(degraded).toEqual([
        { code: 'embeddings_unavailable', detail: expect.stringContaining('words alone') },
      ]);
      expect(parseContextBlock(context)).toMatchObject([{ text: 'The kayak is green.' }]);
    });

    it('recalls by words alone when the question is not embedded in time', async () => {
      server.fail('hang');
      const { degraded, context } = await compile();
      server.heal();
      expect(degraded).toMatchObject([{ code: 'embeddings_unavailable' }]);
      expect(parseContextBlock(context)).toMatchObject([{ text: 'The kayak is green.' }]);
    });

    it('recalls by words alone when what was said is not embedded in time', async () => {
      const messages = [{ role: 'user', content: 'What is said is embedded when it is searched.' }];
      await service.as('acme').post('/v1/sessions/t/messages', { messages });
      const gate = closedGate();
      server.fail({ until: gate.opened });
      const { degraded, context } = await compile({ recallScope: 'both' });
      gate.open();
      server.heal();
      expect(degraded).toMatchObject([{ code: 'embeddings_unavailable' }]);
      expect(parseContextBlock(context)).toMatchObject([{ text: 'The kayak is green.' }]);
    });

    it('keeps what was embedded too late, so that the next search is not as late again', async () => {
      const id = 'late-1';
      const messages = [{ id, role: 'user', content: 'This takes longer to embed than anybody waits.' }];
      await service.as('acme').post('/v1/sessions/late/messages', { messages });
      const gate = closedGate();
      server.fail({ until: gate.opened });
      const asked = { threadId: 'late', recallScope: 'both' };
      expect((await compile(asked)).degraded).toMatchObject([{ code: 'embeddings_unavailable' }]);
      server.heal();
      gate.open();
      const rows = (): Promise<unknown[]> =>
        service.app.get(TenantContext).run('acme', () =>
          service.app.get(Database).query(
            `SELECT FROM shared.recall_messages i JOIN shared.session_messages m USING (tenant_id, session_id, seq)
              WHERE m.message_id = $1 AND i.embeddings IS NOT NULL`,
            [id],
          ),
        );
      const end = Date.now() + 20_000;
      while ((await rows()).length === 0 && Date.now() < end) await sleep(20);
      const before = server.requests.length;
      expect((await compile(asked)).degraded).toEqual([]);
      const texts = server.requests.slice(before).flatMap((request) => request.body.input);
      expect(texts).toEqual(['Which colour has the kayak?']);
    });
  });

  describeOnEachEngine('with a model that sums up', (createDatabase) => {
    let home: TestDatabase;
    let server: ChatServer;
    let service: TestService;

    beforeAll(async () => {
      home = await createDatabase();
      server = await ChatServer.start();
      service = await TestService.start(home, {
        summary: { model: 'some-model', baseUrl: server.url, apiKey: 'key' },
      });
    });
    afterAll(async () => {
      await service.stop();
      await server.close();
      await home.drop();
    });

    it('shows what fell out of the history in short, once the model said so', async () => {
      const acme = service.as('acme');
      const messages = Array.from({ length: 120 }, (_, index) => say(index));
      expect((await acme.post('/v1/sessions/t/messages', { messages })).status).toBe(201);
      const compile = async (): Promise<CompiledContext> =>
        (
          await acme.post('/v1/context/compile', {
            threadId: 't',
            systemPrompt: 'Be kind.',
            task: { description: 'Go on.' },
            modelTier: 'fast',
          })
        ).body;
      const before = await compile();
      expect(before.receipt.items.map(({ id }) => id)).not.toContain('summary');
      await service.app.get(HistoryFolding).settled();
      const after = await compile();
      const [summary, ...rest] = after.messages;
      expect(summary).toMatchObject({
        role: 'user',
        content: expect.stringMatching(/^<summary>\n.*<\/summary>$/s),
      });
      expect(summary?.content).toContain(`"until":${before.receipt.leftOutThrough}`);
      expect(rest.at(-1)).toEqual(messages.at(-1));
      expect(after.receipt.items.find(({ id }) => id === 'summary')).toMatchObject({
        decision: 'kept',
        reason: 'summary',
      });
      expect(after.tokenUsage.session).toBe(
        after.messages.reduce((sum, message) => sum + countMessage(counter, message), 0),
      );
      expect(after.tokenUsage.session).toBeLessThanOrEqual(after.budget.sessionHistory);
    });
  });
});
