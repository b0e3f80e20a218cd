import { expect, it } from '@jest/globals';
import { prefersText } from './preferred-type.js';

it.each([
  [undefined, false],
  ['', false],
  ['*/*', false],
  ['application/json', false],
  ['text/html,application/xhtml+xml,*/*;q=0.8', false],
  ['application/json, text/plain, */*', false],
  ['text/plain;q=0.5, application/json;q=0.9', false],
  ['text/plain;q=0', false],
  ['text/plain;q=much', false],
  ['text/plain', true],
  ['Text/Plain; charset=utf-8', true],
  ['text/plain, */*;q=0.1', true],
  ['application/json;q=0.2, text/plain;q=0.9', true],
])('Accept: %s', (accept, expected) => {
  expect(prefersText(accept)).toBe(expected);
});
