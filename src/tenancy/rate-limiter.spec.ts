import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { RateLimitedError } from '../errors.js';
import type { ExchangeRates } from './rate-buckets.js';
import { RateLimiter } from './rate-limiter.js';

/** A limiter whose clock stands until it is moved. */
function atRest(): { limiter: RateLimiter; pass: (ms: number) => void } {
  let now = 1_000_000;
  return { limiter: new RateLimiter(undefined, () => now), pass: (ms) => (now += ms) };
}

async function admitted(
  limiter: RateLimiter,
  tenant: string,
  rate: number,
  attempts: number,
): Promise<number> {
  let count = 0;
  for (let attempt = 0; attempt < attempts; attempt += 1)
    try {
      await limiter.admit(tenant, rate);
      count += 1;
    } catch (error) {
      expect(error).toBeInstanceOf(RateLimitedError);
    }
  return count;
}

describe('RateLimiter', () => {
  it('admits twice the rate at once, and then the rate', async () => {
    const { limiter, pass } = atRest();
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(20);
    pass(1_000);
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(10);
    pass(60_000);
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(20);
  });

  it('spreads what it admits under a flood: one by one, never in clumps', async () => {
    const { limiter, pass } = atRest();
    await admitted(limiter, 'loud', 200, 1_000);
    const perTick: number[] = [];
    for (let tick = 0; tick < 100; tick += 1) {
      pass(10);
      perTick.push(await admitted(limiter, 'loud', 200, 20));
    }
    expect(Math.max(...perTick)).toBeLessThanOrEqual(3);
    expect(perTick.reduce((sum, count) => sum + count)).toBe(200);
  });

  it('counts each tenant by itself, and a changed rate at once', async () => {
    const { limiter, pass } = atRest();
    expect(await admitted(limiter, 'loud', 1, 50)).toBe(2);
    expect(await admitted(limiter, 'calm', 1, 1)).toBe(1);
    pass(1_000);
    expect(await admitted(limiter, 'loud', 5, 50)).toBe(5);
    pass(60_000);
    expect(await admitted(limiter, 'loud', 1, 50)).toBe(2);
  });

  it('begins with what the database told of a tenant who is new to it', async () => {
    const { limiter } = atRest();
    await limiter.admit('acme', 10, 1.5);
    await expect(limiter.admit('acme', 10, 20)).rejects.toThrow(RateLimitedError);
    await expect(limiter.admit('owing', 10, -35)).rejects.toMatchObject({ extensions: { retryAfter: 4 } });
  });

  it('says how long to wait, in whole seconds', async () => {
    const { limiter } = atRest();
    await admitted(limiter, 'slow', 0.1, 1);
    await expect(limiter.admit('slow', 0.1)).rejects.toMatchObject({ extensions: { retryAfter: 8 } });
  });

  it('survives a clock that is set back, and forgets tenants who are gone', async () => {
    const { limiter, pass } = atRest();
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(20);
    pass(-3_600_000);
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(0);
    pass(1_000);
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(10);
    for (let tenant = 0; tenant < 100_000; tenant += 1) await limiter.admit(`t${tenant}`, 10);
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(20);
    expect(await admitted(limiter, 't99999', 10, 100)).toBe(19);
  });
});

/** Processes on one bucket and one clock; an exchange arrives and is answered when `deliver` says so. */
function together(processes: number): {
  limiters: RateLimiter[];
  pass: (ms: number) => void;
  deliver: () => Promise<void>;
} {
  let now = 0;
  let bucket: { tokens: number; at: number } | undefined;
  const under: (() => void)[] = [];
  const exchange: ExchangeRates = ({ rate, admitted: told, waiting }) =>
    new Promise((fulfil) => {
      under.push(() => {
        const before =
          Math.min(2 * rate, bucket ? bucket.tokens + ((now - bucket.at) / 1_000) * rate : Infinity) - told;
        const granted = Math.min(Math.max(Math.floor(before), 0), waiting);
        bucket = { tokens: before - granted, at: now };
        const answer = { tokens: bucket.tokens, granted };
        under.push(() => {
          fulfil(answer);
        });
      });
    });
  return {
    limiters: Array.from({ length: processes }, () => new RateLimiter(exchange, () => now)),
    pass: (ms) => (now += ms),
    deliver: async () => {
      for (const step of under.splice(0)) step();
      await new Promise(setImmediate);
    },
  };
}

describe('a rate over several processes', () => {
  it('is never more than the rate, the burst, and a tenth of a second of each process', async () => {
    const step = fc.record({
      process: fc.nat(2),
      requests: fc.nat(60),
      ms: fc.nat(400),
      isDelivered: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(1, 5, 50), fc.array(step, { maxLength: 40 }), async (rate, steps) => {
        const { limiters, pass, deliver } = together(3);
        const allowed = (ms: number): number => rate * (ms / 1_000 + 2) + 3 * Math.max(1, rate / 10);
        let now = 0;
        const at: number[] = [];
        for (const { process, requests, ms, isDelivered } of steps) {
          for (let request = 0; request < requests; request += 1)
            void limiters[process]?.admit('acme', rate).then(
              () => at.push(now),
              () => undefined,
            );
          if (isDelivered) await deliver();
          else await new Promise(setImmediate);
          pass(ms);
          now += ms;
        }
        // Whoever waits is let in at the moment of the exchange, and hears of it up to a step later.
        const overshoot = at.flatMap((from, first) =>
          at.slice(first).map((to, index) => index + 1 - allowed(to - from + 400)),
        );
        expect(overshoot.filter((requests) => requests > 1e-6)).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it('is what one process may send, when only one is asked', async () => {
    const { limiters, pass, deliver } = together(3);
    let count = 0;
    for (let second = 0; second < 10; second += 1) {
      for (let request = 0; request < 200; request += 1)
        void limiters[0]?.admit('acme', 50).then(
          () => (count += 1),
          () => undefined,
        );
      for (let round = 0; round < 4; round += 1) await deliver();
      pass(1_000);
    }
    expect(count).toBe(100 + 9 * 50);
  });

  it('is owed when it was too much: in the long run it is the rate', async () => {
    const { limiters, pass, deliver } = together(3);
    let count = 0;
    for (let tick = 0; tick < 600; tick += 1) {
      for (const limiter of limiters)
        for (let request = 0; request < 20; request += 1)
          void limiter.admit('acme', 50).then(
            () => (count += 1),
            () => undefined,
          );
      await deliver();
      pass(100);
    }
    expect(count).toBeLessThanOrEqual(50 * 62 + 15);
    expect(count).toBeGreaterThanOrEqual(50 * 60);
  });

  it('goes on by what each process knows while the database is away', async () => {
    const away: ExchangeRates = () => Promise.reject(new Error('away'));
    const limiter = new RateLimiter(away, () => 0);
    expect(await admitted(limiter, 'acme', 10, 100)).toBe(20);
  });

  it('judges those too who came while it was being told in vain', async () => {
    let fail: (error: Error) => void = () => undefined;
    let exchanges = 0;
    const away: ExchangeRates = () =>
      new Promise((_, reject) => {
        exchanges += 1;
        fail = reject;
      });
    const limiter = new RateLimiter(away, () => 0);
    await limiter.admit('acme', 10);
    const waiting = [limiter.admit('acme', 10), limiter.admit('acme', 10)];
    fail(new Error('away'));
    await Promise.all(waiting);
    expect(exchanges).toBe(1);
  });
});
