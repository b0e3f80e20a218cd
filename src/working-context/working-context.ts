import { type MemoryEntry, type ScoredMemory } from '../memory/memory-entry.entity.js';
import { type Degradation } from '../recall/degradation.js';
import { type Message, type StoredMessage } from '../session/message.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { type HistorySummary } from './history-summary.js';
import { type PromptFormat } from './prompt-format.js';
import { type Receipt } from './receipt.js';
import { type BudgetChange, type ResolvedBudget } from './token-budget.js';

/** What the model is to do now. Fields beside the description are shown to it as JSON. */
export interface Task {
  description: string;
  [field: string]: unknown;
}

/** What a prompt shows of a memory. */
export type OfferedMemory = Omit<
  MemoryEntry,
  'revision' | 'storedBy' | 'copies' | 'retractedAt' | 'embeddingStatus'
>;

/** A memory offered to the prompt; the higher the score, the sooner. */
export interface RelevantMemory extends Pick<ScoredMemory, 'score'> {
  memory: OfferedMemory;
  /** `counter.count(memoryLine(memory))`, where the caller has it at hand; counted here otherwise. */
  tokens?: number;
}

/** `truncate`: what is more than its share is cut at its end, and the receipt says so · `refuse`: it is an error. */
export const OVERFLOWS = ['truncate', 'refuse'] as const;
export type Overflow = (typeof OVERFLOWS)[number];

/** How tokens are counted for one model. */
export interface Counting {
  counter: TokenCounter;
  /** See `Receipt.safetyFactor`; at least 1. */
  safetyFactor: number;
  /** Whether the counts that messages and memories come with are those of `counter`. Absent: when its encoding is the default. */
  isCounted?: boolean;
  /** The model's name, for the receipt. */
  model?: string;
}

export interface CompileInput {
  /** May be empty: then there is no system message. */
  systemPrompt: string;
  /** Oldest first, with the counts they were stored with. */
  sessionMessages: readonly StoredMessage[];
  /** In any order; ranked by score. */
  relevantMemories: readonly RelevantMemory[];
  /** At most this many of them. */
  memoryLimit?: number;
  task: Task;
  /** One of the budget's tiers; absent: its default. */
  modelTier?: string;
  /** Absent: as the budget says. */
  spillOver?: boolean;
  /** Another size or other shares than the tier's. */
  budget?: BudgetChange | undefined;
  /** How a system prompt or a task that is more than its share is taken; default `truncate`. */
  overflow?: Overflow | undefined;
  /** How tokens are counted for the model; absent: in the encoding of the settings. */
  counting?: Counting | undefined;
  /** Older messages of the thread, which are not among `sessionMessages`. */
  unread?: number;
  /** What was said before, in short; shown when messages are left out. */
  summary?: HistorySummary | undefined;
  /** What the prompt is made for: some providers want the user to speak first. */
  format?: PromptFormat | undefined;
  /** The thread of `sessionMessages`: lets memories that were made of them be recognised by their place. */
  threadId?: string;
  /** Passed through, for what the caller could not fetch. */
  degraded?: readonly Degradation[];
}

/** Tokens of what is returned, message overheads included. `total` is the sum of the four others. */
export interface TokenUsage {
  total: number;
  system: number;
  session: number;
  memory: number;
  /** The task and the priming of the reply. */
  task: number;
}

/** Everything that reaches the model. */
export interface PromptParts {
  systemPrompt: string;
  /** The kept history, oldest first, without what only the store knows (`id`, `seq`, `tokens`, `createdAt`). */
  messages: Message[];
  /** The memories as one fenced block (`parseContextBlock` reads it), or `''`. */
  context: string;
  task: Task;
}

/** What the model sees now. `assemblePrompt` makes of it the messages that were counted. */
export interface WorkingContext extends PromptParts {
  tokenUsage: TokenUsage;
  budget: ResolvedBudget;
  degraded: Degradation[];
  receipt: Receipt;
}
