import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { ShortLivedCache } from './short-lived-cache.js';

describe('ShortLivedCache', () => {
  let loads: number;
  const load = (forMs: number) => () => Promise.resolve({ value: (loads += 1), forMs });

  beforeEach(() => {
    loads = 0;
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('keeps an answer for its time, counted from when it was asked for', async () => {
    const cache = new ShortLivedCache<number>(10);
    const slow = async () => {
      jest.advanceTimersByTime(60);
      return { value: await load(0)().then(({ value }) => value), forMs: 100 };
    };
    expect(await cache.get('a', slow)).toBe(1);
    jest.advanceTimersByTime(39);
    expect(await cache.get('a', load(100))).toBe(1);
    jest.advanceTimersByTime(2);
    expect(await cache.get('a', load(100))).toBe(2);
  });

  it('loads once for callers at once, and keeps no failure', async () => {
    const cache = new ShortLivedCache<number>(10);
    expect(await Promise.all([cache.get('a', load(100)), cache.get('a', load(100))])).toEqual([1, 1]);
    await expect(cache.get('b', () => Promise.reject(new Error('away')))).rejects.toThrow('away');
    expect(await cache.get('b', load(100))).toBe(2);
  });

  it('holds no more than its capacity', async () => {
    const cache = new ShortLivedCache<number>(2);
    for (const key of ['a', 'b', 'c']) await cache.get(key, load(100));
    expect(await cache.get('c', load(100))).toBe(3);
    expect(await cache.get('a', load(100))).toBe(4);
  });
});
