// Over 200 lines: one generator of hostile conversations serves every promise of the compiler.
import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { BudgetExceededError, InvalidInputError, StartupError, UnknownTierError } from '../errors.js';
import { type OfferedMemory } from './working-context.js';
import { contextItem } from '../memory/memory-line.js';
import { type Message, type StoredMessage } from '../session/message.js';
import { countMessage, REPLY_PRIMING } from '../tokens/message-tokens.js';
import { TiktokenCounter } from '../tokens/tiktoken-counter.js';
import { parseContextBlock } from './memory-block.js';
import { assemblePrompt, contextMessage, systemMessage, taskMessage } from './prompt.js';
import { DEFAULT_TOKEN_BUDGET, type TokenBudget } from './token-budget.js';
import { WorkingContextCompiler } from './working-context-compiler.js';
import { type CompileInput, type RelevantMemory, type WorkingContext } from './working-context.js';

const counter = new TiktokenCounter();
const count = (message: Message): number => countMessage(counter, message);
const sum = (numbers: number[]): number => numbers.reduce((a, b) => a + b, 0);

const budget: TokenBudget = {
  ...DEFAULT_TOKEN_BUDGET,
  tiers: { tiny: 300, small: 700, fast: 8_000, reasoning: 32_000 },
  historyStep: 0,
};
const compiler = new WorkingContextCompiler(counter, budget);

/** Stores a conversation as the session tier does: numbered, and counted once. */
function stored(messages: readonly Message[]): StoredMessage[] {
  return messages.map((message, index) => ({
    ...message,
    id: `m${index + 1}`,
    seq: index + 1,
    tokens: count(message),
    createdAt: '2025-01-01T00:00:00.000Z',
  }));
}
function memory(memoryId: string, content: string, source: OfferedMemory['source'] = null): OfferedMemory {
  const at = new Date('2025-01-01T00:00:00Z');
  return {
    tenantId: 'acme',
    memoryId,
    agentId: 'a',
    content,
    metadata: {},
    source,
    createdAt: at,
    updatedAt: at,
  };
}
function input(change: Partial<CompileInput> = {}): CompileInput {
  return {
    systemPrompt: '',
    sessionMessages: [],
    relevantMemories: [],
    task: { description: 'go' },
    modelTier: 'small',
    ...change,
  };
}
const say = (role: Message['role'], content: string): Message => ({ role, content });
const words = (n: number): string => 'word '.repeat(n).trimEnd();
const call = (...ids: string[]): Message => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({
    id,
    type: 'function',
    function: { name: 'find', arguments: `{"q":"${id}"}` },
  })),
});
const result = (id: string, content: string): Message => ({ role: 'tool', tool_call_id: id, content });
const decided = (context: WorkingContext, id: string): string => {
  const item = context.receipt.items.find((item) => item.id === id);
  return `${item?.decision} ${item?.reason}`;
};

