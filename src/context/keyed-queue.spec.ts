import { describe, expect, it } from '@jest/globals';
import { KeyedQueue } from './keyed-queue.js';

/** A queue whose jobs, numbers, end when they are told to: what is over 10 leaves one that is 10 less. */
class ManualQueue {
  readonly begun: string[] = [];
  readonly queue: KeyedQueue<[key: string, job: number]>;
  readonly #ends = new Map<string, () => void>();

  constructor({ atOnce = 1, maxWaiting = 10 } = {}) {
    this.queue = new KeyedQueue({
      atOnce,
      maxWaiting,
      work: async ([key, job]) => {
        this.begun.push(`${key}${job}`);
        await new Promise<void>((resolve) => this.#ends.set(key, resolve));
        return job > 10 ? [key, job - 10] : undefined;
      },
    });
  }

  offer(...offers: [key: string, job: number][]): void {
    for (const [key, job] of offers) this.queue.offer(key, [key, job]);
  }

  async end(key: string): Promise<void> {
    this.#ends.get(key)?.();
    await new Promise(setImmediate);
  }
}

describe('KeyedQueue', () => {
  it('works on so many at once, and on one of a key', async () => {
    const jobs = new ManualQueue({ atOnce: 2 });
    jobs.offer(['a', 1], ['a', 2], ['b', 1], ['c', 1]);
    expect(jobs.begun).toEqual(['a1', 'b1']);
    await jobs.end('b');
    expect(jobs.begun).toEqual(['a1', 'b1', 'c1']);
    await jobs.end('c');
    expect(jobs.begun).toEqual(['a1', 'b1', 'c1']);
    await jobs.end('a');
    expect(jobs.begun).toEqual(['a1', 'b1', 'c1', 'a2']);
  });

  it('keeps of a key that waits the newest job, in its place', async () => {
    const jobs = new ManualQueue();
    jobs.offer(['a', 1], ['b', 1], ['c', 1], ['b', 2]);
    await jobs.end('a');
    await jobs.end('b');
    expect(jobs.begun).toEqual(['a1', 'b2', 'c1']);
  });

  it('comes back to what is left after all others, unless something newer waits', async () => {
    const jobs = new ManualQueue();
    jobs.offer(['a', 21], ['b', 1]);
    await jobs.end('a');
    await jobs.end('b');
    jobs.offer(['a', 5]);
    await jobs.end('a');
    expect(jobs.begun).toEqual(['a21', 'b1', 'a11', 'a5']);
  });

  it('drops the oldest that waits when there are too many', async () => {
    const jobs = new ManualQueue({ maxWaiting: 2 });
    jobs.offer(['a', 1], ['b', 1], ['c', 1], ['d', 1]);
    for (const key of ['a', 'c', 'd']) await jobs.end(key);
    expect(jobs.begun).toEqual(['a1', 'c1', 'd1']);
  });

  it('is settled when nothing waits and nothing is worked on', async () => {
    const jobs = new ManualQueue();
    await jobs.queue.settled();
    jobs.offer(['a', 11], ['b', 1]);
    let isSettled = false;
    const settled = jobs.queue.settled().then(() => (isSettled = true));
    await jobs.end('a');
    await jobs.end('b');
    expect(isSettled).toBe(false);
    await jobs.end('a');
    await settled;
    expect(jobs.begun).toEqual(['a11', 'b1', 'a1']);
  });

  it('takes nothing and begins nothing once it is stopped', async () => {
    const jobs = new ManualQueue();
    jobs.offer(['a', 11], ['b', 1]);
    jobs.queue.stop();
    jobs.offer(['c', 1]);
    await jobs.end('a');
    await jobs.queue.settled();
    expect(jobs.begun).toEqual(['a11']);
  });
});
