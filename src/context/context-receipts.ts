import { Inject, Injectable, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { validate as isUuid, v7 as uuidv7 } from 'uuid';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { decodeCursor, encodeCursor } from '../database/page-cursor.js';
import { requireInteger } from '../database/storable.js';
import { InvalidInputError, NotFoundError } from '../errors.js';
import { requireThreadId } from '../session/thread-id.js';
import { Meter } from '../telemetry/meter.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import type { Receipt } from '../working-context/receipt.js';
import { decodeFingerprints, type Fingerprints } from '../working-context/shared-prefix.js';
import * as sql from './context-receipts.sql.js';
import type { WaitingReceipt } from './receipt-queue.js';
import { ReceiptWriter } from './receipt-writer.js';
import { createdAtOf, tokensOf, type ReceiptSummary, type StoredReceipt } from './stored-receipt.js';

export const MAX_RECEIPTS = 1_000;
const DEFAULT_PAGE = 50;
/** How long the end of the application waits for what is not written yet. */
const FLUSH_WITHIN_MS = 3_000;

/** A receipt to be kept. */
export interface NewReceipt {
  /** From {@link ContextReceipts.newId}. */
  receiptId: string;
  threadId: string;
  /** The session that was compiled, where it is known: the receipt is not kept for a later one of the thread. */
  sessionId?: string | undefined;
  /** Handed over: must not be changed afterwards. */
  receipt: Receipt;
  fingerprints: Fingerprints;
}

/** A row of {@link sql.PREVIOUS_FINGERPRINTS}. */
export interface PreviousFingerprintsRow {
  receiptId: string;
  fingerprints: Buffer;
}

export interface ReceiptPage {
  receipts: ReceiptSummary[];
  nextCursor: string | null;
}

/**
 * The receipts of the newest compiles of each thread: ids, numbers and reasons, no content. They belong to the thread's
 * session and end with it, so a compile of a thread that has none leaves no receipt: nothing would ever end that.
 */
@Injectable()
export class ContextReceipts implements BeforeApplicationShutdown {
  readonly #writer: ReceiptWriter;
  readonly #kept: number;

  constructor(
    @Inject(TRIPTYCH_OPTIONS) { receipts: { kept } }: TriptychOptions,
    @Inject(Database) private readonly database: Database,
    private readonly tenants: TenantContext,
    @Optional() meter?: Meter,
  ) {
    this.#kept = kept;
    this.#writer = new ReceiptWriter({ database, tenants, kept, meter });
  }

  /** Whether receipts are kept at all. */
  get isOn(): boolean {
    return this.#kept > 0;
  }

  /** How many are not written yet. */
  get waiting(): number {
    return this.#writer.queue.length;
  }

  /** A UUIDv7: later ones are greater. */
  newId(): string {
    return uuidv7();
  }

  /**
   * Keeps a receipt, and of its thread the newest `receipts.kept`. Returns at once: it is written in the background, in a unit
   * of work once that is committed. Of what the database does not take in time the oldest is left out.
   * @throws TenantRequiredError
   */
  keep({ sessionId, ...receipt }: NewReceipt): void {
    const tenantId = this.tenants.require();
    if (!this.isOn) return;
    const add = (): void => {
      this.#writer.add({ tenantId, sessionId: sessionId ?? null, ...receipt });
    };
    if (this.database.isInUnitOfWork) this.database.afterCommit(add);
    else add();
  }

  /**
   * One receipt, from the moment it was kept.
   * @throws NotFoundError when there is none, or no longer, or it is another tenant's
   */
  async find(receiptId: string): Promise<StoredReceipt> {
    const tenantId = this.tenants.require();
    if (!this.isOn || !isUuid(receiptId)) throw new NotFoundError('receipt');
    const id = receiptId.toLowerCase();
    const waiting = this.#writer.queue.find(tenantId, id);
    const [found] = waiting
      ? await this.#ofThisSession([waiting])
      : await this.database.query<Pick<StoredReceipt, 'threadId' | 'receipt'>>(sql.FIND_RECEIPT, [
          tenantId,
          id,
        ]);
    if (!found) throw new NotFoundError('receipt');
    return { receiptId: id, threadId: found.threadId, createdAt: createdAtOf(id), receipt: found.receipt };
  }

  /**
   * A page of a thread's receipts, newest first; a thread without any has none.
   * @throws InvalidInputError, TenantRequiredError
   */
  async list(
    threadId: string,
    { limit = DEFAULT_PAGE, cursor }: { limit?: number; cursor?: string } = {},
  ): Promise<ReceiptPage> {
    const tenantId = this.tenants.require();
    requireThreadId(threadId);
    requireInteger(limit, 'limit', 1, MAX_RECEIPTS);
    const before = cursor === undefined ? undefined : decodeCursor(cursor).id;
    if (before !== undefined && !isUuid(before))
      throw new InvalidInputError([{ field: 'cursor', message: 'is not a cursor of this list' }]);
    if (!this.isOn) return { receipts: [], nextCursor: null };
    const waiting = await this.#ofThisSession(this.#writer.queue.ofThread(tenantId, threadId));
    const rows = await this.database.query<Omit<ReceiptSummary, 'createdAt'>>(sql.LIST_RECEIPTS, [
      tenantId,
      threadId,
      this.#kept,
    ]);
    const all = new Map([...waiting.map(summaryOf), ...rows].map((row) => [row.receiptId, row]));
    const older = [...all.values()]
      .sort((a, b) => (a.receiptId < b.receiptId ? 1 : -1))
      .slice(0, this.#kept)
      .filter(({ receiptId }) => before === undefined || receiptId < before);
    const receipts = older.slice(0, limit).map((row) => ({ ...row, createdAt: createdAtOf(row.receiptId) }));
    const last = older.length > limit ? receipts.at(-1) : undefined;
    return {
      receipts,
      nextCursor: last ? encodeCursor({ at: last.createdAt, id: last.receiptId }) : null,
    };
  }

  /** Fingerprints of the thread's newest receipt, written or not; `undefined` when there is none. */
  async previous(threadId: string): Promise<Fingerprints | undefined> {
    const tenantId = this.tenants.require();
    if (!this.isOn) return undefined;
    const waiting = this.newestWaiting(threadId);
    const [row] = await this.database.query<PreviousFingerprintsRow>(sql.PREVIOUS_FINGERPRINTS, [
      tenantId,
      threadId,
    ]);
    return previousOf(waiting, row);
  }

  /** The thread's newest receipt of this process that is not written yet: ask before {@link sql.PREVIOUS_FINGERPRINTS} is read. */
  newestWaiting(threadId: string): Pick<WaitingReceipt, 'receiptId' | 'fingerprints'> | undefined {
    return this.#writer.queue.ofThread(this.tenants.require(), threadId)[0];
  }

  /** Resolves when nothing waits to be written. */
  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** While the database is still open. */
  async beforeApplicationShutdown(): Promise<void> {
    const flushed = new AbortController();
    await Promise.race([
      this.#writer.settled(),
      sleep(FLUSH_WITHIN_MS, undefined, { signal: flushed.signal }).catch(() => undefined),
    ]);
    flushed.abort();
    this.#writer.stop();
  }

  /** Of receipts of one thread that wait, those whose session there still is: the others will not be written. */
  async #ofThisSession(waiting: readonly WaitingReceipt[]): Promise<readonly WaitingReceipt[]> {
    const [first] = waiting;
    if (!first) return [];
    const { tenantId, threadId } = first;
    const [session] = await this.database.query<{ sessionId: string }>(sql.FIND_SESSION, [
      tenantId,
      threadId,
    ]);
    if (!session) return [];
    return waiting.filter(({ sessionId }) => sessionId === null || sessionId === session.sessionId);
  }
}

/** The later of two: the newest receipt that waits, and the newest that is stored. */
export function previousOf(
  waiting: Pick<WaitingReceipt, 'receiptId' | 'fingerprints'> | undefined,
  stored: PreviousFingerprintsRow | undefined,
): Fingerprints | undefined {
  if (waiting && (!stored || waiting.receiptId > stored.receiptId)) return waiting.fingerprints;
  return stored && decodeFingerprints(stored.fingerprints);
}

function summaryOf({ receiptId, receipt }: WaitingReceipt): Omit<ReceiptSummary, 'createdAt'> {
  return { receiptId, tier: receipt.tier, tokens: tokensOf(receipt), hash: receipt.hash };
}
