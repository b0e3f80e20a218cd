import { Inject, Injectable } from '@nestjs/common';
import packageJson from '../../package.json' with { type: 'json' };
import { type Keep, TokenCounter } from '../tokens/token-counter.js';
import { contentHash } from './content-hash.js';
import { knownFrom, memoryDemand, rankMemories, selectMemories } from './memory-selection.js';
import { historyDemand, historyEntry, selectHistory } from './session-history.js';
import { fitSystemPrompt } from './system-section.js';
import { fitTask } from './task-section.js';
import {
  assertBudget,
  DEFAULT_HISTORY_STEP,
  resolveBudget,
  type Section,
  SECTIONS,
  spillsOver,
  TOKEN_BUDGET,
  type TokenBudget,
} from './token-budget.js';
import { type CompileInput, type Counting, type TokenUsage, type WorkingContext } from './working-context.js';

/** The part of the `taskAndBuffer` share that a task may fill; the rest is always left to the response. */
export const TASK_PART = 0.5;

/**
 * Makes of everything that could be said to a model what is said: a pure function of its input, without I/O,
 * clock or chance, so that the same input gives the same bytes.
 *
 * `tokenUsage.total <= budget.total` for every input whose stored counts are those of this encoding, and each
 * section stays within its share. With `spillOver` what the system prompt and the memories leave unused goes to the
 * history, and what the system prompt and the history do not need goes to the memories; the share of the task and the
 * response is touched by nobody, and at least half of it is free for the response. A history that does not fit needs
 * all of its share, whatever it makes of it: otherwise a larger budget could drop a memory that a smaller one kept.
 */
@Injectable()
export class WorkingContextCompiler {
  /** @throws StartupError when the budget is not sound */
  constructor(
    private readonly counter: TokenCounter,
    @Inject(TOKEN_BUDGET) private readonly budget: TokenBudget,
  ) {
    assertBudget(budget);
  }

  countTokens(text: string): number {
    return this.counter.count(text);
  }

  /** An end of the text in at most `maxTokens` tokens, no character cut apart; the text itself when it fits. */
  truncateToBudget(text: string, maxTokens: number, keep: Keep = 'start'): string {
    return this.counter.truncate(text, maxTokens, keep);
  }

  /**
   * @throws UnknownTierError when the budget has no such tier
   * @throws BudgetExceededError when nothing of the system prompt or the task fits its share; with `overflow: 'refuse'`, when
   *   not the whole of it does
   * @throws InvalidInputError when the task is not JSON with a description, or a change of the budget is not possible
   */
  compile(input: CompileInput): WorkingContext {
    const {
      counter,
      safetyFactor,
      model,
      isCounted = counter.encoding === this.counter.encoding,
    }: Counting = input.counting ?? { counter: this.counter, safetyFactor: 1 };
    const budget = resolveBudget(this.budget, { tier: input.modelTier, change: input.budget, safetyFactor });
    const mayCut = input.overflow !== 'refuse';
    const system = fitSystemPrompt(counter, input.systemPrompt, budget.systemPrompt, mayCut);
    const task = fitTask(counter, input.task, Math.floor(budget.taskAndBuffer * TASK_PART), mayCut);
    const entries = input.sessionMessages.map((stored) => historyEntry(counter, stored, isCounted));
    const ranked = rankMemories(counter, input.relevantMemories, isCounted);

    const limits = {
      cap: budget.sessionHistory,
      step: this.budget.historyStep ?? DEFAULT_HISTORY_STEP,
      unread: input.unread ?? 0,
      summary: input.summary,
      beginsWithUser: input.format === 'anthropic',
    };
    let memoryCap = budget.relevantContext;
    if (input.spillOver ?? spillsOver(this.budget, budget.tier)) {
      const unused = system.unused;
      const unneeded = (cap: number, demand: number): number => Math.max(0, cap - demand);
      limits.cap += unused + unneeded(budget.relevantContext, memoryDemand(counter, ranked));
      memoryCap += unneeded(budget.sessionHistory + unused, historyDemand(entries, limits));
    }
    const history = selectHistory(counter, entries, limits);
    const isKnown = knownFrom(history.whole, input.threadId);
    const memories = selectMemories(counter, ranked, memoryCap, { isKnown, limit: input.memoryLimit });

    const { systemPrompt } = system;
    const parts = { systemPrompt, messages: history.messages, context: memories.context, task: task.task };
    const used = {
      systemPrompt: system.used,
      sessionHistory: history.used,
      relevantContext: memories.used,
      taskAndBuffer: task.used,
    };
    return {
      ...parts,
      tokenUsage: usage(used),
      budget,
      degraded: [...(input.degraded ?? [])],
      receipt: {
        version: 1,
        compiler: packageJson.version,
        encoding: counter.encoding,
        ...(model !== undefined && { model }),
        safetyFactor,
        tier: budget.tier,
        sections: SECTIONS.map((section) => ({
          section,
          cap: budget[section],
          used: used[section],
          spilled: Math.max(0, used[section] - budget[section]),
        })),
        items: [...system.items, ...history.items, ...memories.items, ...task.items],
        unread: limits.unread,
        leftOutThrough: history.leftOutThrough,
        hash: contentHash(parts),
      },
    };
  }
}

function usage(used: Record<Section, number>): TokenUsage {
  const {
    systemPrompt: system,
    sessionHistory: session,
    relevantContext: memory,
    taskAndBuffer: task,
  } = used;
  return { total: system + session + memory + task, system, session, memory, task };
}
