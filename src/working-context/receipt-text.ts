import { printable } from '../tenancy/audit-log.js';
import {
  type ItemReceipt,
  type Reason,
  type Receipt,
  type SectionReceipt,
  type SharedPrefix,
} from './receipt.js';
import { type Section } from './token-budget.js';

const SECTION_NAMES: Readonly<Record<Section, string>> = {
  systemPrompt: 'system prompt',
  sessionHistory: 'session history',
  relevantContext: 'relevant context',
  taskAndBuffer: 'task and buffer',
};
const TIER_NAMES: Readonly<Record<ItemReceipt['tier'], string>> = {
  system: 'system prompt',
  session: 'session history, oldest first',
  memory: 'memories, best first',
  task: 'task',
};
const WORDS: Readonly<Partial<Record<string, string>>> = {
  fits: 'there was room',
  leading_system: 'an instruction at the head of the thread',
  newest_user_message: 'what the user said last',
  summary: 'tells of what was left out',
  over_share: 'the room went to what has priority',
  history_step: 'there would be room, but the history begins at the same message for some turns',
  before_user: 'the history must begin with the user',
  orphan_tool_result: 'answers no call before it',
  unanswered_tool_call: 'a model refuses a call without all its results',
  in_history: 'a kept message says it already',
  over_limit: 'as many as were asked for are more relevant',
} satisfies Record<Reason, string>;
/** Equal decisions in a row, from this many on, are one line. */
const FOLDED_FROM = 4;
const BAR = 20;
const LONGEST_ID = 36;

/**
 * A receipt for a person to read in a terminal, without a line break at its end. Ids are the caller's own text: what is
 * invisible in them is escaped, and a long one is cut.
 */
export function printReceipt(receipt: Receipt): string {
  const { sections, items, unread } = receipt;
  const tiers = Object.keys(TIER_NAMES) as ItemReceipt['tier'][];
  return [
    ...headOf(receipt),
    '',
    ...sections.map(sectionLine),
    ...tiers.flatMap((tier) => {
      const ofTier = items.filter((item) => item.tier === tier);
      const older = tier === 'session' && unread > 0 ? [unreadLine(unread)] : [];
      if (ofTier.length + older.length === 0) return [];
      return ['', TIER_NAMES[tier], ...older, ...runsOf(ofTier).flatMap(runLines)];
    }),
    ...prefixLines(receipt.sharedPrefix),
  ].join('\n');
}

function headOf({ id, tier, encoding, model, safetyFactor, sections, hash }: Receipt): string[] {
  const used = sections.reduce((total, section) => total + section.used, 0);
  const cap = sections.reduce((total, section) => total + section.cap, 0);
  const counted = [
    `counted in ${encoding}`,
    ...(model === undefined ? [] : [`for ${shown(model)}`]),
    ...(safetyFactor === 1 ? [] : [`times ${safetyFactor} for safety`]),
  ];
  return [
    ...(id === undefined ? [] : [`receipt  ${shown(id)}`]),
    `tokens   ${count(used)} of ${count(cap)} (${percent(used, cap)}), tier ${shown(tier)}, ${counted.join(', ')}`,
    `hash     ${hash}`,
  ];
}

function sectionLine({ section, cap, used, spilled }: SectionReceipt): string {
  const filled = cap > 0 ? Math.min(BAR, Math.ceil((used / cap) * BAR)) : used > 0 ? BAR : 0;
  const bar = '█'.repeat(filled) + '░'.repeat(BAR - filled);
  const beyond = spilled > 0 ? `, ${count(spilled)} of them left over by others` : '';
  return `${SECTION_NAMES[section].padEnd(16)} ${bar} ${count(used).padStart(9)} of ${count(cap)}${beyond}`;
}

/** Items of one tier that follow each other and were decided alike. */
function runsOf(items: readonly ItemReceipt[]): ItemReceipt[][] {
  const runs: ItemReceipt[][] = [];
  for (const item of items) {
    const run = runs.at(-1);
    if (run?.[0]?.decision === item.decision && run[0].reason === item.reason) run.push(item);
    else runs.push([item]);
  }
  return runs;
}

function runLines(run: readonly ItemReceipt[]): string[] {
  const [first, last] = [run[0], run.at(-1)];
  if (run.length < FOLDED_FROM || !first || !last)
    return run.map((item) => itemLine(item, item.tokens, shown(item.id), scores([item])));
  const tokens = run.reduce((total, item) => total + item.tokens, 0);
  return [
    itemLine(first, tokens, `${shown(first.id)} … ${shown(last.id)} (${count(run.length)})`, scores(run)),
  ];
}

function itemLine({ decision, reason }: ItemReceipt, tokens: number, ids: string, score: string): string {
  const words = WORDS[reason] === undefined ? '' : `, ${WORDS[reason]}`;
  return `  ${decision.padEnd(9)} ${count(tokens).padStart(9)}  ${ids}${score}: ${reason}${words}`;
}

/** From the best to the worst. */
function scores(run: readonly ItemReceipt[]): string {
  const known = run.flatMap(({ score }) => (score === undefined ? [] : [score]));
  if (known.length === 0) return '';
  const [best, worst] = [Math.max(...known).toFixed(3), Math.min(...known).toFixed(3)];
  return best === worst ? `, score ${best}` : `, scores ${best} to ${worst}`;
}

function unreadLine(unread: number): string {
  return `  ${'unread'.padEnd(9)} ${''.padStart(9)}  ${count(unread)} older messages: more than the history could hold`;
}

function prefixLines(prefix: SharedPrefix | undefined): string[] {
  if (!prefix) return [];
  const { messages, tokens, share } = prefix;
  return [
    '',
    `as in the compile before: the first ${count(messages)} messages, ${count(tokens)} tokens, ${percent(share, 1)}`,
  ];
}

function shown(id: string): string {
  const characters = Array.from(printable(id));
  return characters.length > LONGEST_ID
    ? `${characters.slice(0, LONGEST_ID - 1).join('')}…`
    : characters.join('');
}

/** Thousands are parted the same way wherever it is printed. */
function count(value: number): string {
  return value.toLocaleString('en-US');
}

function percent(part: number, whole: number): string {
  return `${(whole > 0 ? (100 * part) / whole : 0).toFixed(1)} %`;
}
