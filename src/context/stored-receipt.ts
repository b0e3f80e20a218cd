import type { Receipt } from '../working-context/receipt.js';

/** A receipt as it was stored. */
export interface StoredReceipt {
  receiptId: string;
  threadId: string;
  /** ISO 8601. */
  createdAt: string;
  receipt: Receipt;
}

/** What a list shows of a receipt. */
export interface ReceiptSummary {
  receiptId: string;
  /** ISO 8601. */
  createdAt: string;
  tier: string;
  /** Of the whole prompt. */
  tokens: number;
  hash: string;
}

/** The moment that a UUIDv7 names: its first 48 bits are milliseconds (RFC 9562, section 5.7). */
export function createdAtOf(receiptId: string): string {
  return new Date(Number.parseInt(receiptId.slice(0, 8) + receiptId.slice(9, 13), 16)).toISOString();
}

export function tokensOf({ sections }: Receipt): number {
  return sections.reduce((total, { used }) => total + used, 0);
}
