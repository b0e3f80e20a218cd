import { count, SECTIONS } from './sections.js';
import { itemGroups, type ShownItem } from './receipt-items.js';
import { type CompileRequest, type CompileRun, type ItemTier } from './working-context.js';

export interface SettingDifference {
  name: string;
  left: string;
  right: string;
}

/** What became of one item in each of two compiles; undefined where a compile did not come across it. */
export interface ItemDifference {
  key: string;
  tier: ItemTier;
  id: string;
  /** As one of the prompts shows it. */
  text: string | undefined;
  left: ShownItem | undefined;
  right: ShownItem | undefined;
  kind: 'same' | 'only-left' | 'only-right' | 'changed';
}

export interface Comparison {
  settings: SettingDifference[];
  items: ItemDifference[];
  /** Whether both prompts are the same to the byte. */
  isSamePrompt: boolean;
  counts: Record<ItemDifference['kind'], number>;
}

const UNSET = 'as the service says';
const SETTINGS: readonly [string, (request: CompileRequest) => string][] = [
  ['Thread', ({ threadId }) => threadId],
  ['Model tier', ({ modelTier }) => modelTier ?? UNSET],
  ['Task', ({ task }) => task.description],
  ['System prompt', ({ systemPrompt }) => systemPrompt || 'none'],
  ['Agent', ({ agentId }) => agentId ?? 'any'],
  ['Memory limit', ({ memoryLimit }) => (memoryLimit === undefined ? UNSET : count(memoryLimit))],
  ['Spill-over', ({ spillOver }) => (spillOver === undefined ? UNSET : spillOver ? 'on' : 'off')],
  ['Search', ({ recallScope }) => recallScope ?? 'memories'],
  ['Too long a task', ({ overflow }) => (overflow === 'refuse' ? 'refused' : 'cut')],
  ['Counted for', ({ model }) => model ?? UNSET],
  ['Format', ({ format }) => format],
];

/**
 * Two compiles beside each other. The system prompt and the task of both are the same item, whatever they say; messages and
 * memories are known by their ids. Items are in the order of the sections, within one in that of the left compile and then
 * those that the right one has alone.
 */
export function compareRuns(left: CompileRun, right: CompileRun): Comparison {
  const settings = SETTINGS.map(([name, read]) => ({
    name,
    left: read(left.request),
    right: read(right.request),
  }));
  // Messages of two threads may have the same id, and are others.
  const isOneThread = left.request.threadId === right.request.threadId;
  const [ofLeft, ofRight] = [itemsOf(left), itemsOf(right)];
  const keyOf = ({ tier, id }: ShownItem, side: string): string =>
    tier === 'session' && !isOneThread ? `${side} ${tier} ${id}` : `${tier} ${id}`;
  const rightByKey = new Map(ofRight.map((item) => [keyOf(item, 'right'), item]));
  const leftKeys = new Set(ofLeft.map((item) => keyOf(item, 'left')));
  const pairs: { key: string; left?: ShownItem; right?: ShownItem }[] = [
    ...ofLeft.map((item) => {
      const key = keyOf(item, 'left');
      const other = rightByKey.get(key);
      return { key, left: item, ...(other && { right: other }) };
    }),
    ...ofRight
      .map((item) => ({ key: keyOf(item, 'right'), right: item }))
      .filter(({ key }) => !leftKeys.has(key)),
  ];
  const items = pairs.map(({ key, left, right }): ItemDifference => {
    const { tier, id } = (left ?? right) as ShownItem;
    return { key, tier, id, text: left?.text ?? right?.text, left, right, kind: kindOf(left, right) };
  });
  const order = SECTIONS.map(({ tier }) => tier);
  items.sort((a, b) => order.indexOf(a.tier) - order.indexOf(b.tier));
  const counts = { same: 0, 'only-left': 0, 'only-right': 0, changed: 0 };
  for (const { kind } of items) counts[kind]++;
  return {
    settings: settings.filter((setting) => setting.left !== setting.right),
    items,
    isSamePrompt: left.answer.receipt.hash === right.answer.receipt.hash,
    counts,
  };
}

function itemsOf({ answer }: CompileRun): ShownItem[] {
  return itemGroups(answer).flatMap(({ items }) => items);
}

/** Whether both send it: what was dropped, and what was not found, is not in a prompt. */
function kindOf(left: ShownItem | undefined, right: ShownItem | undefined): ItemDifference['kind'] {
  const isSent = (item: ShownItem | undefined): boolean => item !== undefined && item.decision !== 'dropped';
  if (isSent(left) && !isSent(right)) return 'only-left';
  if (!isSent(left) && isSent(right)) return 'only-right';
  if (!isSent(left)) return 'same';
  return left?.decision === right?.decision && left?.text === right?.text ? 'same' : 'changed';
}
