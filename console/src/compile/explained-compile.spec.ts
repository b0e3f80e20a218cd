// Over 200 lines: one answer with every part of it, and all that is shown of it.
import { describe, expect, it } from '@jest/globals';
import { REASONS } from '../../../src/working-context/receipt.js';
import { compareRuns } from './compare.js';
import { EMPTY_FORM, formProblems, requestOf } from './compile-form.js';
import { promptJson, sentMessages } from './prompt-messages.js';
import { reasonInWords, remedyFor } from './reasons.js';
import { decisionCounts, itemGroups, memoryTexts } from './receipt-items.js';
import { barInWords, tokenBar } from './token-bar.js';
import type { CompileRun, ItemReceipt, WorkingContext } from './working-context.js';

const item = (change: Partial<ItemReceipt> & Pick<ItemReceipt, 'tier' | 'id'>): ItemReceipt => ({
  tokens: 10,
  decision: 'kept',
  reason: 'fits',
  ...change,
});
const line = (id: string, text: string): string =>
  `${JSON.stringify({ id, who: 'Ada', text }).replaceAll('<', '\\u003c')}\n`;

function answer(
  change: Partial<WorkingContext> = {},
  receipt: Partial<WorkingContext['receipt']> = {},
): WorkingContext {
  return {
    systemPrompt: 'Be kind.',
    messages: [
      { role: 'user', content: 'Where is it?' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ id: 'c', type: 'function', function: { name: 'track', arguments: '{"n":1}' } }],
      },
      {
        role: 'tool',
        tool_call_id: 'c',
        content: [
          { type: 'text', text: 'out' },
          { type: 'image_url', image_url: { url: 'x' } },
        ],
      },
    ],
    context: `<memories>\nWhat is known\n${line('k1', 'Likes <b>tea</b>')}</memories>`,
    task: { description: 'Answer.', language: 'en' },
    tokenUsage: { total: 130, system: 10, session: 60, memory: 40, task: 20 },
    budget: {
      tier: 'small',
      total: 700,
      systemPrompt: 105,
      sessionHistory: 50,
      relevantContext: 245,
      taskAndBuffer: 105,
    },
    degraded: [],
    prompt: { messages: [{ role: 'system', content: 'Be kind.' }] },
    receipt: {
      version: 1,
      compiler: '0.1.0',
      encoding: 'cl100k_base',
      safetyFactor: 1,
      tier: 'small',
      sections: [
        { section: 'systemPrompt', cap: 105, used: 10, spilled: 0 },
        { section: 'sessionHistory', cap: 50, used: 60, spilled: 10 },
        { section: 'relevantContext', cap: 245, used: 40, spilled: 0 },
        { section: 'taskAndBuffer', cap: 105, used: 20, spilled: 0 },
      ],
      items: [
        item({ tier: 'system', id: 'systemPrompt' }),
        item({ tier: 'session', id: 'm1', tokens: 99, decision: 'dropped', reason: 'over_share' }),
        item({ tier: 'session', id: 'm2' }),
        item({ tier: 'session', id: 'm3', tokens: 20 }),
        item({ tier: 'session', id: 'm4', tokens: 30, decision: 'shortened', reason: 'over_share' }),
        item({ tier: 'memory', id: 'k1', score: 0.9, tokens: 40 }),
        item({ tier: 'memory', id: 'k2', score: 0.8, decision: 'dropped', reason: 'over_limit' }),
        item({ tier: 'task', id: 'task', tokens: 20 }),
      ],
      unread: 7,
      leftOutThrough: 8,
      hash: 'ab',
      ...receipt,
    },
    ...change,
  };
}
const run = (answered: WorkingContext, request: Partial<CompileRun['request']> = {}): CompileRun => ({
  request: { ...requestOf({ ...EMPTY_FORM, threadId: 't', task: 'Answer.' }), ...request },
  answer: answered,
  at: 1,
});

