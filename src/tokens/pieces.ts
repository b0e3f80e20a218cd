/**
 * Where a text is cut before it is encoded. Byte-pair encoding is quadratic in the length of a pre-token:
 * `'a'` × 100,000 takes tiktoken 9 s and × 1,000,000 makes it throw. So a run of one kind of character is
 * cut every {@link RUN_LIMIT} units. Everything else is cut where every encoding starts a new pre-token anyway
 * (a *seam*), which changes no count and only keeps the pieces small.
 */

/** A multiple of 3 (digits are taken in threes) and of 128 (the longest blank token): such runs stay exact. */
const RUN_LIMIT = 384;
/** The longest way without a seam: a backstop for runs that our Unicode tables and the encoder's see differently. */
const SEAMLESS_LIMIT = 4_096;
/** A piece reaches this length before a seam ends it: long enough to hide the cost of a call into WASM. */
const PIECE_LENGTH = 4_096;

const LETTER = 1;
const SYMBOL = 2;
const NUMBER = 4;
const BLANK = 8;

const SPACE = 0x20;
const NEWLINE = 0x0a;
const SLASH = 0x2f;

/**
 * The pre-tokens that a UTF-16 unit can be part of, as bits. Marks count as letters in `o200k_base` and as
 * symbols elsewhere; halves of a surrogate pair and unassigned characters can be anything but blank.
 */
const KINDS = Uint8Array.from({ length: 0x10000 }, (_, unit) => {
  const character = String.fromCharCode(unit);
  if (/\p{White_Space}/u.test(character)) return BLANK;
  if (/\p{L}/u.test(character)) return LETTER;
  if (/\p{N}/u.test(character)) return NUMBER;
  if (/\p{M}/u.test(character)) return LETTER | SYMBOL;
  return /[\p{Cs}\p{Cn}]/u.test(character) ? LETTER | SYMBOL | NUMBER : SYMBOL;
});

/**
 * End of the piece of `text` that starts at `start`: a pure function of the text, linear in the piece, at
 * most `PIECE_LENGTH + SEAMLESS_LIMIT` units away and never inside a surrogate pair.
 */
export function pieceEnd(text: string, start: number): number {
  let kind = kindAt(text, start);
  let run = 1;
  let seam = start;
  for (let at = start + 1; at < text.length; at++) {
    const here = kindAt(text, at);
    const shared = kind & here;
    if (isSeam(text, at, here)) {
      if (at - start >= PIECE_LENGTH) return at;
      seam = at;
    } else if (((shared && run >= RUN_LIMIT) || at - seam >= SEAMLESS_LIMIT) && !splitsPair(text, at)) {
      return at;
    }
    run = shared ? run + 1 : 1;
    kind = shared || here;
  }
  return text.length;
}

/** Before a single space or after a single newline: no pre-token of any encoding reaches across. */
function isSeam(text: string, at: number, here: number): boolean {
  if (here === BLANK) return text.charCodeAt(at) === SPACE && kindAt(text, at - 1) !== BLANK;
  // `o200k_base` takes slashes after a newline into the pre-token before it.
  if (text.charCodeAt(at - 1) !== NEWLINE || text.charCodeAt(at) === SLASH) return false;
  return at >= 2 && kindAt(text, at - 2) !== BLANK;
}

/** True when a cut at `at` would fall between the halves of a surrogate pair. */
export function splitsPair(text: string, at: number): boolean {
  return isHalf(text.charCodeAt(at), 0xdc00) && isHalf(text.charCodeAt(at - 1), 0xd800);
}

/** `base` is 0xd800 for a first half, 0xdc00 for a second; NaN, past the ends of a text, is neither. */
function isHalf(unit: number, base: number): boolean {
  return unit >= base && unit < base + 0x400;
}

function kindAt(text: string, at: number): number {
  return KINDS[text.charCodeAt(at)] ?? BLANK;
}
