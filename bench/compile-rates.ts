import type { Message } from '../src/session/message.js';
import { threadId, type CompileData } from './compile-data.js';
import type { ReadsByHand } from './compile-by-hand.js';
import { openPeers } from './compile-peers.js';
import { compile, count, keptOf, pick, readsOf } from './compile-times.js';
import type { CompileService } from './compile-triptych.js';
import { CALLERS } from './recall-contestants.js';
import { questionsOf, type MeasuredTenant } from './recall-data.js';
import type { Operation } from './interleave.js';
import { throughputOf, type Throughput } from './recall-throughput.js';

/** Compiles per second on threads of one length, by contestant. */
export interface RatesAtLength {
  readonly operation: string;
  readonly length: number;
  /** Of the tenant. */
  readonly memories: number;
  readonly rates: Readonly<Record<string, Throughput>>;
}

/** What nobody who reads by SQL goes past: the two reads of a compile, at the same time, and nothing else. */
export const BY_HAND = 'at once';
const WINDOWS = 5;
const QUESTIONS = 100;

/** Eight callers at once, each contestant with its own ways to read, count and cut. */
export async function measureRates({
  service,
  byHand,
  data,
  threads,
  url,
  seconds,
  withPeers,
  tell,
}: {
  service: CompileService;
  byHand: ReadsByHand;
  data: CompileData;
  threads: ReadonlyMap<string, readonly Message[]>;
  url: string;
  seconds: number;
  withPeers: boolean;
  tell: (line: string) => void;
}): Promise<RatesAtLength[]> {
  const { embedder } = service;
  const { batches } = data;
  const peers = withPeers
    ? await openPeers({ url, embedder, batches, threads, connections: CALLERS, tell })
    : {};
  const found: RatesAtLength[] = [];
  try {
    for (const tenant of [data.few, data.many])
      for (const length of data.peerLengths) {
        const thread = threadId(length);
        const questions = questionsOf(tenant, QUESTIONS, embedder);
        const messages = await keptOf(service, thread, pick(questions, 0));
        const ways: Record<string, Operation> = {
          Triptych: (sample) => compile(service, thread, pick(questions, sample)),
          [BY_HAND]: (sample) => byHand.atOnce(readsOf(thread, messages, pick(questions, sample))),
        };
        for (const [name, peer] of Object.entries(peers))
          ways[name] = async (sample) => {
            // An index of all tenants together finds few memories of one, or none.
            const { messages } = await peer.compile(thread, pick(questions, sample));
            if (messages === 0) throw new Error('A prompt has no message.');
          };
        const operation = titleOf(length, tenant);
        tell(`${operation}, ${CALLERS} at once`);
        const rates = await throughputOf(ways, { callers: CALLERS, seconds, windows: WINDOWS });
        found.push({ operation, length, memories: tenant.rows, rates });
      }
    return found;
  } finally {
    for (const peer of Object.values(peers)) await peer.close();
  }
}

export function titleOf(length: number, { rows }: MeasuredTenant): string {
  return `compile, thread of ${count(length)}, tenant of ${count(rows)}`;
}
