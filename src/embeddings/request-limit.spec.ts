import { expect, it } from '@jest/globals';
import { requestsOf } from './request-limit.js';

const words = (line: string): string[] => line.split(' ');

it('puts into a request what it takes, by number and by length, in order', () => {
  const lines = ['a b', 'c', 'd e f', 'g', 'hhhhhhhhhhhh', 'i'];
  expect(requestsOf(lines, words, { texts: 3, length: 8 })).toEqual([
    ['a b', 'c'],
    ['d e f'],
    ['g'],
    ['hhhhhhhhhhhh'],
    ['i'],
  ]);
  expect(requestsOf(lines, words)).toEqual([lines]);
  expect(requestsOf([], words, { texts: 1, length: 1 })).toEqual([]);
});
