import { type MemoryEntry, type ScoredMemory } from '../memory/memory-entry.entity.js';
import { type Message, type StoredMessage } from '../session/message.js';
import { type Receipt } from './receipt.js';
import { type ResolvedBudget } from './token-budget.js';

/** What the model is to do now. Fields beside the description are shown to it as JSON. */
export interface Task {
  description: string;
  [field: string]: unknown;
}

/** What a prompt shows of a memory. */
export type OfferedMemory = Omit<MemoryEntry, 'revision' | 'storedBy' | 'copies' | 'retractedAt'>;

/** A memory offered to the prompt; the higher the score, the sooner. */
export interface RelevantMemory extends Pick<ScoredMemory, 'score'> {
  memory: OfferedMemory;
  /** `counter.count(memoryLine(memory))`, where the caller has it at hand; counted here otherwise. */
  tokens?: number;
}

/** Something that could not be done as well as usual, such as a search without its embeddings. */
export interface Degradation {
  code: string;
  detail: string;
}

export interface CompileInput {
  /** May be empty: then there is no system message. */
  systemPrompt: string;
  /** Oldest first, with the counts they were stored with. */
  sessionMessages: readonly StoredMessage[];
  /** In any order; ranked by score. */
  relevantMemories: readonly RelevantMemory[];
  task: Task;
  /** One of the budget's tiers; absent: its default. */
  modelTier?: string;
  /** Absent: as the budget says. */
  spillOver?: boolean;
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
