import { Inject, Injectable } from '@nestjs/common';
import { BudgetExceededError } from '../errors.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type Keep, TokenCounter } from '../tokens/token-counter.js';
import { contentHash } from './content-hash.js';
import { fitText } from './fit-text.js';
import { knownFrom, memoryDemand, rankMemories, selectMemories } from './memory-selection.js';
import { systemMessage } from './prompt.js';
import { type ItemReceipt } from './receipt.js';
import { historyEntry, selectHistory } from './session-history.js';
import { fitTask } from './task-section.js';
import {
  assertBudget,
  resolveBudget,
  type Section,
  SECTIONS,
  TOKEN_BUDGET,
  type TokenBudget,
} from './token-budget.js';
import { type CompileInput, type TokenUsage, type WorkingContext } from './working-context.js';

/** The part of the `taskAndBuffer` share that a task may fill; the rest is always left to the response. */
export const TASK_PART = 0.5;

/**
 * Makes of everything that could be said to a model what is said: a pure function of its input, without I/O,
 * clock or chance, so that the same input gives the same bytes.
 *
 * `tokenUsage.total <= budget.total` for every input whose stored counts are those of this encoding, and each
 * section stays within its share. With `spillOver` what the system prompt, the history and the memories leave
 * unused goes first to the history and then to the memories; the share of the task and the response is
 * touched by nobody, and at least half of it is free for the response.
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
   * @throws BudgetExceededError when a tier is so small that nothing of the system prompt or the task fits
   * @throws InvalidInputError when the task is not JSON with a description
   */
  compile(input: CompileInput): WorkingContext {
    const budget = resolveBudget(this.budget, input.modelTier ?? this.budget.defaultTier);
    const system = this.#fitSystemPrompt(input.systemPrompt, budget.systemPrompt);
    const task = fitTask(this.counter, input.task, Math.floor(budget.taskAndBuffer * TASK_PART));
    const entries = input.sessionMessages.map((stored) => historyEntry(this.counter, stored));
    const ranked = rankMemories(this.counter, input.relevantMemories);

    let historyCap = budget.sessionHistory;
    let memoryCap = budget.relevantContext;
    const spillOver = input.spillOver ?? this.budget.spillOver;
    if (spillOver) {
      const unneeded = Math.max(0, budget.relevantContext - memoryDemand(this.counter, ranked));
      historyCap += budget.systemPrompt - system.used + unneeded;
    }
    const history = selectHistory(this.counter, entries, historyCap);
    if (spillOver) memoryCap += budget.systemPrompt - system.used + budget.sessionHistory - history.used;
    const memories = selectMemories(
      this.counter,
      ranked,
      memoryCap,
      knownFrom(history.whole, input.threadId),
    );

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
        encoding: this.counter.encoding,
        tier: budget.tier,
        sections: SECTIONS.map((section) => ({
          section,
          cap: budget[section],
          used: used[section],
          spilled: Math.max(0, used[section] - budget[section]),
        })),
        items: [...system.items, ...history.items, ...memories.items, ...task.items],
        hash: contentHash(parts),
      },
    };
  }

  #fitSystemPrompt(whole: string, cap: number): { systemPrompt: string; used: number; items: ItemReceipt[] } {
    if (whole === '') return { systemPrompt: '', used: 0, items: [] };
    const cost = (text: string): number => countMessage(this.counter, systemMessage(text));
    const item = { tier: 'system', id: 'systemPrompt' } as const;
    const wanted = cost(whole);
    if (wanted <= cap)
      return {
        systemPrompt: whole,
        used: wanted,
        items: [{ ...item, tokens: wanted, decision: 'kept', reason: 'fits' }],
      };
    const systemPrompt = fitText(this.counter, whole, cap, cost);
    if (systemPrompt === '') throw new BudgetExceededError('The system prompt', wanted, cap);
    const used = cost(systemPrompt);
    return {
      systemPrompt,
      used,
      items: [{ ...item, tokens: used, decision: 'shortened', reason: 'over_share' }],
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
