import { characterBound } from '../tokens/character-bounds.js';

/**
 * Longest chunk, in UTF-16 units. Against whole memories 900 finds 6.6 points more in long ones (R@10, BEAM
 * 38.8 → 45.4); 1,500 finds 1.0 less than 900; 450 finds 0.8 more, within the noise, with twice the vectors.
 */
export const MAX_CHUNK = 900;

/** Where a text may be cut, the best first: after a paragraph, a line, a sentence, a clause, a word. */
const BREAKS = [
  /\n\s*\n/g,
  /\n/g,
  /[.!?]["')\]]*\s+|[。！？]["'”’」』)\]]*\s*/g,
  /[;,:]\s+|[；，、：]\s*/g,
  /\s+/g,
];

/**
 * A text in chunks of at most {@link MAX_CHUNK} UTF-16 units, without the blanks around them, in order. There is always
 * one, if only an empty one. A chunk ends after the last paragraph that ends in the second half of what it could
 * hold, or else after the last line, sentence, clause or word; where there is none, between two characters
 * (UAX #29). Takes time linear in the text.
 */
export function chunksOf(text: string): string[] {
  const chunks: string[] = [];
  let rest = text.trim();
  while (rest.length > MAX_CHUNK) {
    const cut = cutOf(rest);
    chunks.push(rest.slice(0, cut).trimEnd());
    rest = rest.slice(cut).trimStart();
  }
  chunks.push(rest);
  return chunks;
}

/** Looks at no more than a chunk, and is at least half of one. */
function cutOf(rest: string): number {
  const most = rest.slice(0, MAX_CHUNK);
  for (const pattern of BREAKS) {
    let cut = 0;
    for (const { index, 0: found } of most.matchAll(pattern)) cut = index + found.length;
    if (cut > MAX_CHUNK / 2) return cut;
  }
  return Math.max(characterBound(rest, MAX_CHUNK, 'start'), 1);
}
