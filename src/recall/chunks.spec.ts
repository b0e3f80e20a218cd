import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { chunksOf, MAX_CHUNK } from './chunks.js';

const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const sentence = (length: number): string => `${'word '.repeat(length / 5 - 1)}end.`;
const withoutBlanks = (text: string): string => text.replace(/\s+/g, '');

/** Texts of parts that a cut may fall into or between. */
const text = fc
  .array(
    fc.oneof(
      fc.constantFrom(' ', '\n', '\n\n', '. ', '? ', ', ', '。', '，', '\r\n', '\t'),
      fc.constantFrom('a', 'word', '漢字', '👩‍👩‍👧‍👦', 'e\u0301', '각', 'नि', '🇩🇪x', '\ud800', 'x'.repeat(500)),
      fc.string({ unit: 'binary', maxLength: 20 }),
    ),
    { maxLength: 400 },
  )
  .map((parts) => parts.join(''));

describe('chunks', () => {
  it('leave a short text whole, and are at least one', () => {
    expect(chunksOf('  Hello,\n\nyou.  ')).toEqual(['Hello,\n\nyou.']);
    expect(chunksOf('')).toEqual(['']);
    expect(chunksOf(' \n '.repeat(1_000))).toEqual(['']);
    expect(chunksOf('x'.repeat(MAX_CHUNK))).toHaveLength(1);
  });

  it.each([
    ['a paragraph', `${sentence(500)}\n\n`, `${sentence(100)}\n${sentence(200)} ${sentence(300)}`],
    ['a line', `${sentence(500)}\n`, `${sentence(200)} ${sentence(400)}`],
    ['a sentence', `${sentence(500)} `, 'one, two, three '.repeat(40)],
    ['a sentence in quotes', `"${sentence(500)}") `, 'one, two, three '.repeat(40)],
    ['a sentence without a space', `${'漢字'.repeat(300)}。`, '漢，字'.repeat(200)],
    ['a clause', `${'word '.repeat(120)}word; `, 'one two three '.repeat(60)],
    ['a word', 'word '.repeat(110), 'x'.repeat(700)],
  ])('end after %s rather than later', (_name, first, second) => {
    expect(chunksOf(first + second)[0]).toBe(first.trim());
  });

  it('have no blanks around them, however many lie between', () => {
    expect(chunksOf(`${'x'.repeat(600)}${' \n'.repeat(2_000)}y`)).toEqual(['x'.repeat(600), 'y']);
  });

  it('do not end after a paragraph of less than half a chunk', () => {
    expect(chunksOf(`${sentence(400)}\n\n${sentence(450)} ${sentence(300)}`)[0]).toHaveLength(850);
  });

  it('hold all that was said, in order, in no more than their length', () => {
    fc.assert(
      fc.property(text, (said) => {
        const chunks = chunksOf(said);
        expect(withoutBlanks(chunks.join(''))).toBe(withoutBlanks(said));
        for (const chunk of chunks) {
          expect(chunk.length).toBeLessThanOrEqual(MAX_CHUNK);
          expect(chunk).toBe(chunk.trim());
          if (chunks.length > 1) expect(chunk).not.toBe('');
        }
      }),
    );
  });

  it.each(['👩‍👩‍👧‍👦', 'e\u0301\u0302', '각', '🏳️‍🌈', '𝒳'])('cut no character such as %s', (character) => {
    for (const shift of [0, 1, 2, 3, 5]) {
      const chunks = chunksOf('x'.repeat(shift) + character.repeat(400));
      for (const chunk of chunks)
        for (const { segment } of characters.segment(chunk.replace(/^x+/, '')))
          expect(segment).toBe(character);
    }
  });

  // Were the time quadratic in the length, this would take minutes.
  it.each(['x', ' x', '\n', '\n x', '? "', 'é', '\u0301', '👩‍👩‍👧‍👦', '漢', '漢。', ', ', '."\')', '\ud83d'])(
    'take a long text of %j alone',
    (part) => {
      const said = `x${part.repeat(300_000 / part.length)}x`;
      expect(chunksOf(said).every(({ length }) => length <= MAX_CHUNK)).toBe(true);
    },
  );
});
