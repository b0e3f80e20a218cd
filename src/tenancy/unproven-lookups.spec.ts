import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TooManyUnknownKeysError } from '../errors.js';
import { UnprovenLookups } from './unproven-lookups.js';

describe('UnprovenLookups', () => {
  let lookups: UnprovenLookups;
  let asked: number;
  const miss = (): Promise<undefined> => {
    asked += 1;
    return Promise.resolve(undefined);
  };
  const hit = (): Promise<string> => {
    asked += 1;
    return Promise.resolve('a key');
  };
  const outcomes = async (times: number, lookUp: () => Promise<string | undefined>): Promise<unknown[]> =>
    (await Promise.allSettled(Array.from({ length: times }, () => lookups.find(lookUp)))).map((settled) =>
      settled.status === 'fulfilled' ? settled.value : (settled.reason as Error).constructor,
    );

  beforeEach(() => {
    [lookups, asked] = [new UnprovenLookups(), 0];
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('refuses the rest of a second once too many have found nothing, without asking', async () => {
    const answers = await outcomes(900, miss);
    expect(new Set(answers)).toEqual(new Set([undefined, TooManyUnknownKeysError]));
    // Up to three others are under way when the last that counts finds nothing.
    expect(asked).toBeGreaterThanOrEqual(100);
    expect(asked).toBeLessThanOrEqual(103);
    await expect(lookups.find(hit)).rejects.toThrow(TooManyUnknownKeysError);
    jest.advanceTimersByTime(1_000);
    expect(await lookups.find(hit)).toBe('a key');
  });

  it('counts no key that there is', async () => {
    expect(new Set(await outcomes(1_000, hit))).toEqual(new Set(['a key']));
    expect(await outcomes(1, miss)).toEqual([undefined]);
  });

  it('asks a few at a time, and bounds those who wait', async () => {
    const free: (() => void)[] = [];
    let [running, most] = [0, 0];
    const slow = async (): Promise<string> => {
      most = Math.max(most, (running += 1));
      await new Promise<void>((resolve) => {
        free.push(resolve);
      });
      running -= 1;
      return 'a key';
    };
    const all = outcomes(1_200, slow);
    for (let done = 0; done < 1_004; done++) {
      while (free.length === 0) await Promise.resolve();
      free.shift()?.();
    }
    const answers = await all;
    expect(most).toBe(4);
    expect(answers.filter((answer) => answer === 'a key')).toHaveLength(1_004);
    expect(answers.filter((answer) => answer === TooManyUnknownKeysError)).toHaveLength(196);
  });

  it('goes on after a look-up that failed', async () => {
    const away = (): Promise<undefined> => Promise.reject(new Error('away'));
    for (let attempt = 0; attempt < 200; attempt++) await expect(lookups.find(away)).rejects.toThrow('away');
    expect(await lookups.find(hit)).toBe('a key');
  });
});
