import { parseJson } from '../database/parse-json.js';
import { BudgetExceededError, InvalidInputError } from '../errors.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { fitText } from './fit-text.js';
import { countTask, taskMessage } from './prompt.js';
import { type ItemReceipt } from './receipt.js';
import { type Task } from './working-context.js';

export interface FittedTask {
  task: Task;
  used: number;
  items: ItemReceipt[];
}

/**
 * The task in at most `cap` tokens. The description has priority: other fields are kept in their order as far
 * as they fit behind the whole of it, and when it does not fit by itself it alone is kept, from its start.
 *
 * @throws InvalidInputError when the task is not JSON with a description
 * @throws BudgetExceededError when nothing of the description fits, or not the whole task and it must not be cut
 */
export function fitTask(counter: TokenCounter, input: Task, cap: number, mayCut = true): FittedTask {
  const task = jsonTask(input);
  const whole = countTask(counter, task);
  if (whole <= cap) return { task, used: whole, items: [item(whole, 'kept')] };
  if (!mayCut) throw new BudgetExceededError('The task', whole, cap);

  const { description, ...fields } = task;
  const others = Object.entries(fields);
  const withFields = (count: number): Task => ({
    description,
    ...Object.fromEntries(others.slice(0, count)),
  });
  const room = cap - countTask(counter, { description: '' });
  // Looks at no more of a long text than would fit.
  const fits = (count: number): boolean => {
    const content = taskMessage(withFields(count)).content as string;
    return counter.truncate(content, room, 'start') === content;
  };
  if (fits(0)) {
    const fitted = withFields(largest(others.length, fits));
    return shortened(counter, fitted, whole);
  }

  const start = fitText(counter, description, cap, (text) => countTask(counter, { description: text }));
  if (start === '') throw new BudgetExceededError('The task', countTask(counter, { description }), cap);
  return shortened(counter, { description: start }, whole);
}

/** Names no field: what they are called is the caller's text, and a receipt holds none. */
function shortened(counter: TokenCounter, task: Task, whole: number): FittedTask {
  const used = countTask(counter, task);
  const rest = { tier: 'task', id: 'task.rest', decision: 'dropped', reason: 'over_share' } as const;
  return { task, used, items: [item(used, 'shortened'), { ...rest, tokens: Math.max(0, whole - used) }] };
}

/** The task as JSON carries it: a copy without what JSON leaves out. */
function jsonTask(input: Task): Task {
  let task: unknown;
  try {
    task = parseJson(JSON.stringify(input));
  } catch {
    throw new InvalidInputError([{ field: 'task', message: 'must be JSON' }]);
  }
  if (!isTask(task))
    throw new InvalidInputError([{ field: 'task.description', message: 'must be a string' }]);
  return task;
}

function isTask(value: unknown): value is Task {
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.hasOwn(value, 'description') &&
    typeof (value as Task).description === 'string'
  );
}

/** The largest of 0 … `count` that fits, where 0 does; halving, as more never takes less room. */
function largest(count: number, fits: (count: number) => boolean): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle - 1;
  }
  return low;
}

function item(tokens: number, decision: 'kept' | 'shortened'): ItemReceipt {
  return { tier: 'task', id: 'task', tokens, decision, reason: decision === 'kept' ? 'fits' : 'over_share' };
}
