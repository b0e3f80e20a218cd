import { InvalidInputError, StartupError, UnknownTierError } from '../errors.js';

/** Injection token of the {@link TokenBudget} in force. */
export const TOKEN_BUDGET = Symbol('TOKEN_BUDGET');

/** How many tokens a prompt may take, and who gets them. */
export interface TokenBudget {
  /** Model tiers, any number of them: tokens of the whole prompt, or these with shares of the tier's own. */
  readonly tiers: Readonly<Record<string, number | TierBudget>>;
  readonly defaultTier: string;
  /** Of the tiers that have none of their own. */
  readonly shares: Shares;
  /** Whether a section may use what the sections before the task leave over. */
  readonly spillOver: boolean;
  /**
   * The part of its room that a history which must be cut may leave unused, so that it begins at the same message for many
   * turns and a provider's prompt cache knows the beginning: 0, message by message, to 0.5. Default 0.25.
   */
  readonly historyStep?: number;
}

/** A tier that is shared out, or spills over, in its own way. */
export interface TierBudget {
  readonly total: number;
  readonly shares?: Shares;
  readonly spillOver?: boolean;
}

/** Changes to a tier for one request. */
export interface BudgetChange {
  /** Tokens of the whole prompt; not more than those of the largest tier. */
  total?: number;
  shares?: Shares;
}

export const SECTIONS = ['systemPrompt', 'sessionHistory', 'relevantContext', 'taskAndBuffer'] as const;
export type Section = (typeof SECTIONS)[number];
/** Fractions of a tier's tokens; they add up to 1. Each is a ceiling. */
export type Shares = Readonly<Record<Section, number>>;

/**
 * The ceilings of one tier, in whole tokens; the four sections together never exceed `total`. For a model whose tokens are
 * counted by a stand-in, the sections are shares of `total` divided by the safety factor.
 */
export interface ResolvedBudget extends Record<Section, number> {
  tier: string;
  total: number;
}

/** What a budget leaves open, and how its tokens are counted. */
export interface BudgetRequest {
  /** Absent: the default tier. */
  readonly tier?: string | undefined;
  readonly change?: BudgetChange | undefined;
  /** See `Receipt.safetyFactor`. */
  readonly safetyFactor?: number;
}

export const DEFAULT_HISTORY_STEP = 0.25;

export const DEFAULT_TOKEN_BUDGET: TokenBudget = {
  tiers: { fast: 8_000, reasoning: 32_000 },
  defaultTier: 'reasoning',
  shares: { systemPrompt: 0.15, sessionHistory: 0.35, relevantContext: 0.35, taskAndBuffer: 0.15 },
  spillOver: false,
  historyStep: DEFAULT_HISTORY_STEP,
};

/** Shares are decimal fractions in binary: 0.35 × 32,000 must be 11,200 whichever way it is rounded. */
const ROUNDING = 1e-9;
const MAX_HISTORY_STEP = 0.5;

/**
 * @throws UnknownTierError when the budget has no such tier
 * @throws InvalidInputError when a change is not possible
 */
export function resolveBudget(
  budget: TokenBudget,
  { tier = budget.defaultTier, change = {}, safetyFactor = 1 }: BudgetRequest = {},
): ResolvedBudget {
  const { total: whole, shares: own } = tierOf(budget, tier);
  const problems = changeProblems(budget, change);
  if (problems.length > 0) throw new InvalidInputError(problems);
  const { total = whole, shares = own ?? budget.shares } = change;
  const counted = Math.floor(total / safetyFactor + ROUNDING);
  let left = counted;
  const share = (section: Section): number => {
    const tokens = Math.min(left, Math.floor(counted * shares[section] + ROUNDING));
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

/** Whether sections of the tier spill over when a request does not say. */
export function spillsOver(budget: TokenBudget, tier = budget.defaultTier): boolean {
  return tierOf(budget, tier).spillOver ?? budget.spillOver;
}

/** @throws UnknownTierError when the budget has no such tier */
function tierOf({ tiers }: TokenBudget, tier: string): TierBudget {
  const found = Object.hasOwn(tiers, tier) ? tiers[tier] : undefined;
  if (found === undefined) throw new UnknownTierError(tier, Object.keys(tiers));
  return typeof found === 'number' ? { total: found } : found;
}

function changeProblems(
  { tiers }: TokenBudget,
  { total, shares }: BudgetChange,
): { field: string; message: string }[] {
  const largest = Math.max(...Object.keys(tiers).map((tier) => tierTotal(tiers[tier])));
  const isPossible = total === undefined || (Number.isSafeInteger(total) && total >= 1 && total <= largest);
  return [
    ...(isPossible
      ? []
      : [
          {
            field: 'budget.total',
            message: `must be a whole number from 1 to ${largest}, the largest tier's`,
          },
        ]),
    ...(shares ? shareProblems(shares) : []).map((message) => ({ field: 'budget.shares', message })),
  ];
}

function tierTotal(tier: number | TierBudget | undefined): number {
  return typeof tier === 'number' ? tier : (tier?.total ?? 0);
}

/** Everything that is wrong with a budget, one sentence each; `[]` when it is sound. */
export function budgetProblems(budget: TokenBudget): string[] {
  const tiers = Object.entries(budget.tiers).map(([tier, given]) => ({
    tier: JSON.stringify(tier),
    total: tierTotal(given),
    shares: typeof given === 'number' ? undefined : given.shares,
  }));
  const { historyStep = 0 } = budget;
  return [
    ...tiers
      .filter(({ total }) => !Number.isSafeInteger(total) || total < 1)
      .map(({ tier, total }) => `The tier ${tier} must be a positive whole number of tokens, not ${total}.`),
    ...(Object.hasOwn(budget.tiers, budget.defaultTier)
      ? []
      : [
          `The default tier ${JSON.stringify(budget.defaultTier)} is none of: ${Object.keys(budget.tiers).join(', ')}.`,
        ]),
    ...shareProblems(budget.shares),
    ...tiers.flatMap(({ tier, shares }) =>
      shares ? shareProblems(shares).map((problem) => `In the tier ${tier}: ${problem}`) : [],
    ),
    ...(historyStep >= 0 && historyStep <= MAX_HISTORY_STEP
      ? []
      : [`The step of the history must be from 0 to ${MAX_HISTORY_STEP}, not ${historyStep}.`]),
  ];
}

function shareProblems(shares: Shares): string[] {
  const given = SECTIONS.map((section) => [section, shares[section]] as const);
  const wrong = given.filter(([, share]) => !(share >= 0 && share <= 1));
  const sum = given.reduce((total, [, share]) => total + share, 0);
  return [
    ...wrong.map(([section, share]) => `The share ${section} must be a fraction from 0 to 1, not ${share}.`),
    ...(Math.abs(sum - 1) <= ROUNDING ? [] : [`The four shares must add up to 1, not ${sum}.`]),
  ];
}

/** @throws StartupError naming everything that is wrong with the budget */
export function assertBudget(budget: TokenBudget): void {
  const problems = budgetProblems(budget);
  if (problems.length > 0) throw new StartupError(`The token budget is not sound. ${problems.join(' ')}`);
}
