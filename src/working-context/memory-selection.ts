import { countMessage } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { BLOCK_HEAD, BLOCK_TAIL, contextBlock, memoryLine } from './memory-block.js';
import { contextMessage } from './prompt.js';
import { type ItemReceipt } from './receipt.js';
import { type HistoryEntry } from './session-history.js';
import { textOf } from './shorten-message.js';
import { type RelevantMemory } from './working-context.js';

export interface RankedMemory extends RelevantMemory {
  line: string;
  /** Of the line. */
  tokens: number;
}

export interface SelectedMemories {
  context: string;
  used: number;
  items: ItemReceipt[];
}

/** Best first; of equal scores the one that came first. A score that is not a number is the lowest. */
export function rankMemories(counter: TokenCounter, memories: readonly RelevantMemory[]): RankedMemory[] {
  return memories
    .map((relevant) => {
      const line = memoryLine(relevant.memory);
      const { tokens } = relevant;
      const counted = tokens !== undefined && Number.isSafeInteger(tokens) && tokens > 0;
      return { ...relevant, line, tokens: counted ? tokens : counter.count(line) };
    })
    .sort((a, b) => rank(b) - rank(a));
}

function rank({ score }: RankedMemory): number {
  return Number.isFinite(score) ? score : -Number.MAX_VALUE;
}

/** Tokens of the section that holds all of these memories. */
export function memoryDemand(counter: TokenCounter, ranked: readonly RankedMemory[]): number {
  return ranked.length === 0 ? 0 : ranked.reduce((total, { tokens }) => total + tokens, frameTokens(counter));
}

/**
 * Chooses the memories that are sent in at most `cap` tokens: from the most relevant down to the first that
 * does not fit, so that the least relevant go first. One that is more than the section by itself stands in
 * nobody's way, and one that `isKnown` is not said twice. The lines are counted one by one: a counter adds up
 * over lines.
 */
export function selectMemories(
  counter: TokenCounter,
  ranked: readonly RankedMemory[],
  cap: number,
  isKnown: (memory: RankedMemory) => boolean,
): SelectedMemories {
  const frame = ranked.length > 0 ? frameTokens(counter) : 0;
  const lines: string[] = [];
  let used = frame;
  let full = false;
  const items = ranked.map((candidate): ItemReceipt => {
    const { line, memory, score, tokens } = candidate;
    const item = { tier: 'memory', id: memory.memoryId, score, tokens } as const;
    if (isKnown(candidate)) return { ...item, decision: 'dropped', reason: 'in_history' };
    if (frame + tokens > cap) return { ...item, decision: 'dropped', reason: 'too_large' };
    full ||= used + tokens > cap;
    if (full) return { ...item, decision: 'dropped', reason: 'over_share' };
    lines.push(line);
    used += tokens;
    return { ...item, decision: 'kept', reason: 'fits' };
  });
  return { context: contextBlock(lines), used: lines.length > 0 ? used : 0, items };
}

/** Recognises memories that kept messages already say: made of one of them, or the same text. */
export function knownFrom(
  history: readonly HistoryEntry[],
  threadId?: string,
): (memory: RankedMemory) => boolean {
  const places = new Set(history.map(({ seq }) => seq));
  const texts = new Set(history.map(({ message }) => textOf(message)));
  return ({ memory: { content, source } }) =>
    texts.has(content) ||
    (threadId !== undefined &&
      source?.threadId === threadId &&
      source.seq !== undefined &&
      places.has(source.seq));
}

/** The message around the lines: its overhead, role, head and tail. */
function frameTokens(counter: TokenCounter): number {
  return countMessage(counter, contextMessage('')) + counter.count(BLOCK_HEAD) + counter.count(BLOCK_TAIL);
}
