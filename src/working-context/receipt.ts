import { type Section } from './token-budget.js';

/** What was decided about every part that came in, so that a prompt can be explained afterwards. */
export interface Receipt {
  /** Of this shape. */
  version: 1;
  /** The version of Triptych that compiled: another may decide otherwise. */
  compiler: string;
  /** Under which it can be read again; absent where it is not kept. */
  id?: string;
  /** The encoding that counted. */
  encoding: string;
  /** The model that the prompt is counted for, when one was named. */
  model?: string;
  /**
   * Tokens of the model for each token of the encoding, at most: 1 where the encoding is the model's own. The shares are those
   * of the tier's tokens divided by it.
   */
  safetyFactor: number;
  tier: string;
  sections: SectionReceipt[];
  /** The system prompt, the messages oldest first, the memories best first, the task. */
  items: ItemReceipt[];
  /** Older messages of the thread that are not among the items: more than the history could hold. */
  unread: number;
  /** The `seq` of the last message that was left out to make room; what is newer is sent without a gap. 0: none was. */
  leftOutThrough: number;
  /** What this prompt has in common with the one that was compiled before it for the thread; absent where none is known. */
  sharedPrefix?: SharedPrefix;
  /** SHA-256, in hex, of the canonical JSON of `{context, messages, systemPrompt, task}`. */
  hash: string;
}

/** What two prompts of a thread have in common from their first message on. */
export interface SharedPrefix {
  /** Leading messages that are the same. */
  messages: number;
  /** Their tokens. */
  tokens: number;
  /** Their part of all tokens of the later prompt, 0 to 1. */
  share: number;
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
  /** Of the message or the memory; `systemPrompt`; `task`, and `task.rest` for what was left out of it;
   * `summary`. */
  id: string;
  /** Of a memory. */
  score?: number;
  /** What it takes in the prompt; for what was dropped, what it would have taken. */
  tokens: number;
  decision: 'kept' | 'shortened' | 'dropped';
  reason: Reason;
}

/**
 * `fits`: there was room · `leading_system`, `newest_user_message`: kept before anything else · `summary`: tells of what
 * was left out · `over_share`: the room was used up by what has priority · `history_step`: there would be room, but the
 * history begins at the same message for some turns · `before_user`: the history must begin with the user ·
 * `orphan_tool_result`: answers no call before it · `unanswered_tool_call`: a model refuses a call
 * without all its results · `in_history`: a kept message already says it · `over_limit`: as many memories as were asked
 * for are more relevant.
 */
export const REASONS = [
  'fits',
  'leading_system',
  'newest_user_message',
  'summary',
  'over_share',
  'history_step',
  'before_user',
  'orphan_tool_result',
  'unanswered_tool_call',
  'in_history',
  'over_limit',
] as const;
export type Reason = (typeof REASONS)[number];
