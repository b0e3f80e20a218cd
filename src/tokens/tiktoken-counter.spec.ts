import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import { get_encoding } from 'tiktoken';
import { StartupError } from '../errors.js';
import { ENCODINGS, TiktokenCounter } from './tiktoken-counter.js';

const counters = (['cl100k_base', 'o200k_base', 'gpt2'] as const).map((name) => ({
  name,
  counter: new TiktokenCounter(name),
  plain: get_encoding(name),
}));
const counter = new TiktokenCounter();

const pieces = [
  ...['word', ' word', 'Straße', 'नमस्ते', 'שלום', '中文', 'ภาษาไทย', '👩‍🚀', '🇩🇪', 'e\u0301', '𝒳', '7', '1234'],
  ...[' ', '  ', '\n', '\r\n', '\n\n', '\t', '/', '}', '"}', '{"', '<|endoftext|>', '\u0000', '\u2028', "'s"],
];
/** Texts of all scripts, with lone surrogates and with every kind of break between their pieces. */
const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 60 }),
  fc
    .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 40 })
    .map((units) => String.fromCharCode(...units)),
  fc.array(fc.constantFrom(...pieces), { maxLength: 40 }).map((parts) => parts.join('')),
);
/** The same, and runs that must be cut before they are encoded. */
const longText = fc.oneof(
  anyText,
  fc
    .array(fc.tuple(fc.constantFrom(...pieces), fc.integer({ min: 1, max: 900 })), { maxLength: 6 })
    .map((runs) => runs.map(([piece, times]) => piece.repeat(times)).join('')),
);

describe('TiktokenCounter.count', () => {
  it.each(counters)('is the count of $name itself while no run is long', ({ counter, plain }) => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(counter.count(text)).toBe(plain.encode_ordinary(text).length);
      }),
    );
  });

  it.each(counters)(
    'is the count of $name itself wherever a long text is cut into pieces',
    ({ counter, plain }) => {
      const longRun = /[\p{L}\p{M}]{300}|[^\s\p{L}\p{N}]{300}|\s{300}|\p{N}{300}/u;
      const text = fc
        .array(fc.constantFrom(...pieces), { minLength: 2, maxLength: 12 })
        .map((parts) => parts.join('').repeat(3_000))
        .filter((text) => !longRun.test(text) && /\S [^]|\S\n[^\s/]/u.test(text));
      fc.assert(
        fc.property(text, (text) => {
          const long = text.slice(0, 9_000);
          expect(counter.count(long)).toBe(plain.encode_ordinary(long).length);
        }),
        // Breaks and slashes that some encoding joins with what stands before or after them.
        { numRuns: 15, examples: ['a\n\nb c', '*\n/x y', 'a  b c'].map((unit) => [unit.repeat(3_000)]) },
      );
    },
  );

  it.each(counters)('adds up over lines in $name', ({ counter }) => {
    const line = longText.filter(
      (text) => text !== '' && !/^[\p{White_Space}/]|\p{White_Space}$/u.test(text),
    );
    fc.assert(
      fc.property(line, line, (a, b) => {
        expect(counter.count(`${a}\n${b}`)).toBe(counter.count(`${a}\n`) + counter.count(b));
      }),
    );
  });

  it('takes control tokens, NUL and lone surrogates as plain text', () => {
    expect(counter.count('<|endoftext|>')).toBeGreaterThan(1);
    expect(counter.count('\u0000')).toBeGreaterThan(0);
    expect(counter.count('\ud800')).toBeGreaterThan(0);
    expect(counter.count('')).toBe(0);
  });

  // Each takes minutes, or throws, when its runs are not cut.
  it.each([
    ['one letter', 'a'.repeat(1_000_000), 125_000],
    ['spaces', ' '.repeat(1_000_000), 7_813],
    ['digits', '7'.repeat(300_000), 100_000],
    ['a letter and a mark', 'e\u0301'.repeat(100_000), undefined],
    ['one emoji sequence', '👩‍🚀'.repeat(20_000), undefined],
    ['one ideograph', '中'.repeat(100_000), undefined],
    ['a line without a space', Buffer.alloc(300_000, 'Zm9v+/QmF6').toString(), undefined],
  ])('counts a long run of %s', (_, text, expected) => {
    const tokens = counter.count(text);
    expect(tokens).toBe(expected ?? tokens);
    expect(tokens).toBeGreaterThan(0);
  });

  it('names the known encodings when there is no such one', () => {
    for (const unknown of ['cl100k', '', '__proto__'])
      expect(() => new TiktokenCounter(unknown)).toThrow(StartupError);
    expect(() => new TiktokenCounter('cl100k')).toThrow(ENCODINGS.join(', '));
  });
});

