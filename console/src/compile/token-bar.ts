import { count, percent, plural, SECTIONS, type SectionInfo } from './sections.js';
import { type WorkingContext } from './working-context.js';

/** One stretch of the bar: a section's tokens, what is kept for the reply, or what nobody uses. */
export interface Stretch {
  key: SectionInfo['name'] | 'reply' | 'free';
  label: string;
  tokens: number;
  /** Part of the bar, 0 to 1. */
  share: number;
  /** Tokens of each item that the section sends, in the order of the prompt; they draw its divisions. */
  parts: number[];
}

export interface SectionFigures extends SectionInfo {
  used: number;
  cap: number;
  spilled: number;
  kept: number;
  shortened: number;
  dropped: number;
}

export interface TokenBar {
  /** Tokens that the whole bar stands for: those of the tier, divided by the safety factor of the model. */
  total: number;
  used: number;
  stretches: Stretch[];
  sections: SectionFigures[];
  /** Part of the bar that is as it was in the turn before, 0 to 1; absent where no turn before is known. */
  prefix?: { share: number; tokens: number; messages: number; ofPrompt: number };
}

/** What the bar of a compile shows; the stretches add up to the whole bar. */
export function tokenBar({ budget, tokenUsage, receipt }: WorkingContext): TokenBar {
  const total = Math.max(Math.floor(budget.total / receipt.safetyFactor + 1e-9), tokenUsage.total, 1);
  const sections = SECTIONS.map((info): SectionFigures => {
    const found = receipt.sections.find(({ section }) => section === info.name);
    const items = receipt.items.filter(({ tier }) => tier === info.tier);
    const decided = (decision: string): number => items.filter((item) => item.decision === decision).length;
    const { used = 0, cap = budget[info.name], spilled = 0 } = found ?? {};
    return {
      ...info,
      ...{ used, cap, spilled },
      ...{ kept: decided('kept'), shortened: decided('shortened'), dropped: decided('dropped') },
    };
  });
  const used = sections.reduce((sum, section) => sum + section.used, 0);
  const task = sections.find(({ name }) => name === 'taskAndBuffer');
  const reply = Math.max(0, Math.min((task?.cap ?? 0) - (task?.used ?? 0), total - used));
  const stretches: Stretch[] = [
    ...sections.map(({ name, tier, label, used: tokens }) => ({
      ...{ key: name, label, tokens, share: tokens / total },
      parts: receipt.items
        .filter((item) => item.tier === tier && item.decision !== 'dropped')
        .map((item) => item.tokens),
    })),
    {
      key: 'free',
      label: 'Unused',
      tokens: total - used - reply,
      share: (total - used - reply) / total,
      parts: [],
    },
    { key: 'reply', label: 'For the reply', tokens: reply, share: reply / total, parts: [] },
  ];
  const { sharedPrefix } = receipt;
  return {
    ...{ total, used, stretches, sections },
    ...(sharedPrefix && {
      prefix: {
        share: Math.min(1, sharedPrefix.tokens / total),
        tokens: sharedPrefix.tokens,
        messages: sharedPrefix.messages,
        ofPrompt: sharedPrefix.share,
      },
    }),
  };
}

/** The bar in words, for those who do not see it. */
export function barInWords({ total, used, sections, stretches, prefix }: TokenBar): string {
  const parts = sections.map(({ label, used, cap, spilled }) => {
    const beyond = spilled > 0 ? `, ${count(spilled)} of them left over by others` : '';
    return `${label} ${count(used)} of ${count(cap)}${beyond}`;
  });
  const reply = stretches.find(({ key }) => key === 'reply');
  return [
    `${plural(used, 'token')} of ${count(total)} (${percent(used, total)}).`,
    `${parts.join('. ')}.`,
    `Left for the reply: ${count(reply?.tokens ?? 0)}.`,
    ...(prefix ? [prefixInWords(prefix)] : []),
  ].join(' ');
}

export function prefixInWords({ messages, tokens, ofPrompt }: NonNullable<TokenBar['prefix']>): string {
  if (messages === 0) return 'Nothing at the beginning is as it was in the compile before.';
  return `As in the compile before: the first ${plural(messages, 'message')}, ${plural(tokens, 'token')}, ${percent(ofPrompt, 1)} of the prompt.`;
}
