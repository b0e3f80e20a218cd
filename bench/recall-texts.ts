import { uniform } from './random.js';

/** Characters of a memory. */
export const LENGTH = 200;

/** A little less than half of what people write, and none of what they look for. */
const FUNCTION_WORDS = (
  'the to and a of in is it you that for on with this are as be have at not we if or from our but they by which so ' +
  'there all what when about more out up some them into just only could then should after before because while'
).split(' ');
const SYLLABLES = 'ba ce di fo gu ha ki lo mu ne po ra si ta vo we za bri clo dra fle gra pla ster tro'.split(
  ' ',
);
/** A vocabulary of the size that a person uses; its nth word comes with a frequency of 1 / (n + 30), as Mandelbrot has it. */
const VOCABULARY = 20_000;
const OFFSET = 30;
const SHARE_OF_FUNCTION_WORDS = 0.4;

/**
 * The nth memory's text, 200 characters: words by Zipf's law, about as many different ones that tell something as in
 * English.
 */
export function memoryText(n: number): string {
  const random = warm(n);
  let text = '';
  while (text.length < LENGTH)
    text += `${random() < SHARE_OF_FUNCTION_WORDS ? functionWord(random) : contentWord(random)} `;
  return text.slice(0, LENGTH - 1) + '.';
}

/** A question of the nth memory, with four words of it, in lower case: no peer looks for names in it. */
export function questionOn(n: number): string {
  const known = memoryText(n)
    .split(' ')
    .slice(0, -1)
    .filter((word) => !FUNCTION_WORDS.includes(word));
  return `what about ${known.slice(0, 2).join(' and ')} when ${known.slice(2, 4).join(' or ')}`;
}

function functionWord(random: () => number): string {
  return FUNCTION_WORDS[Math.floor(random() * FUNCTION_WORDS.length)] ?? '';
}

function contentWord(random: () => number): string {
  // Of equal logarithmic steps each is as likely as the next.
  let rank = Math.floor(OFFSET * (1 + VOCABULARY / OFFSET) ** random()) - OFFSET;
  // Scattered, so that the frequent words are not the short ones alone.
  rank = (rank * 7_919) % VOCABULARY;
  let word = SYLLABLES[rank % SYLLABLES.length] ?? '';
  for (let rest = Math.floor(rank / SYLLABLES.length); rest > 0; rest = Math.floor(rest / SYLLABLES.length))
    word += SYLLABLES[rest % SYLLABLES.length] ?? '';
  return word;
}

function warm(n: number): () => number {
  const random = uniform(Math.imul(n + 1, 0x9e3779b1) >>> 0);
  for (let draw = 0; draw < 8; draw += 1) random();
  return random;
}
