import type { CompileRun } from './working-context.js';

/** How a compile is called in a sentence: its tier and its thread. */
export function runName({ request, answer }: CompileRun): string {
  return `${answer.budget.tier} · ${request.threadId}`;
}
