import { type Section } from './token-budget.js';

/** What was decided about every part that came in, so that a prompt can be explained afterwards. */
export interface Receipt {
  version: 1;
  /** The encoding that counted. */
  encoding: string;
  tier: string;
  sections: SectionReceipt[];
  /** The system prompt, the messages oldest first, the memories best first, the task. */
  items: ItemReceipt[];
  /** SHA-256, in hex, of the canonical JSON of `{context, messages, systemPrompt, task}`. */
  hash: string;
}

export interface SectionReceipt {
  section: Section;
  /** The section's share, in tokens. */
  cap: number;
  used: number;
  /** Tokens used beyond the share, out of what other sections left over. */
  spilled: number;
}

export interface ItemReceipt {
  tier: 'system' | 'session' | 'memory' | 'task';
  /** Of the message or the memory; `systemPrompt`; `task`, or `task.<field>` for a field that was left out. */
  id: string;
  /** Of a memory. */
  score?: number;
  /** What it takes in the prompt; for what was dropped, what it would have taken. */
  tokens: number;
  decision: 'kept' | 'shortened' | 'dropped';
  reason: Reason;
}

/**
 * `fits`: there was room · `leading_system`, `newest_user_message`: kept before anything else ·
 * `over_share`: the room was used up by what has priority · `too_large`: more than the whole section by
 * itself · `orphan_tool_result`: answers no call before it · `unanswered_tool_call`: a model refuses a call
 * without all its results · `in_history`: a kept message already says it.
 */
export type Reason =
  | 'fits'
  | 'leading_system'
  | 'newest_user_message'
  | 'over_share'
  | 'too_large'
  | 'orphan_tool_result'
  | 'unanswered_tool_call'
  | 'in_history';
