/** Keys that JSON has to escape, each with one that stands before it: V8 of Node 24 and 26 takes some for others. */
export const ESCAPED_KEYS: readonly (readonly [before: string, key: string])[] = [
  ['a', '"'],
  ['b', '\n'],
  ['c', '\0'],
  ['d', '\ud800'],
  ['e', 'x"'],
  ['f', 'C:\\new'],
];

/** The key that V8 takes one for, once it has read it in the same place: it begins as the JSON of that one does. */
export function mistakenFor(key: string): string {
  return JSON.stringify(key).slice(1, 1 + key.length);
}