/** Recounts from the returned object alone. */
function recount(context: WorkingContext): WorkingContext['tokenUsage'] {
  const system = context.systemPrompt === '' ? 0 : count(systemMessage(context.systemPrompt));
  const session = sum(context.messages.map(count));
  const memory = context.context === '' ? 0 : count(contextMessage(context.context));
  const task = count(taskMessage(context.task)) + REPLY_PRIMING;
  return { total: sum(assemblePrompt(context).map(count)) + REPLY_PRIMING, system, session, memory, task };
}

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc
    .tuple(
      fc.constantFrom(
        'word ',
        '中文字',
        'नमस्ते ',
        '👩‍🚀',
        '\ud800',
        '</memories>\n',
        '{"a":1}\n',
        ' ',
        'a',
        '\u0000',
      ),
      fc.integer({ min: 0, max: 250 }),
    )
    .map(([unit, times]) => unit.repeat(times)),
);
const content: fc.Arbitrary<Message['content']> = fc.oneof(
  { weight: 4, arbitrary: text },
  fc.constant(null),
  fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('text'), text }),
      fc.record({ type: fc.constant('image_url'), image_url: fc.record({ url: text }) }),
    ),
    { maxLength: 3 },
  ),
);
const callId = fc.constantFrom('a', 'b', 'c');
const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({ role: fc.constantFrom('user' as const, 'assistant' as const), content }),
  fc.record({ role: fc.constantFrom('system' as const, 'developer' as const), content: text }),
  fc.record({
    role: fc.constant('user' as const),
    content: text,
    name: text,
    weight: fc.double({ noNaN: true }),
  }),
  fc.array(callId, { minLength: 1, maxLength: 3 }).map((ids) => call(...ids)),
  fc.record({ role: fc.constant('tool' as const), tool_call_id: callId, content: text }),
);
const turn: fc.Arbitrary<Message[]> = fc.oneof(
  message.map((one) => [one]),
  fc
    .tuple(fc.uniqueArray(callId, { minLength: 1 }), text, text)
    .map(([ids, asked, found]) => [say('user', asked), call(...ids), ...ids.map((id) => result(id, found))]),
);
const anyInput: fc.Arbitrary<CompileInput> = fc.record(
  {
    systemPrompt: text.filter((prompt) => prompt !== '' && count(systemMessage(prompt.slice(0, 4))) < 40),
    sessionMessages: fc
      .tuple(fc.array(turn, { maxLength: 12 }), fc.constantFrom(undefined, NaN, -7, 0, 1.5))
      .map(([turns, broken]) =>
        stored(turns.flat()).map((one, index) =>
          // What a store may have kept wrongly is counted anew; a wrong count that looks right cannot be seen.
          index % 3 === 0 && broken !== undefined ? { ...one, tokens: broken } : one,
        ),
      ),
    relevantMemories: fc.uniqueArray(
      fc
        .record({
          id: fc.uuid(),
          text,
          score: fc.oneof(fc.double(), fc.constantFrom(0.5, 0.7)),
          seq: fc.nat(20),
        })
        .map(({ id, text, score, seq }): RelevantMemory => ({
          memory: memory(id, text, { threadId: 't', seq }),
          score,
        })),
      { maxLength: 8, selector: ({ memory }) => memory.memoryId },
    ),
    task: fc
      .tuple(
        text,
        fc.dictionary(fc.oneof(fc.string(), fc.constant('__proto__')), fc.oneof(text, fc.jsonValue())),
      )
      .map(([description, fields]) => ({ ...fields, description: `Do ${description}` })),
    modelTier: fc.constantFrom('tiny', 'small', 'fast'),
    spillOver: fc.boolean(),
    threadId: fc.constantFrom('t', 'u'),
  },
  { requiredKeys: ['systemPrompt', 'sessionMessages', 'relevantMemories', 'task', 'modelTier', 'spillOver'] },
);

