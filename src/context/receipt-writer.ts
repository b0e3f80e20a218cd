import { Logger } from '@nestjs/common';
import { AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { isDatabaseUnavailable } from '../database/unavailable.js';
import type { Meter } from '../telemetry/meter.js';
import { activeLink, inLinkedSpan } from '../telemetry/spans.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { encodeFingerprints } from '../working-context/shared-prefix.js';
import { WRITE_RECEIPTS } from './context-receipts.sql.js';
import { ReceiptQueue, type WaitingReceipt } from './receipt-queue.js';
import { createdAtOf, tokensOf } from './stored-receipt.js';

/** 20 MB or so. */
const CAPACITY = 100_000;
/** After 0.1, 0.2, 0.4, 0.8, 1.6 and 3.2 seconds; then the receipt is given up. */
const ATTEMPTS = 7;
const FIRST_PAUSE_MS = 100;
/** A statement for several receipts takes the database a fraction of what one for each does. */
const GATHERING_MS = 50;

export interface ReceiptWriterParts {
  readonly database: Pick<Database, 'query'>;
  readonly tenants: TenantContext;
  /** How many receipts of a thread stay. */
  readonly kept: number;
  readonly capacity?: number;
  readonly meter?: Meter | undefined;
}

/**
 * Writes receipts in the background: one statement at a time, so that of all connections it takes one at most, for one
 * tenant with all that gathered for it meanwhile. It throws nothing and answers nobody: what cannot be written is told to
 * the log.
 */
export class ReceiptWriter {
  readonly queue: ReceiptQueue;
  readonly #logger = new Logger(ReceiptWriter.name);
  /** A write belongs to no request: not to the one, of whatever tenant, that happened to begin it. */
  readonly #outside = new AsyncResource('ReceiptWriter', { requireManualDestroy: true });
  readonly #pauses = new Set<NodeJS.Timeout>();
  #isWriting = false;
  #whenSettled: (() => void)[] = [];
  #overflown = 0;

  constructor(private readonly parts: ReceiptWriterParts) {
    this.queue = new ReceiptQueue(parts.capacity ?? CAPACITY);
  }

  add(receipt: Omit<WaitingReceipt, 'state' | 'attempts'>): void {
    this.#overflown += this.queue.add({
      ...receipt,
      link: activeLink(),
      state: 'ready',
      attempts: 0,
    }).length;
    this.#wake();
  }

  /** Resolves when nothing waits any more. */
  async settled(): Promise<void> {
    if (this.queue.length > 0) await new Promise<void>((resolve) => this.#whenSettled.push(resolve));
  }

  /** What waits until then is not written. */
  stop(): void {
    for (const pause of this.#pauses) clearTimeout(pause);
    this.#leaveOut('stopped', this.queue.length);
    this.queue.clear();
    this.#tellSettled();
  }

  #wake(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    void this.#outside.runInAsyncScope(() => this.#run());
  }

  async #run(): Promise<void> {
    // Whoever compiled is answered first, and what gathers meanwhile goes along in one statement.
    while (this.queue.isReady) {
      await sleep(GATHERING_MS);
      await this.#writeWaiting();
    }
    this.#isWriting = false;
    this.#tellSettled();
  }

  /** As many as wait now; those that come meanwhile gather. */
  async #writeWaiting(): Promise<void> {
    const waiting = this.queue.length;
    let written = 0;
    while (written < waiting) {
      const batch = this.queue.takeBatch();
      if (batch.length === 0) break;
      this.#leaveOut('overflow', this.#overflown);
      this.#overflown = 0;
      await this.#write(batch);
      written += batch.length;
    }
    this.#tellSettled();
  }

  #write(batch: readonly WaitingReceipt[]): Promise<void> {
    return inLinkedSpan(
      'write receipts',
      batch.map(({ link }) => link),
      (span) => {
        span.setAttribute('triptych.receipts', batch.length);
        return this.#writeBatch(batch);
      },
    );
  }

  async #writeBatch(batch: readonly WaitingReceipt[]): Promise<void> {
    let locked: readonly WaitingReceipt[] = [];
    try {
      const ids = new Set(await this.#insert(batch));
      locked = batch.filter(({ receiptId }) => ids.has(receiptId));
    } catch (error) {
      if (isDatabaseUnavailable(error)) locked = batch;
      else if (batch.length === 1) this.#leaveOut('refused', 1, error);
      else {
        // One that cannot be stored takes no others along.
        for (const waiting of batch) await this.#write([waiting]);
        return;
      }
    }
    const again = locked.filter((waiting) => (waiting.attempts += 1) < ATTEMPTS);
    this.#leaveOut('unavailable', locked.length - again.length);
    for (const waiting of batch) if (!again.includes(waiting)) this.queue.remove(waiting);
    if (again.length > 0) this.#pause(again);
  }

  /** @returns the ids of those whose session somebody else has locked */
  async #insert(batch: readonly WaitingReceipt[]): Promise<string[]> {
    const { database, tenants, kept } = this.parts;
    const tenantId = batch[0]?.tenantId ?? '';
    const column = <T>(of: (waiting: WaitingReceipt) => T): T[] => batch.map(of);
    const rows = await tenants.run(tenantId, () =>
      database.query<{ receiptId: string }>(WRITE_RECEIPTS, [
        tenantId,
        column(({ receiptId }) => receiptId),
        column(({ threadId }) => threadId),
        column(({ sessionId }) => sessionId),
        column(({ receiptId }) => createdAtOf(receiptId)),
        column(({ receipt }) => receipt.tier),
        column(({ receipt }) => tokensOf(receipt)),
        column(({ receipt }) => receipt.hash),
        column(({ fingerprints }) => encodeFingerprints(fingerprints)),
        JSON.stringify(column(({ receipt }) => receipt)),
        kept,
      ]),
    );
    return rows.map(({ receiptId }) => receiptId);
  }

  #pause(receipts: readonly WaitingReceipt[]): void {
    for (const waiting of receipts) waiting.state = 'later';
    const ms = FIRST_PAUSE_MS * 2 ** Math.min(...receipts.map(({ attempts }) => attempts - 1));
    const pause = setTimeout(() => {
      this.#pauses.delete(pause);
      for (const waiting of receipts) waiting.state = 'ready';
      this.#wake();
    }, ms).unref();
    this.#pauses.add(pause);
  }

  #tellSettled(): void {
    if (this.queue.length > 0) return;
    for (const tell of this.#whenSettled.splice(0)) tell();
  }

  /** An error is told by its code and stack: its parameters are the ids of messages. */
  #leaveOut(reason: string, receipts: number, error?: unknown): void {
    if (receipts === 0) return;
    this.parts.meter?.tell('receiptsLeftOut', { reason, receipts });
    const { stack, code } = (error ?? {}) as { stack?: string; code?: string };
    this.#logger.warn({ event: 'receipts_left_out', reason, receipts, code, stack });
  }
}
