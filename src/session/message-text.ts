import { isPlainObject } from '../database/storable.js';
import { characterBound } from '../tokens/character-bounds.js';
import type { Message } from './message.js';

/** Of a longer message, in UTF-16 units, only the beginning is found. */
const MAX_TEXT = 100_000;

/** What a message says in words, as far as it is found again. */
export function textOf(message: Message): string {
  const text = wholeTextOf(message);
  return text.slice(0, characterBound(text, MAX_TEXT, 'start'));
}

/** Its content, of parts those of text, one a line. A graph can put whatever it likes there. */
export function wholeTextOf({ content }: { readonly content?: unknown }): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content
    .map((part: unknown) => (isPlainObject(part) && typeof part['text'] === 'string' ? part['text'] : ''))
    .filter(Boolean)
    .join('\n');
}