describe('the token bar', () => {
  it('stacks the sections, what nobody uses and what is left for the reply to the whole budget', () => {
    const bar = tokenBar(answer());
    expect(bar.stretches.map(({ key, tokens }) => [key, tokens])).toEqual([
      ['systemPrompt', 10],
      ['sessionHistory', 60],
      ['relevantContext', 40],
      ['taskAndBuffer', 20],
      ['free', 485],
      ['reply', 85],
    ]);
    expect(bar.stretches.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9);
    expect(bar.stretches[1]?.parts).toEqual([10, 20, 30]);
    expect(bar.sections[1]).toMatchObject({
      used: 60,
      cap: 50,
      spilled: 10,
      kept: 2,
      shortened: 1,
      dropped: 1,
    });
  });

  it('stands for the tokens that were counted where a model needs a safety factor', () => {
    expect(tokenBar(answer({}, { safetyFactor: 1.4 })).total).toBe(500);
  });

  it('never has a stretch below nothing, whatever a budget says', () => {
    const tight = { ...answer().budget, total: 100, taskAndBuffer: 15 };
    for (const { tokens } of tokenBar(answer({ budget: tight })).stretches)
      expect(tokens).toBeGreaterThanOrEqual(0);
  });

  it('says in words what it shows', () => {
    const words = barInWords(
      tokenBar(answer({}, { sharedPrefix: { messages: 3, tokens: 40, share: 0.3077 } })),
    );
    expect(words).toBe(
      '130 tokens of 700 (19 %). System prompt 10 of 105. Session history 60 of 50, 10 of them left over by others. ' +
        'Memories 40 of 245. Task 20 of 105. Left for the reply: 85. ' +
        'As in the compile before: the first 3 messages, 40 tokens, 31 % of the prompt.',
    );
  });
});

describe('the parts of a receipt', () => {
  it('gives each part that is sent its text of the prompt, and none to what was dropped', () => {
    const groups = itemGroups(answer());
    expect(
      groups.map(({ section, items }) => [section.tier, items.map(({ id, text }) => [id, text])]),
    ).toEqual([
      ['system', [['systemPrompt', 'Be kind.']]],
      [
        'session',
        [
          ['m1', undefined],
          ['m2', 'Where is it?'],
          ['m3', 'track({"n":1})'],
          ['m4', 'out\n{"type":"image_url","image_url":{"url":"x"}}'],
        ],
      ],
      [
        'memory',
        [
          ['k1', 'Likes <b>tea</b>'],
          ['k2', undefined],
        ],
      ],
      ['task', [['task', 'Answer.']]],
    ]);
    expect(groups[1]?.unread).toBe(7);
    expect(decisionCounts(answer().receipt.items)).toEqual({ all: 8, kept: 5, shortened: 1, dropped: 2 });
  });

  it('reads no memory out of what is no line of the block', () => {
    expect(memoryTexts('<memories>\n{"id":"a"}\n{broken\n{"id":1,"text":"x"}\n</memories>').size).toBe(0);
  });

  it('has a sentence for each reason of the service, and shows the code of one that it does not know', () => {
    for (const reason of REASONS) {
      const words = reasonInWords(item({ tier: 'session', id: 'm', reason }));
      expect(words).toMatch(/^[A-Z].*\.$/);
      expect(words).not.toContain(reason === 'summary' ? '_' : reason);
    }
    expect(reasonInWords(item({ tier: 'session', id: 'm', reason: 'of_tomorrow' as never }))).toBe(
      'of_tomorrow',
    );
    expect(reasonInWords(item({ tier: 'session', id: 'm', reason: 'constructor' as never }))).toBe(
      'constructor',
    );
    const cut = item({ tier: 'session', id: 'm', decision: 'shortened', reason: 'over_share' });
    expect(reasonInWords(cut)).not.toBe(reasonInWords({ ...cut, decision: 'dropped' }));
  });

  it('says what helps only where something was left out', () => {
    expect(remedyFor(item({ tier: 'memory', id: 'k', decision: 'dropped', reason: 'over_limit' }))).toBe(
      'Raise the memory limit.',
    );
    expect(remedyFor(item({ tier: 'memory', id: 'k' }))).toBeUndefined();
  });
});

