import { describe, expect, it } from '@jest/globals';
import * as fc from 'fast-check';
import type { Receipt } from '../working-context/receipt.js';
import { ReceiptQueue, type WaitingReceipt } from './receipt-queue.js';

let ids = 0;
/** A receipt of `size` items. */
function waiting(tenantId: string, size: number, change: Partial<WaitingReceipt> = {}): WaitingReceipt {
  return {
    tenantId,
    receiptId: String((ids += 1)).padStart(8, '0'),
    threadId: 'trip',
    sessionId: null,
    receipt: { items: Array(size).fill({}) } as unknown as Receipt,
    fingerprints: [],
    state: 'ready',
    attempts: 0,
    ...change,
  };
}

describe('ReceiptQueue', () => {
  it('gives each tenant its turn, with all that gathered for it, oldest first', () => {
    const queue = new ReceiptQueue(1_000);
    const [a1, b1, a2] = [waiting('a', 1), waiting('b', 1), waiting('a', 1)];
    for (const each of [a1, b1, a2]) queue.add(each);
    expect(queue.takeBatch()).toEqual([a1, a2]);
    const a3 = waiting('a', 1);
    queue.add(a3);
    expect(queue.takeBatch()).toEqual([b1]);
    expect(queue.takeBatch()).toEqual([a3]);
    expect(queue.takeBatch()).toEqual([]);
  });

  it('shows what is being written until it is removed', () => {
    const queue = new ReceiptQueue(1_000);
    const [older, newer, elsewhere] = [
      waiting('a', 1),
      waiting('a', 1),
      waiting('a', 1, { threadId: 'other' }),
    ];
    for (const each of [older, newer, elsewhere]) queue.add(each);
    queue.takeBatch();
    expect(queue.ofThread('a', 'trip')).toEqual([newer, older]);
    expect(queue.ofThread('b', 'trip')).toEqual([]);
    expect(queue.find('a', older.receiptId)).toBe(older);
    expect(queue.find('b', older.receiptId)).toBeUndefined();
    queue.remove(older);
    expect(queue.find('a', older.receiptId)).toBeUndefined();
    expect(queue.length).toBe(2);
  });

  it('leaves out the oldest of the tenant that has most, and nothing that is being written', () => {
    const queue = new ReceiptQueue(100);
    const [written, oldest, newest] = [waiting('loud', 30), waiting('loud', 30), waiting('loud', 20)];
    const quiet = waiting('quiet', 20);
    queue.add(written);
    queue.takeBatch();
    for (const each of [oldest, newest, quiet]) expect(queue.add(each)).toEqual([]);
    expect(queue.add(waiting('quiet', 15))).toEqual([oldest]);
    expect(queue.find('quiet', quiet.receiptId)).toBe(quiet);
    expect(queue.find('loud', written.receiptId)).toBe(written);
  });

  it('cuts batches by number and by size, and never stops at one that is large by itself', () => {
    const queue = new ReceiptQueue(1_000_000);
    for (let i = 0; i < 250; i += 1) queue.add(waiting('many', 1));
    expect([queue.takeBatch(), queue.takeBatch(), queue.takeBatch()].map(({ length }) => length)).toEqual([
      100, 100, 50,
    ]);
    for (const size of [15_000, 5_000, 15_000, 90_000]) queue.add(waiting('large', size));
    expect([queue.takeBatch(), queue.takeBatch(), queue.takeBatch()].map(({ length }) => length)).toEqual([
      2, 1, 1,
    ]);
  });

  it('never holds more than it may, save for what is being written, and loses count of nothing', () => {
    const step = fc.record({
      tenant: fc.constantFrom('a', 'b', 'c'),
      size: fc.integer({ min: 1, max: 120 }),
      take: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const queue = new ReceiptQueue(100);
        const all = new Set<WaitingReceipt>();
        for (const { tenant, size, take } of steps) {
          const added = waiting(tenant, size);
          all.add(added);
          for (const leftOut of queue.add(added)) all.delete(leftOut);
          const held = [...all].filter(({ state }) => state !== 'writing');
          const writing = [...all].filter(({ state }) => state === 'writing');
          const sizeOf = (some: WaitingReceipt[]): number =>
            some.reduce((total, { receipt }) => total + receipt.items.length, 0);
          expect(held.length === 0 || sizeOf(held) + sizeOf(writing) <= 100).toBe(true);
          if (take)
            for (const done of queue.takeBatch()) {
              queue.remove(done);
              all.delete(done);
            }
          expect(queue.length).toBe(all.size);
        }
      }),
    );
  });
});
