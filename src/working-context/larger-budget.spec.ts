import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Message, StoredMessage } from '../session/message.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type Keep, TokenCounter } from '../tokens/token-counter.js';
import { DEFAULT_TOKEN_BUDGET } from './token-budget.js';
import { WorkingContextCompiler } from './working-context-compiler.js';
import type { CompileInput, WorkingContext } from './working-context.js';

/** A token for each four characters: what is decided does not depend on an encoding, and thousands of cases take a second. */
class QuarterCounter extends TokenCounter {
  readonly encoding = 'quarter';
  count(text: string): number {
    return Math.ceil(text.length / 4);
  }
  truncate(text: string, maxTokens: number, keep: Keep): string {
    const length = Math.max(0, 4 * Math.floor(maxTokens));
    return keep === 'start' ? text.slice(0, length) : text.slice(Math.max(0, text.length - length));
  }
}

const counter = new QuarterCounter();
const size = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 1, max: 200 }) },
  { weight: 2, arbitrary: fc.integer({ min: 200, max: 1_500 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1_500, max: 8_000 }) },
);
const text = size.map((length) => 'x'.repeat(length));
const plain = (...roles: Message['role'][]): fc.Arbitrary<Message[]> =>
  fc.record({ role: fc.constantFrom(...roles), content: text }).map((message) => [message]);
const calls = fc.array(text, { minLength: 1, maxLength: 3 }).map((results): Message[] => [
  {
    role: 'assistant',
    content: null,
    tool_calls: results.map((_, index) => ({
      id: `${index}`,
      type: 'function',
      function: { name: 'f', arguments: '{}' },
    })),
  },
  ...results.map((content, index): Message => ({ role: 'tool', tool_call_id: `${index}`, content })),
]);
const conversation = fc
  .tuple(
    fc.array(plain('system', 'developer'), { maxLength: 3 }),
    fc.array(
      fc.oneof(
        { weight: 4, arbitrary: plain('user') },
        { weight: 4, arbitrary: plain('assistant') },
        { weight: 2, arbitrary: calls },
        { weight: 1, arbitrary: plain('system', 'tool') },
      ),
      { maxLength: 40 },
    ),
  )
  .map((parts): StoredMessage[] =>
    parts.flat(2).map((message, index) => ({
      ...message,
      id: `m${index + 1}`,
      seq: index + 1,
      tokens: countMessage(counter, message),
      createdAt: '2025-01-01T00:00:00.000Z',
    })),
  );
const at = new Date(0);
const memories = fc.array(fc.record({ text, score: fc.integer({ min: 0, max: 5 }), seq: fc.nat(40) }), {
  maxLength: 12,
});

const input: fc.Arbitrary<Omit<CompileInput, 'budget'>> = fc
  .record({
    systemPrompt: fc.oneof(fc.constant(''), text),
    sessionMessages: conversation,
    memories,
    description: text,
    spillOver: fc.boolean(),
    unread: fc.constantFrom(0, 0, 7),
    summary: fc.option(
      text.map((text) => ({ text, throughSeq: 3 })),
      { nil: undefined },
    ),
    format: fc.constantFrom('openai' as const, 'anthropic' as const),
    memoryLimit: fc.constantFrom(3, 100),
  })
  .map(({ memories, description, ...rest }) => ({
    ...rest,
    threadId: 't',
    task: { description },
    relevantMemories: memories.map(({ text: content, score, seq }, index) => ({
      score,
      memory: {
        ...{ memoryId: `k${index}`, tenantId: '', agentId: 'a', content, metadata: {} },
        ...{ source: { threadId: 't', seq }, createdAt: at, updatedAt: at },
      },
    })),
  }));

describe('a larger budget', () => {
  const compilers = [0, 0.25, 0.5].map(
    (historyStep) =>
      new WorkingContextCompiler(counter, {
        ...DEFAULT_TOKEN_BUDGET,
        tiers: { t: 10_000 },
        defaultTier: 't',
        historyStep,
      }),
  );
  const totals = fc
    .tuple(fc.integer({ min: 150, max: 6_000 }), fc.integer({ min: 1, max: 3_000 }))
    .map(([small, more]) => [small, small + more] as const);

  it('never drops what a smaller one kept', () => {
    fc.assert(
      fc.property(fc.constantFrom(...compilers), input, totals, (compiler, input, totals) => {
        const [small, large] = totals.map((total) => compiler.compile({ ...input, budget: { total } })) as [
          WorkingContext,
          WorkingContext,
        ];
        const later = new Map(large.receipt.items.map((item) => [item.id, item]));
        const lost = small.receipt.items.filter(({ id, decision, tier }) => {
          // A summary tells of what is left out: with more room less is.
          if (decision === 'dropped' || id === 'summary') return false;
          const now = later.get(id);
          // What the history says by now is not said again as a memory.
          return now?.decision === 'dropped' && !(tier === 'memory' && now.reason === 'in_history');
        });
        expect(lost).toEqual([]);
        expect(large.tokenUsage.total).toBeLessThanOrEqual(large.budget.total);
      }),
      { numRuns: 5_000 },
    );
  });
});
