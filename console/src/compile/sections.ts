import { type ItemTier, type SectionName } from './working-context.js';

export interface SectionInfo {
  name: SectionName;
  /** Of the items that stand in it. */
  tier: ItemTier;
  label: string;
  /** What is in it, for the head of a list. */
  contents: string;
}

/** In the order in which they stand in a prompt. */
export const SECTIONS: readonly SectionInfo[] = [
  { name: 'systemPrompt', tier: 'system', label: 'System prompt', contents: 'the system prompt' },
  { name: 'sessionHistory', tier: 'session', label: 'Session history', contents: 'oldest first' },
  { name: 'relevantContext', tier: 'memory', label: 'Memories', contents: 'most relevant first' },
  { name: 'taskAndBuffer', tier: 'task', label: 'Task', contents: 'the task and the priming of the reply' },
];

/** Of an item; the history where a later version of the service has a tier that this one does not know. */
export function sectionOfTier(tier: string): SectionInfo {
  return SECTIONS.find((section) => section.tier === tier) ?? (SECTIONS[1] as SectionInfo);
}

/** A number of tokens as people read it: `12,345`. */
export function count(number: number): string {
  return number.toLocaleString('en-US');
}

/** `37.5 %`; without a figure behind the point from ten on. */
export function percent(part: number, whole: number): string {
  if (whole <= 0) return '0 %';
  const value = (part / whole) * 100;
  return `${value.toFixed(value >= 10 || value === 0 ? 0 : 1)} %`;
}

/** `1 token`, `2 tokens`, `1,000 messages`. */
export function plural(number: number, noun: string): string {
  return `${count(number)} ${noun}${number === 1 ? '' : 's'}`;
}
