import { textOfMessage } from './message-text.js';
import { SECTIONS, type SectionInfo } from './sections.js';
import { type Decision, type ItemReceipt, type WorkingContext } from './working-context.js';

/** An item of the receipt, and what the prompt shows of it. */
export interface ShownItem extends ItemReceipt {
  /** Unique in the compile: two tiers may use one id. */
  key: string;
  /** Text as it is in the prompt; undefined of what was dropped, whose text the answer does not have. */
  text: string | undefined;
  /** Who said it, where the prompt tells. */
  who: string | undefined;
}

export interface ItemGroup {
  section: SectionInfo;
  items: ShownItem[];
  /** Older messages of the thread that were not even looked at. */
  unread: number;
}

/** The items by section, each with the text that the prompt shows of it. */
export function itemGroups(compiled: WorkingContext): ItemGroup[] {
  const { receipt, messages, systemPrompt, task } = compiled;
  const memories = memoryTexts(compiled.context);
  let place = 0;
  const shown = receipt.items.map((item, index): ShownItem => {
    const key = `${item.tier}:${item.id}:${index}`;
    const text = (text?: string, who?: string): ShownItem => ({ ...item, key, text, who });
    if (item.decision === 'dropped') return text();
    if (item.tier === 'system') return text(systemPrompt, 'system');
    if (item.tier === 'task') return text(task.description, 'user');
    if (item.tier === 'memory') {
      const memory = memories.get(item.id);
      return text(memory?.text, memory?.who);
    }
    // The history's items that are sent are its messages, one by one and in this order.
    const message = messages[place++];
    return message ? text(textOfMessage(message), message.name ?? message.role) : text();
  });
  return SECTIONS.map((section) => ({
    section,
    items: shown.filter(({ tier }) => tier === section.tier),
    unread: section.tier === 'session' ? receipt.unread : 0,
  }));
}

export type DecisionFilter = 'all' | Decision;

/** How many items there are of each decision. */
export function decisionCounts(items: readonly ItemReceipt[]): Record<DecisionFilter, number> {
  const counts = { all: items.length, kept: 0, shortened: 0, dropped: 0 };
  for (const { decision } of items) counts[decision]++;
  return counts;
}

/** Memories of the fenced block by their id. A line that is no JSON is passed over: the block is the service's own text. */
export function memoryTexts(block: string): Map<string, { text: string; who: string | undefined }> {
  const memories = new Map<string, { text: string; who: string | undefined }>();
  for (const line of block.split('\n')) {
    if (!line.startsWith('{')) continue;
    try {
      const { id, text, who } = JSON.parse(line) as Record<string, unknown>;
      if (typeof id !== 'string' || typeof text !== 'string') continue;
      memories.set(id, { text, who: typeof who === 'string' ? who : undefined });
    } catch {
      continue;
    }
  }
  return memories;
}
