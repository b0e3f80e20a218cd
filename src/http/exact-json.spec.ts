import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidInputError } from '../errors.js';
import { isExact, requireExact } from './exact-json.js';

const check = (text: string): void => {
  requireExact(text, JSON.parse(text));
};

describe('a number in JSON', () => {
  it.each([
    ...['0', '-0', '0.0', '0e9', '1', '1.0', '100', '1e3', '1E+3', '1.50e-7', '-12.5', '9007199254740992'],
    ...['0.1', '0.30000000000000004', '5e-324', '1.7976931348623157e308', '1.7976931348623157E+308'],
    ...['12345678901234567000', '100000000000000000000000', '0.000000000000000000001', '1e23'],
  ])('%s is kept', (number) => {
    expect(isExact(number)).toBe(true);
    check(`{"a":[${number}]}`);
    check(` ${number} `);
  });

  it.each([
    ...['12345678901234567890', '9007199254740993', '-9007199254740993', '0.1234567890123456789012'],
    ...['1e400', '-1e400', '1e-400', '3e-324', '0.30000000000000004440', '1234567.12345678901'],
    '1e99999999999999999999',
  ])('%s is refused, by its name', (number) => {
    expect(isExact(number)).toBe(false);
    for (const text of [number, `[1,${number}]`, `{"a": {"b" : ${number} } }`, `["1e3",2,"\\"",${number}]`])
      expect(() => {
        check(text);
      }).toThrow(number);
    check(JSON.stringify({ a: number, b: `"${number}` }));
  });

  it('is kept whenever JavaScript wrote it', () => {
    fc.assert(
      fc.property(fc.json({ stringUnit: 'binary' }), (text) => {
        check(text);
        check(JSON.stringify(JSON.parse(text), null, 1));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is kept or refused as arithmetic on its digits says', () => {
    const digits = fc.array(fc.constantFrom(...'0123456789'.split('')), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(digits, digits, fc.integer({ min: -30, max: 30 }), (whole, fraction, exponent) => {
        const number = `${BigInt(whole.join(''))}.${fraction.join('')}e${exponent}`;
        expect(isExact(number)).toBe(isSameDecimal(number, String(Number(number))));
      }),
      { numRuns: 2_000 },
    );
  });
});

/** By whole numbers: both scaled by the same power of ten. */
function isSameDecimal(one: string, other: string): boolean {
  const scaled = (text: string): bigint => {
    const [mantissa = '', exponent = '0'] = text.split('e');
    const [whole = '', fraction = ''] = mantissa.split('.');
    return BigInt(whole + fraction) * 10n ** BigInt(200 + Number(exponent) - fraction.length);
  };
  return scaled(one) === scaled(other);
}

describe('a key in JSON', () => {
  it.each(['{"a":1,"a":1}', '[{"b":{"x":[],"é":2 , "\\u00e9" :3}}]', '{"a":{"a":1},"b":0,"a":{"c":"{"}}'])(
    'is refused the second time: %s',
    (text) => {
      expect(() => {
        check(text);
      }).toThrow(InvalidInputError);
      expect(() => {
        check(text);
      }).toThrow(/names the key [aé] twice/);
    },
  );

  it('may stand in two objects, and in texts', () => {
    check('{"a":{"a":[{"a":1},{"a":"a"}]},"b":"\\"a\\":1,\\\\","c":"{\\"a\\":1,\\"a\\":2}"}');
  });
});
