import { describe, expect, it } from '@jest/globals';
import { RecentCounts } from './recent-counts.js';

const text = (name: string, length = 2_000): string => name.padEnd(length, '.');

describe('RecentCounts', () => {
  it('finds a text by what it says', () => {
    const counts = new RecentCounts();
    counts.set(text('one'), 7);
    counts.set(text('\ud800 two'), 8);
    counts.set(text('three', 400_000), 9);
    expect(counts.get(['o', 'ne'.padEnd(1_999, '.')].join(''))).toBe(7);
    expect(counts.get(text('\ud800 two'))).toBe(8);
    expect(counts.get(text('\ufffd two'))).toBeUndefined();
    expect(counts.get(text('three', 400_000))).toBe(9);
    expect(counts.get(text('one', 2_001))).toBeUndefined();
  });

  it('keeps no short text', () => {
    const counts = new RecentCounts();
    counts.set('short', 1);
    expect(counts.get('short')).toBeUndefined();
  });

  it('keeps the 256 that were asked for last', () => {
    const counts = new RecentCounts();
    for (let n = 0; n < 256; n += 1) counts.set(text(`text ${n}`), n);
    expect(counts.get(text('text 0'))).toBe(0);
    counts.set(text('text 256'), 256);
    expect(counts.get(text('text 0'))).toBe(0);
    expect(counts.get(text('text 1'))).toBeUndefined();
    expect(counts.get(text('text 2'))).toBe(2);
  });

  it('knows a text once, however often it was counted at the same time', () => {
    const counts = new RecentCounts();
    for (let n = 0; n < 40; n += 1) counts.set(text('same', 2 ** 20), 5);
    counts.set(text('other', 2 ** 20), 6);
    expect(counts.get(text('same', 2 ** 20))).toBe(5);
    expect(counts.get(text('other', 2 ** 20))).toBe(6);
  });

  it('keeps no more than 16 Mi units of text', () => {
    const counts = new RecentCounts();
    const million = 2 ** 20;
    for (const name of ['a', 'b', 'c', 'd']) counts.set(text(name, 5 * million), 1);
    expect(['a', 'b', 'c', 'd'].map((name) => counts.get(text(name, 5 * million)))).toEqual([
      undefined,
      1,
      1,
      1,
    ]);
    counts.set(text('too long', 16 * million + 1), 1);
    expect(counts.get(text('too long', 16 * million + 1))).toBeUndefined();
    expect(counts.get(text('d', 5 * million))).toBe(1);
  });
});