describe('TiktokenCounter.truncate', () => {
  const keep = fc.constantFrom('start' as const, 'end' as const);
  const halves = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
  const loneHalves = (text: string): number => text.match(halves)?.length ?? 0;

  it.each(counters)('keeps an end of the text within the limit ($name)', ({ counter }) => {
    fc.assert(
      fc.property(longText, fc.integer({ min: -2, max: 300 }), keep, (text, maxTokens, side) => {
        const kept = counter.truncate(text, maxTokens, side);
        expect(counter.count(kept)).toBeLessThanOrEqual(Math.max(0, maxTokens));
        expect(side === 'start' ? text.startsWith(kept) : text.endsWith(kept)).toBe(true);
        expect(counter.truncate(text, maxTokens, side)).toBe(kept);
        if (counter.count(text) <= maxTokens) expect(kept).toBe(text);
      }),
    );
  });

  it('splits no character', () => {
    const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' });
    const split = (text: string): string[] => Array.from(graphemes.segment(text), ({ segment }) => segment);
    const joined = fc
      .array(fc.constantFrom('👩‍🚀', '🇩🇪🇫🇷', 'e\u0301', '한', 'நி', '👍🏽', '\r\n', 'a', ' '), { maxLength: 20 })
      .map((parts) => parts.join(''));
    fc.assert(
      fc.property(
        fc.oneof(anyText, joined),
        fc.integer({ min: 0, max: 40 }),
        keep,
        (text, maxTokens, side) => {
          const kept = split(counter.truncate(text, maxTokens, side));
          const all = split(text);
          expect(kept).toEqual(
            side === 'start' ? all.slice(0, kept.length) : all.slice(all.length - kept.length),
          );
        },
      ),
    );
  });

  it('makes no lone surrogate, not even inside a character longer than it looks', () => {
    const giant = `𝒳${'\u{1e8d0}'.repeat(2_000)}`;
    for (let maxTokens = 0; maxTokens < 300; maxTokens += 7)
      for (const side of ['start', 'end'] as const) {
        const kept = counter.truncate(giant, maxTokens, side);
        expect(loneHalves(kept)).toBe(0);
        expect(counter.count(kept)).toBeLessThanOrEqual(maxTokens);
      }
    expect(counter.truncate(giant, 3_000, 'start')).not.toBe('');
  });

  it('uses the room it has', () => {
    const text = 'one two three four five';
    expect(counter.truncate(text, 3, 'start')).toBe('one two three');
    expect(counter.truncate(text, 2, 'end')).toBe(' four five');
    expect(counter.count(counter.truncate('lorem ipsum dolor '.repeat(5_000), 8_000, 'end'))).toBeGreaterThan(
      7_990,
    );
  });

  it('stays within the limit where the kept end is encoded in more tokens than it had in the whole', () => {
    for (let maxTokens = 1; maxTokens < 200; maxTokens++)
      expect(counter.count(counter.truncate('hello'.repeat(300), maxTokens, 'end'))).toBeLessThanOrEqual(
        maxTokens,
      );
  });

  it('gives nothing for no room', () => {
    for (const maxTokens of [0, -1, 0.5, NaN, -Infinity])
      expect(counter.truncate('text', maxTokens, 'start')).toBe('');
    expect(counter.truncate('text', Infinity, 'end')).toBe('text');
  });
});
