import { isPlainObject } from '../database/storable.js';
import { characterBound } from '../tokens/character-bounds.js';
import type { Message } from './message.js';

/** Of a longer message, in UTF-16 units, only the beginning is found. */
const MAX_TEXT = 100_000;

/** What a message says in words: its content, of parts those of text, one a line. */
export function textOf({ content }: Message): string {
  const text =
    typeof content === 'string'
      ? content
      : (content ?? [])
          .map((part: unknown) =>
            isPlainObject(part) && typeof part['text'] === 'string' ? part['text'] : '',
          )
          .filter(Boolean)
          .join('\n');
  return text.slice(0, characterBound(text, MAX_TEXT, 'start'));
}
