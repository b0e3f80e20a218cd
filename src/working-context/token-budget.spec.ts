import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { StartupError, UnknownTierError } from '../errors.js';
import {
  assertBudget,
  budgetProblems,
  DEFAULT_TOKEN_BUDGET,
  resolveBudget,
  SECTIONS,
  type TokenBudget,
} from './token-budget.js';

describe('resolveBudget', () => {
  it('shares out the tiers of the contract', () => {
    expect(resolveBudget(DEFAULT_TOKEN_BUDGET, { tier: 'fast' })).toEqual({
      tier: 'fast',
      total: 8_000,
      systemPrompt: 1_200,
      sessionHistory: 2_800,
      relevantContext: 2_800,
      taskAndBuffer: 1_200,
    });
    expect(resolveBudget(DEFAULT_TOKEN_BUDGET, { tier: 'reasoning' })).toEqual({
      tier: 'reasoning',
      total: 32_000,
      systemPrompt: 4_800,
      sessionHistory: 11_200,
      relevantContext: 11_200,
      taskAndBuffer: 4_800,
    });
  });

  it('never gives out more than there is', () => {
    const weights = fc
      .array(fc.nat(1_000), { minLength: 4, maxLength: 4 })
      .filter((w) => w.some((x) => x > 0));
    fc.assert(
      fc.property(weights, fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (weights, total) => {
        const sum = weights.reduce((a, b) => a + b, 0);
        const [a = 0, b = 0, c = 0, d = 0] = weights.map((weight) => weight / sum);
        const shares = { systemPrompt: a, sessionHistory: b, relevantContext: c, taskAndBuffer: d };
        const budget: TokenBudget = { tiers: { t: total }, defaultTier: 't', shares, spillOver: false };
        expect(budgetProblems(budget)).toEqual([]);
        const resolved = resolveBudget(budget, { tier: 't' });
        const given = SECTIONS.map((section) => resolved[section]);
        expect(given.every((tokens) => Number.isSafeInteger(tokens) && tokens >= 0)).toBe(true);
        expect(given.reduce((x, y) => x + y, 0)).toBeLessThanOrEqual(total);
      }),
    );
  });

  it('knows its own tiers only', () => {
    for (const tier of ['slow', '', 'FAST', '__proto__', 'constructor', 'toString'])
      expect(() => resolveBudget(DEFAULT_TOKEN_BUDGET, { tier })).toThrow(UnknownTierError);
    expect(() => resolveBudget(DEFAULT_TOKEN_BUDGET, { tier: 'slow' })).toThrow(
      'Known tiers: fast, reasoning.',
    );
  });
});

describe('assertBudget', () => {
  const { shares } = DEFAULT_TOKEN_BUDGET;

  it('accepts the default', () => {
    expect(() => {
      assertBudget(DEFAULT_TOKEN_BUDGET);
    }).not.toThrow();
  });

  it.each<[string, Partial<TokenBudget>, string]>([
    ['no tokens', { tiers: { fast: 0, reasoning: 1 } }, 'The tier "fast" must be a positive whole number'],
    ['half a token', { tiers: { reasoning: 10.5 } }, 'not 10.5'],
    [
      'no default tier',
      { defaultTier: 'toString' },
      'The default tier "toString" is none of: fast, reasoning.',
    ],
    ['a share above 1', { shares: { ...shares, taskAndBuffer: 1.5 } }, 'The share taskAndBuffer must be'],
    [
      'a share that is no number',
      { shares: { ...shares, systemPrompt: NaN } },
      'The share systemPrompt must be',
    ],
    [
      'a wrong sum',
      { shares: { ...shares, systemPrompt: 0.25 } },
      'The four shares must add up to 1, not 1.09',
    ],
  ])('refuses %s', (_, change, message) => {
    const budget = { ...DEFAULT_TOKEN_BUDGET, ...change };
    expect(() => {
      assertBudget(budget);
    }).toThrow(StartupError);
    expect(budgetProblems(budget).join(' ')).toContain(message);
  });

  it('names every problem at once', () => {
    const wrong = {
      ...DEFAULT_TOKEN_BUDGET,
      tiers: { a: -1, b: NaN },
      shares: { ...shares, systemPrompt: -1 },
    };
    expect(budgetProblems(wrong)).toHaveLength(5);
  });
});
