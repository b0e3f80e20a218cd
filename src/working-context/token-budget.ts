import { StartupError, UnknownTierError } from '../errors.js';

/** Injection token of the {@link TokenBudget} in force. */
export const TOKEN_BUDGET = Symbol('TOKEN_BUDGET');

/** How many tokens a prompt may take, and who gets them. */
export interface TokenBudget {
  /** Tokens of the whole prompt by model tier; any number of tiers. */
  readonly tiers: Readonly<Record<string, number>>;
  readonly defaultTier: string;
  /** Fractions of the tier's tokens; they add up to 1. Each is a ceiling. */
  readonly shares: Readonly<Record<Section, number>>;
  /** Whether a section may use what the sections before the task leave over. */
  readonly spillOver: boolean;
}

export const SECTIONS = ['systemPrompt', 'sessionHistory', 'relevantContext', 'taskAndBuffer'] as const;
export type Section = (typeof SECTIONS)[number];

/** The ceilings of one tier, in whole tokens; the four sections together never exceed `total`. */
export interface ResolvedBudget extends Record<Section, number> {
  tier: string;
  total: number;
}

export const DEFAULT_TOKEN_BUDGET: TokenBudget = {
  tiers: { fast: 8_000, reasoning: 32_000 },
  defaultTier: 'reasoning',
  shares: { systemPrompt: 0.15, sessionHistory: 0.35, relevantContext: 0.35, taskAndBuffer: 0.15 },
  spillOver: false,
};

/** Shares are decimal fractions in binary: 0.35 × 32,000 must be 11,200 whichever way it is rounded. */
const ROUNDING = 1e-9;

/** @throws UnknownTierError when the budget has no such tier */
export function resolveBudget(budget: TokenBudget, tier: string): ResolvedBudget {
  const total = Object.hasOwn(budget.tiers, tier) ? budget.tiers[tier] : undefined;
  if (total === undefined) throw new UnknownTierError(tier, Object.keys(budget.tiers));
  let left = total;
  const share = (section: Section): number => {
    const tokens = Math.min(left, Math.floor(total * budget.shares[section] + ROUNDING));
    left -= tokens;
    return tokens;
  };
  return {
    tier,
    total,
    systemPrompt: share('systemPrompt'),
    sessionHistory: share('sessionHistory'),
    relevantContext: share('relevantContext'),
    taskAndBuffer: share('taskAndBuffer'),
  };
}

/** Everything that is wrong with a budget, one sentence each; `[]` when it is sound. */
export function budgetProblems(budget: TokenBudget): string[] {
  const tiers = Object.entries(budget.tiers);
  const shares = SECTIONS.map((section) => [section, budget.shares[section]] as const);
  const sum = shares.reduce((total, [, share]) => total + share, 0);
  return [
    ...tiers
      .filter(([, tokens]) => !Number.isSafeInteger(tokens) || tokens < 1)
      .map(
        ([tier, tokens]) =>
          `The tier ${JSON.stringify(tier)} must be a positive whole number of tokens, not ${tokens}.`,
      ),
    ...(Object.hasOwn(budget.tiers, budget.defaultTier)
      ? []
      : [
          `The default tier ${JSON.stringify(budget.defaultTier)} is none of: ${tiers.map(([tier]) => tier).join(', ')}.`,
        ]),
    ...shares
      .filter(([, share]) => !(share >= 0 && share <= 1))
      .map(([section, share]) => `The share ${section} must be a fraction from 0 to 1, not ${share}.`),
    ...(Math.abs(sum - 1) <= 1e-9 ? [] : [`The four shares must add up to 1, not ${sum}.`]),
  ];
}

/** @throws StartupError naming everything that is wrong with the budget */
export function assertBudget(budget: TokenBudget): void {
  const problems = budgetProblems(budget);
  if (problems.length > 0) throw new StartupError(`The token budget is not sound. ${problems.join(' ')}`);
}
