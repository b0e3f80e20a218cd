import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isCorrectable, nearWords } from './near-words.js';

/** Letters added, left out, replaced, and neighbours swapped (Damerau), counted the slow way. */
function distance(first: string, second: string): number {
  const [one, other] = [Array.from(first), Array.from(second)];
  const rows = [Array.from({ length: other.length + 1 }, (_, at) => at)];
  for (let i = 1; i <= one.length; i++) {
    const row = [i];
    for (let j = 1; j <= other.length; j++) {
      const isSame = one[i - 1] === other[j - 1];
      const isSwap = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      row[j] = Math.min(
        (rows[i - 1]?.[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (rows[i - 1]?.[j - 1] ?? 0) + Number(!isSame),
        ...(isSwap ? [(rows[i - 2]?.[j - 2] ?? 0) + 1] : []),
      );
    }
    rows.push(row);
  }
  return rows[one.length]?.[other.length] as number;
}

const letters = (alphabet: string, maxLength = 9): fc.Arbitrary<string> =>
  fc.string({ unit: fc.constantFrom(...Array.from(alphabet)), minLength: 1, maxLength });

/** Of the letters a, b and c, up to a length. */
function allWords(length: number): string[] {
  if (length === 0) return [''];
  const shorter = allWords(length - 1);
  const longest = shorter.filter((word) => word.length === length - 1);
  return [...shorter, ...longest.flatMap((word) => ['a', 'b', 'c'].map((letter) => word + letter))];
}

describe('the words near to one', () => {
  it('are one slip away, each once, and not the word', () => {
    fc.assert(
      fc.property(letters('abcdeäöß𝒳бяω'), (word) => {
        const near = nearWords(word);
        expect(new Set(near).size).toBe(near.length);
        expect(near.filter((other) => distance(word, other) !== 1)).toEqual([]);
      }),
      { numRuns: 40 },
    );
  });

  it('are all that is one slip away in the alphabet', () => {
    const words = allWords(5);
    for (const word of words.filter(({ length }) => length >= 1 && length <= 4)) {
      const near = new Set(nearWords(word));
      const expected = words.filter((other) => distance(word, other) === 1);
      expect(words.filter((other) => near.has(other))).toEqual(expected);
    }
  });

  it.each([
    ['hikng', 'hiking'],
    ['piicnic', 'picnic'],
    ['shetler', 'shelter'],
    ['backerei', 'bäckerei'],
    ['bäckerrei', 'bäckerei'],
    ['senor', 'señor'],
    ['lodz', 'lódz'],
    ['zloty', 'złoty'],
    ['собка', 'собака'],
    ['соака', 'собака'],
    ['καλημερ', 'καλημερα'],
    ['שלם', 'שלום'],
    ['مدسة', 'مدرسة'],
  ])('of %s hold %s', (word, meant) => {
    expect(nearWords(word)).toContain(meant);
  });

  it('are no more than one statement takes, for the longest word', () => {
    expect(nearWords('a'.repeat(64)).length).toBeLessThan(4_000);
    expect(nearWords('abcdefgh'.repeat(8)).length).toBeLessThan(4_500);
  });
});

describe('a word that may be misspelt', () => {
  it.each(['camp', 'собака', 'a'.repeat(64), '𝒳𝒳𝒳𝒳'])('is %s', (word) => {
    expect(isCorrectable(word)).toBe(true);
  });

  it.each(['cam', 'gpt4', '2023', 'a'.repeat(65), '', 'e\u0301e\u0301e\u0301e\u0301', '𝒳𝒳', '小白'])(
    'is not %s',
    (word) => {
      expect(isCorrectable(word)).toBe(false);
    },
  );
});
