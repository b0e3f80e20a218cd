import { memoryLine } from '../memory/memory-line.js';
import { wholeTextOf } from '../session/message-text.js';
import { countMessage } from '../tokens/message-tokens.js';
import { type TokenCounter } from '../tokens/token-counter.js';
import { fitText } from './fit-text.js';
import { BLOCK_HEAD, BLOCK_TAIL, contextBlock } from './memory-block.js';
import { contextMessage } from './prompt.js';
import { type ItemReceipt } from './receipt.js';
import { type HistoryEntry } from './session-history.js';
import { shorteningMark } from './shorten-message.js';
import { type RelevantMemory } from './working-context.js';

export interface RankedMemory extends RelevantMemory {
  /** Of its line. */
  tokens: number;
}

export interface SelectedMemories {
  context: string;
  used: number;
  items: ItemReceipt[];
}

export interface MemoryChoice {
  /** Whether what is sent already says it. */
  isKnown: (memory: RankedMemory) => boolean;
  /** At most this many. */
  limit?: number | undefined;
}

/** A memory that has a place, and how many tokens its line may have. */
interface Placed {
  readonly candidate: RankedMemory;
  room: number;
}

/** While there are others, a memory takes this part of the section at most. */
const PIECE_PART = 1 / 4;
/** But so many tokens of its text in any case. */
const SMALLEST_TEXT = 32;

/**
 * Best first; of equal scores the one that came first. A score that is not a number is the lowest.
 * @param isCounted whether the counts that are given are those of this counter
 */
export function rankMemories(
  counter: TokenCounter,
  memories: readonly RelevantMemory[],
  isCounted = true,
): RankedMemory[] {
  return memories
    .map((relevant) => {
      const { tokens, memory } = relevant;
      const counted = isCounted && tokens !== undefined && Number.isSafeInteger(tokens) && tokens > 0;
      return { ...relevant, tokens: counted ? tokens : counter.count(memoryLine(memory)) };
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
 * does not fit, so that the least relevant go first. For that, a long one counts as a quarter of the section; what is
 * left over in the end goes to the long ones, the most relevant first, and what still does not fit is cut with a visible
 * mark. So one long memory does not stand in the way of all others, and a larger cap never drops what a smaller
 * one kept. One that `isKnown` is not said twice. The lines are counted one by one: a counter adds up over lines.
 */
export function selectMemories(
  counter: TokenCounter,
  ranked: readonly RankedMemory[],
  cap: number,
  { isKnown, limit = Infinity }: MemoryChoice,
): SelectedMemories {
  const frame = ranked.length > 0 ? frameTokens(counter) : 0;
  const news = ranked.filter((candidate) => !isKnown(candidate));
  const placed = placeMemories(counter, news.slice(0, limit), cap - frame, PIECE_PART * cap);
  const lines: string[] = [];
  let used = frame;
  const items = ranked.map((candidate): ItemReceipt => {
    const { memory, score } = candidate;
    const item = { tier: 'memory', id: memory.memoryId, score } as const;
    const place = placed.get(candidate);
    if (!place) {
      const rankOfNews = news.indexOf(candidate);
      const reason = rankOfNews < 0 ? 'in_history' : rankOfNews < limit ? 'over_share' : 'over_limit';
      return { ...item, tokens: candidate.tokens, decision: 'dropped', reason };
    }
    const shown = fitMemory(counter, candidate, Math.floor(place.room));
    lines.push(shown.line);
    used += shown.tokens;
    return shown.tokens === candidate.tokens
      ? { ...item, tokens: shown.tokens, decision: 'kept', reason: 'fits' }
      : { ...item, tokens: shown.tokens, decision: 'shortened', reason: 'over_share' };
  });
  return { context: contextBlock(lines), used: lines.length > 0 ? used : 0, items };
}

/** Recognises memories that kept messages already say: made of one of them, or the same text. */
export function knownFrom(
  history: readonly HistoryEntry[],
  threadId?: string,
): (memory: RankedMemory) => boolean {
  let known: { saidAt: Map<number, string>; texts: Set<string> } | undefined;
  return ({ memory: { content, source, createdAt } }) => {
    known ??= {
      saidAt: new Map(history.map(({ seq, saidAt }) => [seq, saidAt])),
      texts: new Set(history.map(({ message }) => wholeTextOf(message))),
    };
    const { saidAt, texts } = known;
    const isOfThread = threadId !== undefined && source?.threadId === threadId && source.seq !== undefined;
    const said = isOfThread ? saidAt.get(source.seq as number) : undefined;
    // What is older than the message was made of another one, which stood there before the thread was cleared.
    return texts.has(content) || (said !== undefined && createdAt.getTime() >= Date.parse(said));
  };
}

/** @param piece tokens that a memory takes at most while there are others */
function placeMemories(
  counter: TokenCounter,
  news: readonly RankedMemory[],
  cap: number,
  piece: number,
): Map<RankedMemory, Placed> {
  const placed = new Map<RankedMemory, Placed>();
  let left = cap;
  for (const candidate of news) {
    const { tokens } = candidate;
    const room =
      tokens <= piece ? tokens : Math.min(tokens, Math.max(piece, leastTokens(counter, candidate)));
    if (room > left) break;
    placed.set(candidate, { candidate, room });
    left -= room;
  }
  for (const place of placed.values()) {
    const grown = Math.min(place.candidate.tokens, place.room + left);
    left -= grown - place.room;
    place.room = grown;
  }
  return placed;
}

/** The memory's line in at most `room` tokens; its text is cut when it must be. */
function fitMemory(
  counter: TokenCounter,
  candidate: RankedMemory,
  room: number,
): { line: string; tokens: number } {
  const { memory, tokens } = candidate;
  if (tokens <= room) return { line: memoryLine(memory), tokens };
  const cost = (text: string): number => counter.count(shortenedLine(candidate, text));
  const text = fitText(counter, memory.content, room, cost);
  return { line: shortenedLine(candidate, text), tokens: cost(text) };
}

function shortenedLine({ memory, tokens }: RankedMemory, text: string): string {
  return memoryLine({ ...memory, content: text + shorteningMark(tokens) });
}

/** Tokens of the line that shows nothing of the text, and some for the text. */
function leastTokens(counter: TokenCounter, candidate: RankedMemory): number {
  return counter.count(shortenedLine(candidate, '')) + SMALLEST_TEXT;
}

/** The message around the lines: its overhead, role, head and tail. */
function frameTokens(counter: TokenCounter): number {
  return countMessage(counter, contextMessage('')) + counter.count(BLOCK_HEAD) + counter.count(BLOCK_TAIL);
}
