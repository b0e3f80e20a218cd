import { describe, expect, it } from '@jest/globals';
import { setImmediate as tick } from 'node:timers/promises';
import { betweenTurns, TenantTurns } from './tenant-turns.js';

/** Work that ends when it is told to. */
function gate(): { open: () => void; wait: () => Promise<void> } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return {
    open: () => {
      open();
    },
    wait: () => opened,
  };
}

describe('TenantTurns', () => {
  it('works on so many requests of a tenant at once, in the order of asking, and on others beside them', async () => {
    const turns = new TenantTurns(2);
    const { open, wait } = gate();
    const begun: number[] = [];
    const loud = [1, 2, 3, 4].map((request) =>
      turns.take('loud', () => {
        begun.push(request);
        return wait();
      }),
    );
    await tick();
    expect(begun).toEqual([1, 2]);
    expect(await turns.take('calm', () => Promise.resolve('answered'))).toBe('answered');
    open();
    await Promise.all(loud);
    expect(begun).toEqual([1, 2, 3, 4]);
  });

  it('gives the turn away between turns, and takes one again', async () => {
    const turns = new TenantTurns(1);
    const { open, wait } = gate();
    const steps: string[] = [];
    const waiting = turns.take('acme', async () => {
      await betweenTurns(wait);
      steps.push('went on');
    });
    await turns.take('acme', () => {
      steps.push('came between');
      open();
      return tick();
    });
    await waiting;
    expect(steps).toEqual(['came between', 'went on']);
    expect(await turns.take('acme', () => Promise.resolve('free'))).toBe('free');
  });

  it('gives the turn back after an error, between turns too', async () => {
    const turns = new TenantTurns(1);
    const fail = (): Promise<never> => Promise.reject(new Error('no'));
    await expect(turns.take('acme', fail)).rejects.toThrow('no');
    await expect(turns.take('acme', () => betweenTurns(fail))).rejects.toThrow('no');
    expect(await turns.take('acme', () => Promise.resolve('free'))).toBe('free');
  });

  it('refuses a line that is too long', async () => {
    const turns = new TenantTurns(1);
    const { open, wait } = gate();
    const inLine = Array.from({ length: 1_001 }, () => turns.take('acme', wait));
    await expect(turns.take('acme', wait)).rejects.toMatchObject({ code: 'rate_limited' });
    open();
    await Promise.all(inLine);
  });

  it('knows no turns when there is no limit', async () => {
    const turns = new TenantTurns(0);
    const { open, wait } = gate();
    const all = Array.from({ length: 50 }, () => turns.take('acme', () => betweenTurns(wait)));
    open();
    await Promise.all(all);
  });
});
