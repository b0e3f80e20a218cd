import { isFunctionWord } from '../embeddings/function-words.js';
import { wordsOf } from '../embeddings/text-features.js';
import { mergeCandidates, type Candidate } from './candidate.js';
import { inConversation } from './conversation-context.js';
import { fuse, type SemanticChannel } from './fusion.js';
import { nameOf } from './heading.js';

/** Both channels, the vectors alone, or the words alone. */
export const RECALL_MODES = ['hybrid', 'semantic', 'lexical'] as const;
export type RecallMode = (typeof RECALL_MODES)[number];

export interface RankedMemory {
  readonly memoryId: string;
  /**
   * How well the memory answers, against the others of this answer: 0 or more, 1 for one that is alone the best of
   * every channel, and above 1 only for a speaker who was asked for (× 1.3) or is the user (× 1.3). Scores of
   * two answers are not comparable; `lexical` and `semantic` are, within one tenant.
   */
  readonly score: number;
  /** BM25 of the best chunk; null when no word of the query stands in it, or words were not looked for. */
  readonly lexical: number | null;
  /** Cosine similarity of the nearest chunk; null when it was not compared. */
  readonly semantic: number | null;
}

export interface RankingOptions {
  readonly mode: RecallMode;
  readonly semantic: SemanticChannel;
  /** Of the query, corrections included, in small letters: a speaker whose name is among them is asked for. */
  readonly words: Iterable<string>;
}

/**
 * Candidates with their neighbours, the best first; of equal scores the highest id, which is the newest. The order
 * in which they come does not matter, and a memory that comes in two rows is one.
 */
export function rank(candidates: readonly Candidate[], options: RankingOptions): RankedMemory[] {
  const { mode, semantic, words } = options;
  const memories = mergeCandidates(candidates);
  const fused = fuse(memories, {
    lexical: mode !== 'semantic',
    semantic: mode === 'lexical' ? undefined : semantic,
  });
  const scores = inConversation(memories, fused, namedBy(words));
  return memories
    .map(({ memoryId, lexical, similarity }, at) => ({
      memoryId,
      score: scores[at] ?? 0,
      lexical: (mode === 'semantic' ? null : lexical) ?? null,
      semantic: (mode === 'lexical' ? null : similarity) ?? null,
    }))
    .sort((one, other) => other.score - one.score || (one.memoryId < other.memoryId ? 1 : -1));
}

/** A first name is enough. Words of two letters are no names, except in scripts where those are whole words. */
function namedBy(words: Iterable<string>): (speaker: string) => boolean {
  const asked = new Set(words);
  const known = new Map<string, boolean>();
  return (speaker) => {
    const isNamed =
      known.get(speaker) ?? wordsOf(nameOf(speaker)).some((word) => isName(word) && asked.has(word));
    known.set(speaker, isNamed);
    return isNamed;
  };
}

function isName(word: string): boolean {
  return !isFunctionWord(word) && !/^[\p{Script=Latin}\p{N}]{1,2}$/u.test(word);
}