describe('the prompt', () => {
  it('lists the messages that were counted, with their tokens and what the turn before had too', () => {
    const sent = sentMessages(answer({}, { sharedPrefix: { messages: 2, tokens: 20, share: 0.2 } }));
    expect(sent.map(({ tier, role, tokens, isShared }) => [tier, role, tokens, isShared])).toEqual([
      ['system', 'system', 10, true],
      ['session', 'user', 10, true],
      ['session', 'assistant', 20, false],
      ['session', 'tool', 30, false],
      ['memory', 'user', 40, false],
      ['task', 'user', 20, false],
    ]);
    expect(sent.at(-1)?.text).toBe('Answer.\n\n{"language":"en"}');
    expect(sent.reduce((sum, { tokens }) => sum + tokens, 0)).toBe(answer().tokenUsage.total);
  });

  it('has no message for an empty part', () => {
    expect(
      sentMessages(answer({ systemPrompt: '', context: '', messages: [] })).map(({ tier }) => tier),
    ).toEqual(['task']);
  });

  it('is copied as the service answered it', () => {
    expect(JSON.parse(promptJson(answer()))).toEqual(answer().prompt);
  });
});

describe('two compiles', () => {
  it('differ by what one sends and the other does not, and by what was asked', () => {
    const left = run(answer());
    const right = run(
      answer(
        {},
        {
          hash: 'cd',
          items: [
            item({ tier: 'system', id: 'systemPrompt' }),
            item({ tier: 'session', id: 'm1', tokens: 99 }),
            item({ tier: 'session', id: 'm2' }),
            item({ tier: 'session', id: 'm5' }),
            item({ tier: 'task', id: 'task' }),
          ],
        },
      ),
      { modelTier: 'reasoning', spillOver: true },
    );
    const comparison = compareRuns(left, right);
    expect(comparison.settings).toEqual([
      { name: 'Model tier', left: 'as the service says', right: 'reasoning' },
      { name: 'Spill-over', left: 'as the service says', right: 'on' },
    ]);
    const kinds = Object.fromEntries(comparison.items.map(({ id, kind }) => [id, kind]));
    expect(kinds).toMatchObject({
      systemPrompt: 'same',
      m1: 'only-right',
      m3: 'only-left',
      m5: 'only-right',
      k1: 'only-left',
      k2: 'same',
      task: 'same',
    });
    expect(comparison.items.map(({ tier }) => tier)).toEqual(
      [...comparison.items]
        .map(({ tier }) => tier)
        .sort((a, b) => 'system session memory task'.indexOf(a) - 'system session memory task'.indexOf(b)),
    );
    expect(comparison.isSamePrompt).toBe(false);
  });

  it('of two threads share no message, though its id be the same', () => {
    const { items } = compareRuns(run(answer()), run(answer(), { threadId: 'other' }));
    expect(items.filter(({ id }) => id === 'm2').map(({ kind }) => kind)).toEqual([
      'only-left',
      'only-right',
    ]);
    expect(items.filter(({ id }) => id === 'k1').map(({ kind }) => kind)).toEqual(['same']);
  });

  it('with the same bytes are the same', () => {
    expect(compareRuns(run(answer()), run(answer()))).toMatchObject({
      isSamePrompt: true,
      settings: [],
      counts: { same: 8 },
    });
  });
});

describe('the form', () => {
  const form = { ...EMPTY_FORM, threadId: 't', task: 'go' };

  it('sends what was filled in, and leaves the rest to the service', () => {
    expect(requestOf(form)).toEqual({
      threadId: 't',
      systemPrompt: '',
      task: { description: 'go' },
      memoryLimit: 10,
      format: 'openai',
    });
    expect(
      requestOf({
        ...form,
        modelTier: 'fast',
        agentId: 'a',
        spillOver: 'off',
        recallScope: 'both',
        overflow: 'refuse',
        model: 'gpt-4o',
      }),
    ).toMatchObject({
      ...{
        modelTier: 'fast',
        agentId: 'a',
        spillOver: false,
        recallScope: 'both',
        overflow: 'refuse',
        model: 'gpt-4o',
      },
    });
  });

  it.each([
    [{ threadId: '' }, 'threadId'],
    [{ threadId: '..' }, 'threadId'],
    [{ threadId: 'x'.repeat(257) }, 'threadId'],
    [{ task: ' \n' }, 'task'],
    [{ memoryLimit: '' }, 'memoryLimit'],
    [{ memoryLimit: '1.5' }, 'memoryLimit'],
    [{ memoryLimit: '1001' }, 'memoryLimit'],
  ])('does not send %j', (change, field) => {
    expect(Object.keys(formProblems({ ...form, ...change }))).toEqual([field]);
    expect(formProblems(form)).toEqual({});
  });
});
