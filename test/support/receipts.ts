import type { Receipt } from '../../src/working-context/receipt.js';
import type { Fingerprints } from '../../src/working-context/shared-prefix.js';

/** A receipt as a compile makes one, with as many messages of a history as are asked for. */
export function receiptOf(messages = 2, change: Partial<Receipt> = {}): Receipt {
  return {
    version: 1,
    compiler: '0.1.0',
    encoding: 'cl100k_base',
    safetyFactor: 1,
    tier: 'fast',
    sections: [
      { section: 'systemPrompt', cap: 1_200, used: 12, spilled: 0 },
      { section: 'sessionHistory', cap: 2_800, used: 10 * messages, spilled: 0 },
      { section: 'relevantContext', cap: 2_800, used: 0, spilled: 0 },
      { section: 'taskAndBuffer', cap: 1_200, used: 8, spilled: 0 },
    ],
    items: Array.from({ length: messages }, (_, index) => ({
      tier: 'session',
      id: `0190163d-8694-739b-aea5-${String(index).padStart(12, '0')}`,
      tokens: 10,
      decision: 'kept',
      reason: 'fits',
    })),
    unread: 0,
    leftOutThrough: 0,
    hash: 'ab'.repeat(32),
    ...change,
  };
}

/** Fingerprints of a prompt of so many messages; two that begin alike share a prefix. */
export function fingerprintsUpTo(messages: number): Fingerprints {
  return Array.from({ length: messages }, (_, index) => ({
    hash: String(index).padStart(16, '0'),
    tokens: 10,
  }));
}
