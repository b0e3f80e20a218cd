import { splitsPair } from './pieces.js';

/** How far around a cut, in UTF-16 units, characters are looked at; a longer one is cut at a code point. */
const REACH = 512;
/** Where the boundaries between characters lie does not depend on the language. */
const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });

/** The cut nearest to `at`, towards the start or the end of the text, that splits no character (UAX #29). */
export function characterBound(text: string, at: number, towards: 'start' | 'end'): number {
  if (at <= 0 || at >= text.length) return at;
  const from = certainBound(text, at);
  const until = Math.min(text.length, at + REACH);
  const segment = characters.segment(text.slice(from, until)).containing(at - from);
  if (segment) {
    const start = from + segment.index;
    const end = start + segment.segment.length;
    if (start === at) return at;
    if (towards === 'start' && (start > from || isCertain(text, from))) return start;
    if (towards === 'end' && (end < until || until === text.length)) return end;
  }
  return splitsPair(text, at) ? at + (towards === 'start' ? -1 : 1) : at;
}

/** The nearest certain bound before `at`, or the farthest that is looked at. */
function certainBound(text: string, at: number): number {
  const farthest = Math.max(0, at - REACH);
  let from = at - 1;
  while (from > farthest && !isCertain(text, from)) from--;
  return splitsPair(text, from) ? from + 1 : from;
}

/** Before a Latin letter, a digit or plain punctuation a new character begins, whatever stands before it. */
function isCertain(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return at === 0 || (unit >= 0x20 && unit < 0x7f);
}
