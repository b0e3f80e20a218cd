import { uniform } from './uniform.js';

/** Shorter words are seldom what a question is about. */
const SHORTEST = 4;
const LETTERS = 'abcdefghijklmnopqrstuvwxyz';

/**
 * A question with one letter wrong in one of its words: another in its place, left out, put in, or changed with the next. A
 * question without a word of four letters stays as it is.
 * @param seed equal ones make the same mistake
 */
export function misspell(question: string, seed: number): string {
  const words = [...question.matchAll(/\p{L}+/gu)].filter(([word]) => word.length >= SHORTEST);
  let mixed = seed;
  for (const character of question) mixed = (Math.imul(mixed, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  const random = uniform(mixed);
  const below = (bound: number): number => Math.floor(random() * bound);
  const match = words[below(words.length)];
  if (!match) return question;
  const [word] = match;
  return question.slice(0, match.index) + slip(word, below) + question.slice(match.index + word.length);
}

/** Never the word itself. */
function slip(word: string, below: (bound: number) => number): string {
  const at = below(word.length - 1);
  const letter = LETTERS[below(LETTERS.length)] ?? '';
  const [left, here, next, right] = [word.slice(0, at), word[at], word[at + 1], word.slice(at + 2)];
  const slips = [
    `${left}${letter}${next}${right}`,
    `${left}${next}${right}`,
    `${left}${letter}${here}${next}${right}`,
    `${left}${next}${here}${right}`,
  ];
  const first = below(slips.length);
  return slips
    .map((_, index) => slips[(first + index) % slips.length])
    .find((each) => each !== word) as string;
}
