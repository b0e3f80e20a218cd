/** Where in a text something stands, both from 1 on. */
export interface Place {
  line: number;
  column: number;
}

export interface JsonFault extends Place {
  /** What is wrong there, a sentence without a full stop. */
  message: string;
}

type Expected = 'value' | 'value or ]' | 'key' | 'key or }' | ':' | ', or end' | 'nothing';

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const WORDS = ['true', 'false', 'null'];

/**
 * The first place at which a text is no JSON; undefined where all of it is. `JSON.parse` says this too, but each browser in
 * words and numbers of its own, and some without a place.
 * @param onNumber is told each number as it is written, and where
 */
export function jsonFault(
  text: string,
  onNumber?: (written: string, at: number) => void,
): JsonFault | undefined {
  const open: ('{' | '[')[] = [];
  let expected: Expected = 'value';
  let at = 0;
  const fault = (message: string, where = at): JsonFault => ({ ...placeOf(text, where), message });
  const afterValue = (): Expected => (open.length === 0 ? 'nothing' : ', or end');

  for (;;) {
    while (isSpace(text.charCodeAt(at))) at++;
    const character = text[at];
    if (character === undefined) {
      if (expected === 'nothing') return undefined;
      if (text.trim() === '') return fault('there is nothing but white space', 0);
      return fault(
        `the text ends here, in the middle of ${open.length > 0 ? `${open.length} open brackets` : 'a value'}`,
      );
    }
    if (expected === 'nothing') return fault(`there is more after the end: ${shown(character)}`);
    if (expected === ':') {
      if (character !== ':')
        return fault(`a colon is missing after the name of a field, before ${shown(character)}`);
      at++;
      expected = 'value';
    } else if (expected === ', or end') {
      const isObject = open.at(-1) === '{';
      if (character === ',') expected = isObject ? 'key' : 'value';
      else if (character === (isObject ? '}' : ']')) {
        open.pop();
        expected = afterValue();
      } else return fault(`a comma or ${isObject ? '}' : ']'} is missing before ${shown(character)}`);
      at++;
    } else if (
      (expected === 'key or }' && character === '}') ||
      (expected === 'value or ]' && character === ']')
    ) {
      open.pop();
      expected = afterValue();
      at++;
    } else if (expected === 'key' || expected === 'key or }') {
      if (character !== '"')
        return fault(`the name of a field in double quotes should stand here, not ${shown(character)}`);
      const end = endOfText(text, at);
      if (typeof end !== 'number') return fault(end.message, end.at);
      at = end;
      expected = ':';
    } else if (character === '"') {
      const end = endOfText(text, at);
      if (typeof end !== 'number') return fault(end.message, end.at);
      at = end;
      expected = afterValue();
    } else if (character === '{' || character === '[') {
      open.push(character);
      expected = character === '{' ? 'key or }' : 'value or ]';
      at++;
    } else {
      const word = WORDS.find((word) => text.startsWith(word, at));
      NUMBER.lastIndex = at;
      const written = word ?? NUMBER.exec(text)?.[0];
      if (written === undefined) return fault(`a value should stand here, not ${shown(character)}`);
      if (word === undefined) onNumber?.(written, at);
      at += written.length;
      expected = afterValue();
    }
  }
}

export function placeOf(text: string, at: number): Place {
  let line = 1;
  let start = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < at; end = text.indexOf('\n', start)) {
    line++;
    start = end + 1;
  }
  return { line, column: at - start + 1 };
}

/** Behind the closing quote of the text that begins at `start`, or what is wrong in it. */
function endOfText(text: string, start: number): number | { message: string; at: number } {
  for (let at = start + 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === 0x22) return at + 1;
    if (code < 0x20)
      return { message: 'a line break or another control character stands unescaped in a text', at };
    if (code !== 0x5c) continue;
    const escape = /^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/.exec(text.slice(at, at + 6));
    if (!escape) return { message: `${shown(text.slice(at, at + 2))} is no escape of JSON`, at };
    at += escape[0].length - 1;
  }
  return { message: 'a text begins here and is never closed', at: start };
}

function isSpace(code: number): boolean {
  return code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;
}

/** As it may be shown in a sentence: what is invisible by its number. */
function shown(text: string): string {
  return /^[\p{L}\p{N}\p{P}\p{S} ]+$/u.test(text)
    ? `“${text}”`
    : Array.from(
        text,
        (character) => `U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
      ).join(' ');
}
