import { describe, expect, it } from '@jest/globals';
import { bearerToken } from './bearer-token.js';

const of = (authorization?: string | string[]): string | undefined =>
  bearerToken({ headers: { authorization } });

describe('bearerToken', () => {
  it.each(['Bearer abc.d-e_f~+/==', 'bearer abc.d-e_f~+/==', 'BEARER   abc.d-e_f~+/=='])(
    'reads %p',
    (header) => {
      expect(of(header)).toBe('abc.d-e_f~+/==');
    },
  );

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearerabc',
    'Bearer\tabc',
    ' Bearer abc',
    'Bearer abc ',
    'Bearer a b',
    'Bearer abc, Bearer abc',
    'Bearer =abc',
    'Bearer ä',
    'Basic abc',
    'Token abc',
    `Bearer ${'x'.repeat(8_192)}`,
    ['Bearer abc'],
  ])('finds none in %p', (header) => {
    expect(of(header)).toBeUndefined();
  });

  it('finds none when the header stands twice, in any spelling', () => {
    const headers = { authorization: 'Bearer abc' };
    const rawHeaders = ['Authorization', 'Bearer abc', 'AUTHORIZATION', 'Bearer def'];
    expect(bearerToken({ headers, raw: { rawHeaders } })).toBeUndefined();
    expect(
      bearerToken({ headers, raw: { rawHeaders: ['x', 'authorization', 'authorization', 'Bearer abc'] } }),
    ).toBe('abc');
  });
});
