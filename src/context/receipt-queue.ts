import type { Link } from '@opentelemetry/api';
import type { Fingerprints } from '../working-context/shared-prefix.js';
import type { Receipt } from '../working-context/receipt.js';

/** A receipt on its way to the database. */
export interface WaitingReceipt {
  readonly tenantId: string;
  readonly receiptId: string;
  readonly threadId: string;
  /** The session that was compiled, where it is known. */
  readonly sessionId: string | null;
  readonly receipt: Receipt;
  readonly fingerprints: Fingerprints;
  /** To the compile that it is of. */
  readonly link?: Link | undefined;
  /** Whether it may be written now, is being written, or waits for another attempt. */
  state: 'ready' | 'writing' | 'later';
  attempts: number;
}

interface TenantQueue {
  /** Oldest first. */
  readonly receipts: Set<WaitingReceipt>;
  size: number;
}

/** Receipts of one statement, and about how many items they may have together. */
const BATCH = 100;
const BATCH_SIZE = 20_000;

/**
 * The receipts that are not written yet, by tenant. Its size is bounded: the oldest of the tenant that has most goes
 * first, so that no tenant takes the place of another.
 */
export class ReceiptQueue {
  readonly #tenants = new Map<string, TenantQueue>();
  #size = 0;
  #length = 0;

  /** @param capacity items and fingerprints of all receipts together; each takes about 200 bytes */
  constructor(private readonly capacity: number) {}

  get length(): number {
    return this.#length;
  }

  /** Whether any may be written now. */
  get isReady(): boolean {
    for (const { receipts } of this.#tenants.values())
      for (const { state } of receipts) if (state === 'ready') return true;
    return false;
  }

  /** @returns those that had to give way, the new one included when it alone is too large */
  add(waiting: WaitingReceipt): WaitingReceipt[] {
    const queue = this.#tenants.get(waiting.tenantId) ?? { receipts: new Set(), size: 0 };
    this.#tenants.set(waiting.tenantId, queue);
    queue.receipts.add(waiting);
    this.#count(queue, waiting, 1);
    const leftOut: WaitingReceipt[] = [];
    while (this.#size > this.capacity) {
      const oldest = this.#oldestOfLargest();
      if (!oldest) break;
      this.remove(oldest);
      leftOut.push(oldest);
    }
    return leftOut;
  }

  remove(waiting: WaitingReceipt): void {
    const queue = this.#tenants.get(waiting.tenantId);
    if (!queue?.receipts.delete(waiting)) return;
    this.#count(queue, waiting, -1);
    if (queue.receipts.size === 0) this.#tenants.delete(waiting.tenantId);
  }

  /** Those of one tenant that can be written in one statement, oldest first; each tenant in its turn. */
  takeBatch(): WaitingReceipt[] {
    for (const [tenantId, queue] of this.#tenants) {
      const batch: WaitingReceipt[] = [];
      let size = 0;
      for (const waiting of queue.receipts) {
        if (waiting.state !== 'ready') continue;
        if (batch.length === BATCH || (batch.length > 0 && size + sizeOf(waiting) > BATCH_SIZE)) break;
        waiting.state = 'writing';
        size += sizeOf(waiting);
        batch.push(waiting);
      }
      if (batch.length === 0) continue;
      this.#tenants.delete(tenantId);
      this.#tenants.set(tenantId, queue);
      return batch;
    }
    return [];
  }

  find(tenantId: string, receiptId: string): WaitingReceipt | undefined {
    return this.#of(tenantId).find((waiting) => waiting.receiptId === receiptId);
  }

  /** Newest first. */
  ofThread(tenantId: string, threadId: string): WaitingReceipt[] {
    return this.#of(tenantId)
      .filter((waiting) => waiting.threadId === threadId)
      .sort((a, b) => (a.receiptId < b.receiptId ? 1 : -1));
  }

  clear(): void {
    this.#tenants.clear();
    this.#size = 0;
    this.#length = 0;
  }

  #of(tenantId: string): WaitingReceipt[] {
    return [...(this.#tenants.get(tenantId)?.receipts ?? [])];
  }

  #count(queue: TenantQueue, waiting: WaitingReceipt, sign: 1 | -1): void {
    const size = sign * sizeOf(waiting);
    queue.size += size;
    this.#size += size;
    this.#length += sign;
  }

  #oldestOfLargest(): WaitingReceipt | undefined {
    let largest: TenantQueue | undefined;
    for (const queue of this.#tenants.values())
      if (queue.size > (largest?.size ?? 0) && oldestOf(queue)) largest = queue;
    return largest && oldestOf(largest);
  }
}

/** What is being written is on its way, and frees nothing. */
function oldestOf({ receipts }: TenantQueue): WaitingReceipt | undefined {
  for (const waiting of receipts) if (waiting.state !== 'writing') return waiting;
  return undefined;
}

function sizeOf({ receipt, fingerprints }: WaitingReceipt): number {
  return receipt.items.length + fingerprints.length;
}