describe('WorkingContextCompiler.compile, for every input', () => {
  const always = (check: (context: WorkingContext, input: CompileInput) => void): void => {
    fc.assert(
      fc.property(anyInput, (input) => {
        check(compiler.compile(input), input);
      }),
      { numRuns: 100 },
    );
  };

  it('stays within the budget, counted anew on what it returns', () => {
    always((context) => {
      expect(recount(context)).toEqual(context.tokenUsage);
      expect(context.tokenUsage.total).toBeLessThanOrEqual(context.budget.total);
      const { system, session, memory, task, total } = context.tokenUsage;
      expect(system + session + memory + task).toBe(total);
    });
  });

  it('leaves at least half of the last share to the response', () => {
    always(({ tokenUsage, budget }) => {
      const { systemPrompt, sessionHistory, relevantContext, taskAndBuffer } = budget;
      expect(tokenUsage.task).toBeLessThanOrEqual(taskAndBuffer / 2);
      expect(tokenUsage.total - tokenUsage.task).toBeLessThanOrEqual(
        systemPrompt + sessionHistory + relevantContext,
      );
    });
  });

  it('keeps every section within its share when nothing spills over', () => {
    always((context, { spillOver }) => {
      for (const { section, cap, used, spilled } of context.receipt.sections) {
        expect(cap).toBe(context.budget[section]);
        expect(spilled).toBe(Math.max(0, used - cap));
        if (!spillOver || section === 'systemPrompt' || section === 'taskAndBuffer') expect(spilled).toBe(0);
      }
    });
  });

  it('sends no result without its call and no call without its results', () => {
    always(({ messages }) => {
      let open: string[] = [];
      let asked: string[] = [];
      for (const { role, tool_calls, tool_call_id } of messages) {
        if (role === 'tool') expect(asked).toContain(tool_call_id);
        else {
          expect(open).toEqual([]);
          open = asked = tool_calls?.map(({ id }) => id) ?? [];
        }
        open = open.filter((id) => id !== tool_call_id);
      }
      expect(open).toEqual([]);
    });
  });

  it('keeps the order of the history and says what became of each message', () => {
    always(({ messages, receipt }, { sessionMessages }) => {
      const items = receipt.items.filter(({ tier }) => tier === 'session');
      expect(items.map(({ id }) => id)).toEqual(sessionMessages.map(({ id }) => id));
      const sent = items.filter(({ decision }) => decision !== 'dropped');
      expect(sent).toHaveLength(messages.length);
      sent.forEach(({ id, decision, tokens }, index) => {
        const original = sessionMessages.find((one) => one.id === id);
        const { id: _1, seq: _2, tokens: _3, createdAt: _4, ...whole } = original ?? {};
        expect(tokens).toBe(messages[index] && count(messages[index]));
        if (decision === 'kept') expect(messages[index]).toEqual(whole);
        else expect({ ...messages[index], content: '' }).toEqual({ ...whole, content: '' });
      });
    });
  });

  it('keeps the newest user message whenever it fits, and at least its start when it does not', () => {
    always(({ receipt, budget }, { sessionMessages }) => {
      const newest = sessionMessages.findLast(({ role }) => role === 'user');
      if (!newest) return;
      const item = receipt.items.find(({ id }) => id === newest.id);
      const { id: _1, seq: _2, tokens: _3, createdAt: _4, ...message } = newest;
      const cap = budget.sessionHistory;
      if (count(message) <= cap) expect(item?.decision).toBe('kept');
      // Only its text can be cut, and the mark takes its room.
      else if (count({ ...message, content: '' }) < cap - 30)
        expect(['kept', 'shortened']).toContain(item?.decision);
    });
  });

  it('says of the memories what was put in, the most relevant first, none of them twice', () => {
    always(({ context, messages, receipt }, { relevantMemories }) => {
      const kept = receipt.items.filter(({ tier, decision }) => tier === 'memory' && decision !== 'dropped');
      const dropped = receipt.items.filter(
        ({ tier, decision, reason }) =>
          tier === 'memory' && decision === 'dropped' && reason === 'over_share',
      );
      const shown = parseContextBlock(context);
      expect(shown).toEqual(
        kept.map(({ id, decision }, index) => {
          const found = relevantMemories.find(({ memory }) => memory.memoryId === id);
          if (!found || decision === 'kept') return found && contextItem(found.memory);
          const text = shown[index]?.text ?? '';
          const [start = ''] = text.split(/\n\[… shortened: the whole message has \d+ tokens\]$/);
          expect(start.length).toBeLessThan(text.length);
          expect(found.memory.content.startsWith(start)).toBe(true);
          return { ...contextItem(found.memory), text };
        }),
      );
      for (const { score: high } of kept)
        for (const { score: low } of dropped)
          expect(
            Number.isFinite(low) && Number(low) > (Number.isFinite(high) ? Number(high) : -Infinity),
          ).toBe(false);
      for (const { text } of shown) expect(messages.map(({ content }) => content)).not.toContain(text);
    });
  });

  it('gives the same bytes for the same input', () => {
    always((context, input) => {
      const again = new WorkingContextCompiler(counter, budget).compile(structuredClone(input));
      expect(JSON.stringify(again)).toBe(JSON.stringify(context));
      expect(context.receipt.hash).toMatch(/^[0-9a-f]{64}$/);
    });
  });
});

