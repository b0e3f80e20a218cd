import { describe, expect, it } from '@jest/globals';
import { RateLimitedError } from '../errors.js';
import { RateLimiter } from './rate-limiter.js';

/** A limiter whose clock stands until it is moved. */
function atRest(): { limiter: RateLimiter; pass: (ms: number) => void } {
  let now = 1_000_000;
  return { limiter: new RateLimiter(() => now), pass: (ms) => (now += ms) };
}

function admitted(limiter: RateLimiter, tenant: string, rate: number, attempts: number): number {
  let count = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1)
    try {
      limiter.admit(tenant, rate);
      count += 1;
    } catch (error) {
      expect(error).toBeInstanceOf(RateLimitedError);
    }
  return count;
}

describe('RateLimiter', () => {
  it('admits twice the rate at once, and then the rate', () => {
    const { limiter, pass } = atRest();
    expect(admitted(limiter, 'acme', 10, 100)).toBe(20);
    pass(1_000);
    expect(admitted(limiter, 'acme', 10, 100)).toBe(10);
    pass(60_000);
    expect(admitted(limiter, 'acme', 10, 100)).toBe(20);
  });

  it('spreads what it admits under a flood: one by one, never in clumps', () => {
    const { limiter, pass } = atRest();
    admitted(limiter, 'loud', 200, 1_000);
    const perTick = Array.from({ length: 100 }, () => {
      pass(10);
      return admitted(limiter, 'loud', 200, 20);
    });
    expect(Math.max(...perTick)).toBeLessThanOrEqual(3);
    expect(perTick.reduce((sum, count) => sum + count)).toBe(200);
  });

  it('counts each tenant by itself, and a changed rate at once', () => {
    const { limiter } = atRest();
    expect(admitted(limiter, 'loud', 1, 50)).toBe(2);
    expect(admitted(limiter, 'calm', 1, 1)).toBe(1);
    expect(admitted(limiter, 'loud', 5, 50)).toBe(10);
  });

  it('says how long to wait, in whole seconds', () => {
    const { limiter } = atRest();
    admitted(limiter, 'slow', 0.1, 1);
    expect(() => {
      limiter.admit('slow', 0.1);
    }).toThrow(expect.objectContaining({ extensions: { retryAfter: 8 } }));
  });

  it('survives a clock that is set back, and forgets tenants who are gone', () => {
    const { limiter, pass } = atRest();
    expect(admitted(limiter, 'acme', 10, 100)).toBe(20);
    pass(-3_600_000);
    expect(admitted(limiter, 'acme', 10, 100)).toBe(0);
    pass(1_000);
    expect(admitted(limiter, 'acme', 10, 100)).toBe(10);
    for (let tenant = 0; tenant < 100_000; tenant += 1) limiter.admit(`t${tenant}`, 10);
    expect(admitted(limiter, 'acme', 10, 100)).toBe(20);
    expect(admitted(limiter, 't99999', 10, 100)).toBe(19);
  });
});
