import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { printable } from './audit-log.js';

describe('printable', () => {
  it('leaves what can be seen as it is', () => {
    for (const text of ['trip-7', 'a b:c/d', 'Zürich', '日本', 'naïve “quotes”', ''])
      expect(printable(text)).toBe(text);
  });

  it('shows what ends a line, moves the cursor or turns the writing', () => {
    expect(printable('\n\r\t\0\u001b\u0085\u009b')).toBe(String.raw`\u{a}\u{d}\u{9}\u{0}\u{1b}\u{85}\u{9b}`);
    expect(printable('\u2028\u2029\u202e\u2066\u200f\ufeff\ud800')).toBe(
      String.raw`\u{2028}\u{2029}\u{202e}\u{2066}\u{200f}\u{feff}\u{d800}`,
    );
  });

  it('always gives one visible line, and never the same for two texts', () => {
    const text = fc.string({
      unit: fc.oneof(
        fc.constantFrom('\n', '\\', 'u', '{', 'a', '}'),
        fc.string({ unit: 'binary', maxLength: 1 }),
      ),
    });
    fc.assert(
      fc.property(text, text, (one, other) => {
        expect(printable(one)).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
        if (one !== other) expect(printable(one)).not.toBe(printable(other));
      }),
    );
  });
});
