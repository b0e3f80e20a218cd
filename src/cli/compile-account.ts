import type { WorkingContext } from 'triptych-client';
import { table } from './plain-text.js';

const BAR = 20;
/** Of each section of the budget, what people call it. */
const NAMES = {
  systemPrompt: 'system',
  sessionHistory: 'session',
  relevantContext: 'memory',
  taskAndBuffer: 'task',
} as const;

/** Where the tokens of a context went, for a person: its sections against their shares, and each item. */
export function accountOf({ tokenUsage, budget, receipt, degraded }: WorkingContext): string {
  const sections = receipt.sections.map(({ section, cap, used, spilled }) => [
    NAMES[section],
    used,
    cap,
    `${bar(used, cap)}${spilled > 0 ? ` ${spilled} spilled over` : ''}`,
  ]);
  const items = receipt.items.map(({ tier, id, tokens, decision, reason, score }) => [
    tier,
    tokens,
    decision,
    reason,
    score === undefined ? '' : score.toFixed(4),
    id,
  ]);
  const { unread, sharedPrefix, hash } = receipt;
  return [
    `tier ${budget.tier}: ${tokenUsage.total} of ${budget.total} tokens, counted as ${receipt.encoding}`,
    '',
    table([['section', 'used', 'share', ''], ...sections]),
    '',
    table([['tier', 'tokens', 'decision', 'reason', 'score', 'item'], ...items]),
    ...(unread > 0 ? ['', `${unread} older messages of the thread were not looked at.`] : []),
    ...(sharedPrefix
      ? [
          '',
          `The first ${sharedPrefix.tokens} tokens are those of the compile before (${percent(sharedPrefix.share)}).`,
        ]
      : []),
    ...degraded.flatMap(({ code, detail }) => ['', `${code}: ${detail}`]),
    '',
    `${receipt.id === undefined ? '' : `receipt ${receipt.id}, `}sha256 ${hash}`,
  ].join('\n');
}

function bar(used: number, cap: number): string {
  const filled = cap === 0 ? 0 : Math.min(BAR, Math.round((used / cap) * BAR));
  return '█'.repeat(filled) + '░'.repeat(BAR - filled);
}

function percent(fraction: number): string {
  return `${Math.round(fraction * 100)} %`;
}
