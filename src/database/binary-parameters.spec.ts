import { describe, expect, it } from '@jest/globals';
import { halfvec, uuidArray, varbit, varbitArray } from './binary-parameters.js';

/** That PostgreSQL reads them as it reads text is tested in test/binary-parameters.spec.ts. */
describe('binary parameters', () => {
  it.each<[string, number, string]>([
    ['1', 1, '3c00'],
    ['-2', -2, 'c000'],
    ['0', 0, '0000'],
    ['-0', -0, '8000'],
    ['1/3', 1 / 3, '3555'],
    ['the largest', 65_504, '7bff'],
    ['the last that is rounded to it', 65_519.99, '7bff'],
    ['the least normal', 2 ** -14, '0400'],
    ['the least', 2 ** -24, '0001'],
    ['half of the least, a tie', 2 ** -25, '0000'],
    ['a little more', 2 ** -25 * 1.001, '0001'],
    ['a tie between two, up to the even', 1 + 3 * 2 ** -11, '3c02'],
    ['a tie between two, down to the even', 1 + 2 ** -11, '3c00'],
    ['beyond, which PostgreSQL refuses', 65_520, '7c00'],
    ['no number, which PostgreSQL refuses', NaN, '7c00'],
  ])('a number of half precision: %s', (_, value, bits) => {
    expect(halfvec([value]).toString('hex')).toBe(`00010000${bits}`);
  });

  it('bits, after their number', () => {
    expect(varbit(Buffer.from('80ff', 'hex')).toString('hex')).toBe('0000001080ff');
    expect(varbit(Buffer.alloc(0)).toString('hex')).toBe('00000000');
  });

  it('arrays, each item after its length', () => {
    const id = '0193a0e0-0000-7000-8000-000000000007';
    const head = (type: string, length: string): string => `00000001${'0'.repeat(8)}${type}${length}00000001`;
    expect(uuidArray([id]).toString('hex')).toBe(
      `${head('00000b86', '00000001')}00000010${id.replaceAll('-', '')}`,
    );
    expect(varbitArray([Buffer.from('07', 'hex'), Buffer.alloc(0)]).toString('hex')).toBe(
      `${head('0000061a', '00000002')}0000000500000008070000000400000000`,
    );
    expect(uuidArray([]).toString('hex')).toBe(head('00000b86', '00000000'));
  });
});
