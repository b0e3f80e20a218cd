import { BudgetExceededError } from '../errors.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { fitText } from './fit-text.js';
import { systemMessage } from './prompt.js';
import { type ItemReceipt } from './receipt.js';

export interface FittedSystemPrompt {
  systemPrompt: string;
  used: number;
  /** What others may have: nothing of the last tokens that a cut leaves, or a larger share could leave less. */
  unused: number;
  items: ItemReceipt[];
}

/**
 * The system prompt in at most `cap` tokens, cut at its end when it may be.
 *
 * @throws BudgetExceededError when nothing of it fits, or not the whole of it and it must not be cut
 */
export function fitSystemPrompt(
  counter: TokenCounter,
  whole: string,
  cap: number,
  mayCut: boolean,
): FittedSystemPrompt {
  if (whole === '') return { systemPrompt: '', used: 0, unused: cap, items: [] };
  const cost = (text: string): number => countMessage(counter, systemMessage(text));
  const item = { tier: 'system', id: 'systemPrompt' } as const;
  const wanted = cost(whole);
  if (wanted <= cap)
    return {
      systemPrompt: whole,
      used: wanted,
      unused: cap - wanted,
      items: [{ ...item, tokens: wanted, decision: 'kept', reason: 'fits' }],
    };
  const systemPrompt = mayCut ? fitText(counter, whole, cap, cost) : '';
  if (systemPrompt === '') throw new BudgetExceededError('The system prompt', wanted, cap);
  const used = cost(systemPrompt);
  return {
    systemPrompt,
    used,
    unused: 0,
    items: [{ ...item, tokens: used, decision: 'shortened', reason: 'over_share' }],
  };
}
