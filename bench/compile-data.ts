import type { Message } from '../src/session/message.js';
import { threadOf } from './compile-messages.js';
import type { CompileService } from './compile-triptych.js';
import { CALLERS } from './recall-contestants.js';
import { batchesOf, eachOf, storeBatch, tenantOf, type Batch, type MeasuredTenant } from './recall-data.js';
import type { Effort } from './suite.js';

/** Memories of the tenant that has many, and as many again of others. */
const MANY = 50_000;
/** Of the tenant that has as many as most. */
const FEW = 1_000;
/** Messages of the threads. */
const LENGTHS = [100, 1_000, 5_000];
/** Longer threads take the stock saver so long that nothing is to be learned from it. */
const LONGEST_OF_PEERS = 1_000;

/** What there is to compile, the same for everybody. */
export interface CompileData {
  readonly many: MeasuredTenant;
  readonly few: MeasuredTenant;
  readonly lengths: readonly number[];
  readonly peerLengths: readonly number[];
  /** Calls that store all memories, those of others included. */
  readonly batches: readonly Batch[];
  /** In all. */
  readonly memories: number;
}

export function dataOf({ rows, longest }: Pick<Effort, 'rows' | 'longest'>): CompileData {
  const most = Math.min(MANY, rows);
  const many = tenantOf(most);
  const few = tenantOf(Math.min(FEW, Math.ceil(most / 5)));
  const lengths = [...new Set(LENGTHS.map((length) => Math.min(length, longest)))];
  return {
    many,
    few,
    lengths,
    peerLengths: lengths.filter((length) => length <= LONGEST_OF_PEERS),
    batches: batchesOf([many, few], most),
    memories: 2 * most + few.rows,
  };
}

export function threadId(length: number): string {
  return `thread-${length}`;
}

/** Through Triptych, so that the rows are as it writes them. */
export async function fill(
  service: CompileService,
  { many, few, lengths, batches, memories }: CompileData,
  tell: (line: string) => void,
): Promise<void> {
  tell(`${memories} memories into Triptych`);
  await eachOf(batches, CALLERS, (batch) => storeBatch(service, service.embedder, batch));
  for (const length of lengths)
    for (const { id } of [many, few]) await service.append(id, threadId(length), threadOf(length));
}

export function threadsOf(lengths: readonly number[]): Map<string, Message[]> {
  return new Map(lengths.map((length) => [threadId(length), threadOf(length)]));
}
