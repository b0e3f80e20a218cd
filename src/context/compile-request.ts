import { requireInteger, requireStorable, requireText } from '../database/storable.js';
import { InvalidInputError } from '../errors.js';
import { MAX_AGENT_ID } from '../memory/memory-input.js';
import type { MemoryFilter } from '../memory/memory-filter.js';
import { requireThreadId } from '../session/thread-id.js';
import { PROMPT_FORMATS, type PromptFormat } from '../working-context/prompt-format.js';
import { SECTIONS, type BudgetChange } from '../working-context/token-budget.js';
import { OVERFLOWS, type Overflow, type Task } from '../working-context/working-context.js';
import { SEARCH_SCOPES, type SearchScope } from './context-search.js';

/** In UTF-16 units; what does not fit the budget is cut, what is larger than this is a mistake. */
export const MAX_PROMPT = 1_000_000;
export const MAX_MODEL = 200;
export const MAX_TIER = 64;
export const MAX_MEMORIES = 1_000;

/** What a working context is to be made of, and for whom. */
export interface CompileRequest {
  threadId: string;
  systemPrompt: string;
  /** What the model is to do now; its description is also what memories are searched by. */
  task: Task;
  /** Default: the default tier of the token budget. */
  modelTier?: string;
  /** The model whose tokens are counted, such as `gpt-4o` or `claude-sonnet-4-5`; default: as the settings say. */
  model?: string;
  /** Another size or other shares than the tier's, for this request. */
  budget?: BudgetChange;
  /** Only memories of this agent. */
  agentId?: string;
  /** Only memories that match; see docs/filters.md. */
  filter?: MemoryFilter;
  /** At most this many memories; default 10, 0 for none. */
  memoryLimit?: number;
  /** Memories, what fell out of the thread's history, or both; default `memories`. */
  recallScope?: SearchScope;
  /** What a section leaves unused goes to the next that needs it. */
  spillOver?: boolean;
  /** A system prompt or a task that is more than its share is cut (default), or refused. */
  overflow?: Overflow;
  /** Adds `prompt`: the context as messages of this form, ready to send. */
  format?: PromptFormat;
}

/** @throws InvalidInputError */
export function validateCompile(request: CompileRequest): void {
  const { threadId, systemPrompt, task, modelTier, model, agentId, memoryLimit, spillOver, budget } = request;
  requireThreadId(threadId);
  if (typeof systemPrompt !== 'string') refuse('systemPrompt', 'must be a string');
  if (systemPrompt.length > MAX_PROMPT) refuse('systemPrompt', `must have at most ${MAX_PROMPT} characters`);
  requireStorable(systemPrompt, 'systemPrompt');
  requireTask(task);
  if (modelTier !== undefined) requireText(modelTier, 'modelTier', MAX_TIER);
  if (model !== undefined) requireText(model, 'model', MAX_MODEL);
  if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
  if (memoryLimit !== undefined) requireInteger(memoryLimit, 'memoryLimit', 0, MAX_MEMORIES);
  if (spillOver !== undefined && typeof spillOver !== 'boolean') refuse('spillOver', 'must be true or false');
  requireOneOf(request.recallScope, 'recallScope', SEARCH_SCOPES);
  requireOneOf(request.overflow, 'overflow', OVERFLOWS);
  requireOneOf(request.format, 'format', PROMPT_FORMATS);
  if (budget !== undefined) requireBudget(budget);
}

function requireTask(task: Task): void {
  if (typeof task !== 'object' || (task as unknown) === null || Array.isArray(task))
    refuse('task', 'must be an object with a description');
  requireText(task.description, 'task.description', MAX_PROMPT);
  if (task.description.trim() === '') refuse('task.description', 'must not be blank');
  requireStorable(task, 'task');
}

/** Its form; whether it is possible depends on the budget in force. */
function requireBudget(budget: BudgetChange): void {
  if (typeof budget !== 'object' || (budget as unknown) === null || Array.isArray(budget))
    refuse('budget', 'must be an object with a total, shares, or both');
  for (const key of Object.keys(budget))
    if (key !== 'total' && key !== 'shares')
      refuse(`budget.${key}`, 'is not known; there are total and shares');
  const { total, shares } = budget;
  if (total !== undefined && typeof total !== 'number') refuse('budget.total', 'must be a number');
  if (shares === undefined) return;
  const names = typeof shares === 'object' && (shares as unknown) !== null ? Object.keys(shares).sort() : [];
  const isWhole = names.join() === [...SECTIONS].sort().join();
  if (!isWhole || Object.values(shares).some((share) => typeof share !== 'number'))
    refuse('budget.shares', `must have a number for each of ${SECTIONS.join(', ')}`);
}

function requireOneOf(value: unknown, field: string, known: readonly string[]): void {
  if (value !== undefined && !known.includes(value as string))
    refuse(field, `must be one of ${known.join(', ')}`);
}

function refuse(field: string, message: string): never {
  throw new InvalidInputError([{ field, message }]);
}