describe('WorkingContextCompiler.compile', () => {
  it('returns everything, unchanged, when everything fits', () => {
    const messages = [
      say('user', 'hi'),
      call('a', 'b'),
      result('b', '2'),
      result('a', '1'),
      say('assistant', 'done'),
    ];
    const task = { description: 'Answer.', style: 'brief' };
    const known = memory('k', 'likes tea');
    const context = compiler.compile(
      input({
        systemPrompt: 'Be kind.',
        sessionMessages: stored(messages),
        relevantMemories: [{ memory: known, score: 0.5 }],
        task,
        modelTier: undefined,
        degraded: [{ code: 'x', detail: 'y' }],
      }),
    );
    expect(context).toMatchObject({
      systemPrompt: 'Be kind.',
      messages,
      task,
      degraded: [{ code: 'x', detail: 'y' }],
    });
    expect(context.budget).toMatchObject({ tier: 'reasoning', total: 32_000 });
    expect(parseContextBlock(context.context)).toEqual([contextItem(known)]);
    expect(context.receipt.items.every(({ decision }) => decision === 'kept')).toBe(true);
    expect(assemblePrompt(context).map(({ role }) => role)).toEqual([
      ...['system', 'user', 'assistant', 'tool', 'tool', 'assistant', 'user', 'user'],
    ]);
  });

  it('lets the oldest messages go first, without a gap', () => {
    const messages = Array.from({ length: 12 }, (_, index) =>
      say(index % 2 ? 'assistant' : 'user', words(40)),
    );
    messages[9] = say('assistant', words(10));
    messages[4] = say('user', 'short');
    const { receipt } = compiler.compile(input({ sessionMessages: stored(messages) }));
    const kept = receipt.items.filter(({ tier, decision }) => tier === 'session' && decision === 'kept');
    expect(kept.map(({ id }) => id)).toEqual(['m7', 'm8', 'm9', 'm10', 'm11', 'm12']);
  });

  it('keeps the instructions at the head of the thread', () => {
    const messages = [
      say('system', 'Speak French.'),
      ...Array.from({ length: 9 }, () => say('user', words(50))),
    ];
    const context = compiler.compile(input({ sessionMessages: stored(messages) }));
    expect(context.messages[0]).toEqual(messages[0]);
    expect(decided(context, 'm1')).toBe('kept leading_system');
    expect(decided(context, 'm2')).toBe('dropped over_share');
  });

  it('keeps the question when the tool calls after it need most of the room', () => {
    const steps = Array.from({ length: 6 }, (_, index) => [
      call(`c${index}`),
      result(`c${index}`, words(40)),
    ]);
    const messages = [say('user', 'old'), say('user', 'Which one is best?'), ...steps.flat()];
    const context = compiler.compile(input({ sessionMessages: stored(messages) }));
    expect(context.messages[0]).toEqual(messages[1]);
    expect(decided(context, 'm2')).toBe('kept newest_user_message');
    expect(decided(context, 'm1')).toBe('dropped over_share');
    expect(context.messages.at(-1)).toEqual(messages.at(-1));
  });

  it('shortens the results of the newest call evenly and visibly', () => {
    const messages = [
      say('user', 'Look.'),
      call('a', 'b', 'c'),
      result('a', words(400)),
      result('b', 'ok'),
      result('c', words(900)),
    ];
    const { messages: sent } = compiler.compile(input({ sessionMessages: stored(messages) }));
    expect(sent).toHaveLength(5);
    expect(sent[3]).toEqual(messages[3]);
    expect(sent[2]?.content).toMatch(/^word word .*\n\[… shortened: the whole message has 4\d\d tokens\]$/s);
    expect(sent[4]?.content).toMatch(/^word word .*\n\[… shortened: the whole message has 9\d\d tokens\]$/s);
    const [a = 0, c = 0] = [sent[2], sent[4]].map((one) => (one ? count(one) : 0));
    expect(Math.abs(a - c)).toBeLessThanOrEqual(1);
  });

  it('shortens a user message only when it is more than the whole section', () => {
    const messages = [say('user', words(900)), say('assistant', 'Let me see.')];
    const context = compiler.compile(input({ sessionMessages: stored(messages) }));
    expect(context.messages).toHaveLength(1);
    expect(decided(context, 'm1')).toBe('shortened over_share');
    expect(decided(context, 'm2')).toBe('dropped over_share');
    expect(context.tokenUsage.session).toBeGreaterThan(context.budget.sessionHistory - 3);
  });

  it('never sends orphans and unanswered calls', () => {
    const messages = [result('z', 'stray'), say('user', 'hi'), call('a', 'b'), result('a', '1'), call('c')];
    const context = compiler.compile(input({ sessionMessages: stored(messages) }));
    expect(context.messages).toEqual([messages[1]]);
    expect(decided(context, 'm1')).toBe('dropped orphan_tool_result');
    expect(decided(context, 'm4')).toBe('dropped unanswered_tool_call');
    expect(decided(context, 'm5')).toBe('dropped unanswered_tool_call');
  });

  it('lets the least relevant memories go, and gives a long one what the others leave', () => {
    const relevantMemories = [
      { memory: memory('low', words(60)), score: 0.1 },
      { memory: memory('giant', words(900)), score: 0.9 },
      { memory: memory('high', words(60)), score: 0.8 },
      { memory: memory('mid', words(60)), score: 0.4 },
      { memory: memory('least', 'x'), score: 0.05 },
    ];
    const context = compiler.compile(input({ relevantMemories }));
    expect(parseContextBlock(context.context).map(({ id }) => id)).toEqual(['giant', 'high']);
    expect(['giant', 'mid', 'low', 'least'].map((id) => decided(context, id))).toEqual([
      ...['shortened over_share', 'dropped over_share', 'dropped over_share', 'dropped over_share'],
    ]);
    const [giant] = parseContextBlock(context.context);
    expect(giant?.text).toMatch(/^word .* word\n\[… shortened: the whole message has 9\d\d tokens\]$/s);
    expect(context.tokenUsage.memory).toBeGreaterThan(context.budget.relevantContext - 3);
  });

  it('does not say again what the kept history says', () => {
    const sessionMessages = stored([say('user', words(900)), say('user', 'I moved to Lyon.')]);
    const relevantMemories = [
      { memory: memory('same-text', 'I moved to Lyon.'), score: 1 },
      { memory: memory('same-place', 'Lives in Lyon', { threadId: 't', seq: 2 }), score: 1 },
      { memory: memory('other-thread', 'Lives in Rome', { threadId: 'u', seq: 2 }), score: 1 },
      { memory: memory('dropped-message', 'Likes words', { threadId: 't', seq: 1 }), score: 1 },
    ];
    const context = compiler.compile(input({ sessionMessages, relevantMemories, threadId: 't' }));
    expect(parseContextBlock(context.context).map(({ id }) => id)).toEqual([
      'other-thread',
      'dropped-message',
    ]);
    expect(decided(context, 'same-place')).toBe('dropped in_history');
    const unplaced = compiler.compile(input({ sessionMessages, relevantMemories }));
    expect(decided(unplaced, 'same-text')).toBe('dropped in_history');
    expect(decided(unplaced, 'same-place')).toBe('kept fits');
  });

  it('gives what is left over to the history first, then to the memories, and none of the response', () => {
    const sessionMessages = stored(Array.from({ length: 8 }, () => say('user', words(40))));
    const relevantMemories = Array.from({ length: 6 }, (_, index) => ({
      memory: memory(`k${index}`, words(30)),
      score: 1 - index / 10,
    }));
    const spilled = (change: Partial<CompileInput>): number[] =>
      compiler
        .compile(input({ spillOver: true, ...change }))
        .receipt.sections.map((section) => section.spilled);
    const [system, history, memories, task] = spilled({ sessionMessages, relevantMemories });
    expect([system, task]).toEqual([0, 0]);
    expect(history).toBeGreaterThan(40);
    expect(history).toBeLessThanOrEqual(105);
    expect(memories).toBeLessThanOrEqual(105 - (history ?? 0));
    expect(spilled({ sessionMessages })[1]).toBeGreaterThan(105);
    expect(spilled({ relevantMemories })[2]).toBeGreaterThan(0);
    expect(spilled({ sessionMessages, relevantMemories, spillOver: false })).toEqual([0, 0, 0, 0]);
  });

  it('cuts a system prompt and a task at their end, and says so', () => {
    const context = compiler.compile(
      input({ systemPrompt: `First ${words(300)}`, task: { description: `Do ${words(300)}`, extra: 1 } }),
    );
    expect(context.systemPrompt).toMatch(/^First word/);
    expect(context.tokenUsage.system).toBe(105);
    expect(decided(context, 'systemPrompt')).toBe('shortened over_share');
    expect(context.task.description).toMatch(/^Do word/);
    expect(Object.keys(context.task)).toEqual(['description']);
    expect(context.tokenUsage.task).toBe(52);
    expect(decided(context, 'task')).toBe('shortened over_share');
    expect(decided(context, 'task.rest')).toBe('dropped over_share');
  });

  it('keeps as many fields of a task as fit behind its description', () => {
    const task = { description: 'Sum up.', first: words(12), second: words(12), third: words(12), fourth: 1 };
    const context = compiler.compile(input({ task }));
    expect(Object.keys(context.task)).toEqual(['description', 'first', 'second']);
    expect(context.receipt.items.map(({ id }) => id)).toEqual(['task', 'task.rest']);
  });

  it('takes the counts it is given instead of counting again', () => {
    const [one] = stored([say('user', 'hi')]);
    const sessionMessages = one ? [{ ...one, tokens: 44 }] : [];
    expect(compiler.compile(input({ sessionMessages })).tokenUsage.session).toBe(44);
    const relevantMemories = [{ memory: memory('k', 'tea'), score: 1, tokens: 1_000 }];
    expect(decided(compiler.compile(input({ relevantMemories })), 'k')).toBe('shortened over_share');
  });

  it('refuses what cannot be compiled', () => {
    expect(() => compiler.compile(input({ modelTier: 'constructor' }))).toThrow(UnknownTierError);
    expect(() => compiler.compile(input({ task: { description: 'x', big: 1n } }))).toThrow(InvalidInputError);
    expect(() =>
      compiler.compile(input({ task: JSON.parse('{"text":"x"}') as CompileInput['task'] })),
    ).toThrow('task.description: must be a string');
    const cramped = new WorkingContextCompiler(counter, { ...budget, tiers: { reasoning: 40 } });
    expect(() => cramped.compile(input({ modelTier: 'reasoning' }))).toThrow(BudgetExceededError);
    const silent = { systemPrompt: 0, sessionHistory: 0.4, relevantContext: 0.4, taskAndBuffer: 0.2 };
    const mute = new WorkingContextCompiler(counter, { ...budget, shares: silent });
    expect(() => mute.compile(input({ systemPrompt: 'Be kind.' }))).toThrow('The system prompt needs');
    expect(() => new WorkingContextCompiler(counter, { ...budget, defaultTier: 'none' })).toThrow(
      StartupError,
    );
  });

  it('counts and cuts texts in the same tokens', () => {
    expect(compiler.countTokens('one two three')).toBe(3);
    expect(compiler.truncateToBudget('one two three', 2)).toBe('one two');
    expect(compiler.truncateToBudget('one two three', 2, 'end')).toBe(' two three');
  });
});
