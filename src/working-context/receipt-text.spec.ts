import { describe, expect, it } from '@jest/globals';
import { printReceipt } from './receipt-text.js';
import { type ItemReceipt, type Receipt } from './receipt.js';

function receipt(change: Partial<Receipt> = {}): Receipt {
  return {
    version: 1,
    compiler: '0.1.0',
    encoding: 'cl100k_base',
    safetyFactor: 1,
    tier: 'fast',
    sections: [
      { section: 'systemPrompt', cap: 1_200, used: 12, spilled: 0 },
      { section: 'sessionHistory', cap: 2_800, used: 2_800, spilled: 0 },
      { section: 'relevantContext', cap: 2_800, used: 3_000, spilled: 200 },
      { section: 'taskAndBuffer', cap: 1_200, used: 0, spilled: 0 },
    ],
    items: [],
    unread: 0,
    leftOutThrough: 0,
    hash: 'ab12',
    ...change,
  };
}
const said = (n: number, tokens: number, verdict: Pick<ItemReceipt, 'decision' | 'reason'>): ItemReceipt => ({
  tier: 'session',
  id: `m${n}`,
  tokens,
  ...verdict,
});
const dropped = { decision: 'dropped', reason: 'over_share' } as const;
const kept = { decision: 'kept', reason: 'fits' } as const;
const lines = (change: Partial<Receipt>): string[] => printReceipt(receipt(change)).split('\n');

describe('printReceipt', () => {
  it('shows totals, sections as bars, items by tier, and what the compile before had in common', () => {
    const history = [
      ...Array.from({ length: 40 }, (_, index) => said(index + 1, 80, dropped)),
      said(41, 900, { decision: 'shortened', reason: 'over_share' }),
      ...Array.from({ length: 4 }, (_, index) => said(index + 42, 450, kept)),
      said(46, 100, { decision: 'kept', reason: 'newest_user_message' }),
    ];
    const memories: ItemReceipt[] = [
      { tier: 'memory', id: 'a1', score: 0.91, tokens: 1_000, ...kept },
      { tier: 'memory', id: 'a2', score: 0.9, tokens: 10, decision: 'dropped', reason: 'in_history' },
    ];
    const printed = printReceipt(
      receipt({
        id: '0190163d-8694-739b-aea5-966c26f8ad91',
        items: [
          { tier: 'system', id: 'systemPrompt', tokens: 12, ...kept },
          ...history,
          ...memories,
          { tier: 'task', id: 'task', tokens: 9, ...kept },
        ],
        unread: 1_234,
        sharedPrefix: { messages: 3, tokens: 1_812, share: 0.3117 },
      }),
    );
    expect(printed).toBe(
      `
receipt  0190163d-8694-739b-aea5-966c26f8ad91
tokens   5,812 of 8,000 (72.7 %), tier fast, counted in cl100k_base
hash     ab12

system prompt    █░░░░░░░░░░░░░░░░░░░        12 of 1,200
session history  ████████████████████     2,800 of 2,800
relevant context ████████████████████     3,000 of 2,800, 200 of them left over by others
task and buffer  ░░░░░░░░░░░░░░░░░░░░         0 of 1,200

system prompt
  kept             12  systemPrompt: fits, there was room

session history, oldest first
  unread               1,234 older messages: more than the history could hold
  dropped       3,200  m1 … m40 (40): over_share, the room went to what has priority
  shortened       900  m41: over_share, the room went to what has priority
  kept          1,800  m42 … m45 (4): fits, there was room
  kept            100  m46: newest_user_message, what the user said last

memories, best first
  kept          1,000  a1, score 0.910: fits, there was room
  dropped          10  a2, score 0.900: in_history, a kept message says it already

task
  kept              9  task: fits, there was room

as in the compile before: the first 3 messages, 1,812 tokens, 31.2 %`.trimStart(),
    );
  });

  it('names the model, and the factor where its tokens cannot be counted', () => {
    expect(lines({ model: 'some-model', safetyFactor: 1.2 })[0]).toBe(
      'tokens   5,812 of 8,000 (72.7 %), tier fast, counted in cl100k_base, for some-model, times 1.2 for safety',
    );
  });

  it('folds equal decisions from the fourth on, and no others', () => {
    const three = [1, 2, 3].map((n) => said(n, 10, kept));
    expect(lines({ items: three }).filter((line) => line.includes('kept'))).toHaveLength(3);
    const mixed = [...three, said(4, 10, dropped), ...[5, 6, 7].map((n) => said(n, 10, kept))];
    expect(lines({ items: mixed }).filter((line) => /^ {2}\w/.test(line))).toHaveLength(7);
    const memories = [0.9, 0.8, 0.7, 0.65].map((score, index): ItemReceipt => ({
      tier: 'memory',
      id: `a${index}`,
      score,
      tokens: 10,
      ...kept,
    }));
    expect(lines({ items: memories })).toContain(
      '  kept             40  a0 … a3 (4), scores 0.900 to 0.650: fits, there was room',
    );
  });

  it('lets no id move the cursor, begin a line or take the whole of one', () => {
    const items: ItemReceipt[] = ['\u001b[2Jgone\n\u202e', 'x'.repeat(300), '🙂'.repeat(40)].map((id) => ({
      ...said(1, 1, kept),
      id,
    }));
    expect(lines({ items }).slice(-3)).toEqual([
      '  kept              1  \\u{1b}[2Jgone\\u{a}\\u{202e}: fits, there was room',
      `  kept              1  ${'x'.repeat(35)}…: fits, there was room`,
      `  kept              1  ${'🙂'.repeat(35)}…: fits, there was room`,
    ]);
  });

  it('takes a section that has no share, and reasons of another version', () => {
    const sections = [{ section: 'relevantContext', cap: 0, used: 0, spilled: 0 }] as const;
    const reason = 'of_tomorrow' as never;
    const printed = lines({
      sections: [...sections],
      items: [{ ...said(1, 1, kept), reason }],
    });
    expect(printed[0]).toContain('0 of 0 (0.0 %)');
    expect(printed).toContain(`relevant context ${'░'.repeat(20)}         0 of 0`);
    expect(printed.at(-1)).toBe('  kept              1  m1: of_tomorrow');
  });
});
