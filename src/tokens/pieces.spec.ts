import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { pieceEnd, splitsPair } from './pieces.js';

const RUN = 384;
const LONGEST = 2 * 4_096;

const unit = fc.constantFrom(
  ...[
    'a',
    'word',
    ' ',
    '  ',
    '\n',
    '7',
    '!',
    '中',
    '👩‍🚀',
    '𝒳',
    'e\u0301',
    '\ud800',
    '\udc00',
    'Zm9v+/Q',
    '/',
    '\u2028',
  ],
);
/** Texts of long runs, of one kind or of several in turn. */
const text = fc
  .array(fc.tuple(fc.array(unit, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 4_000 })), {
    maxLength: 5,
  })
  .map((runs) => runs.map(([units, times]) => units.join('').repeat(times)).join(''));

function piecesOf(text: string): string[] {
  const pieces: string[] = [];
  for (let start = 0, end: number; start < text.length; start = end) {
    end = pieceEnd(text, start);
    pieces.push(text.slice(start, end));
  }
  return pieces;
}

describe('pieceEnd', () => {
  // The encoder is quadratic in a run of one kind, and linear in the number of runs: the work is linear in the text.
  it('cuts a text of any kind into pieces of bounded work, which are few', () => {
    const longRun = new RegExp(
      ['\\p{L}', '\\p{N}', '\\s', '[^\\s\\p{L}\\p{N}\\p{M}\\p{Cs}]']
        .map((kind) => `${kind}{${RUN + 2}}`)
        .join('|'),
      'u',
    );
    fc.assert(
      fc.property(text, (text) => {
        const pieces = piecesOf(text);
        expect(pieces.join('') === text).toBe(true);
        expect(pieces.length).toBeLessThanOrEqual(text.length / RUN + 1);
        for (const piece of pieces) {
          expect(piece.length).toBeLessThanOrEqual(LONGEST + 1);
          expect(longRun.test(piece)).toBe(false);
        }
      }),
    );
  });

  it('splits no surrogate pair', () => {
    fc.assert(
      fc.property(text, (text) => {
        let at = 0;
        for (const { length } of piecesOf(text)) expect(splitsPair(text, (at += length))).toBe(false);
      }),
    );
  });
});
