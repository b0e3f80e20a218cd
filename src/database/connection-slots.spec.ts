import { describe, expect, it } from '@jest/globals';
import { ConnectionSlots, GivenUpError } from './connection-slots.js';

const never = new AbortController().signal;

describe('ConnectionSlots', () => {
  it('runs so many at a time, in order, and all of them', async () => {
    const slots = new ConnectionSlots(2);
    const begun: number[] = [];
    const ends: (() => void)[] = [];
    let most = 0;
    let running = 0;
    const all = Array.from({ length: 6 }, (_, index) =>
      slots.run(async () => {
        begun.push(index);
        most = Math.max(most, (running += 1));
        await new Promise<void>((resolve) => ends.push(resolve));
        running -= 1;
        return index;
      }, never),
    );
    while (begun.length < 6 || running > 0) {
      await new Promise(setImmediate);
      ends.shift()?.();
    }
    expect(await Promise.all(all)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(begun).toEqual([0, 1, 2, 3, 4, 5]);
    expect(most).toBe(2);
  });

  it('frees the slot of work that fails, and passes by who has given up', async () => {
    const slots = new ConnectionSlots(1);
    let fail: (error: Error) => void = () => undefined;
    const failing = slots.run(() => new Promise<never>((_, reject) => (fail = reject)), never);
    await new Promise(setImmediate);
    const impatient = new AbortController();
    const left = slots.run(() => Promise.resolve('too late'), impatient.signal);
    const patient = slots.run(() => Promise.resolve('done'), never);
    impatient.abort();
    await expect(left).rejects.toThrow(GivenUpError);
    fail(new Error('broken'));
    await expect(failing).rejects.toThrow('broken');
    expect(await patient).toBe('done');
    expect(await slots.run(() => Promise.resolve('again'), never)).toBe('again');
  });
});
