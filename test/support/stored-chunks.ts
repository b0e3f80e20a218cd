import { v7 as uuidv7 } from 'uuid';
import {
  halfvec,
  halfvecArray,
  uuidArray,
  varbit,
  varbitArray,
} from '../../src/database/binary-parameters.js';
import type { Database } from '../../src/database/database.js';
import { INSERT_EMBEDDINGS } from '../../bench/hand-written.js';
import { signBits } from '../../src/recall/sign-bits.js';

/** A row of `shared.memory_embeddings`. */
export interface Chunk {
  memoryId: string;
  agentId: string;
  chunk: number;
  vector: number[];
}

/** Memories of three agents in turn, each of so many chunks. */
export function chunksOf(vectors: readonly number[][], chunksOfEach = 1): Chunk[] {
  const chunks: Chunk[] = [];
  for (const [i, vector] of vectors.entries()) {
    const chunk = i % chunksOfEach;
    const memory = Math.floor(i / chunksOfEach);
    const memoryId = chunk ? (chunks.at(-1)?.memoryId ?? '') : uuidv7();
    chunks.push({ memoryId, agentId: `agent-${memory % 3}`, chunk, vector });
  }
  return chunks;
}

/** In the scope of the tenant. */
export async function insertChunks(
  database: Database,
  tenant: string,
  model: string,
  chunks: readonly Chunk[],
): Promise<void> {
  for (let start = 0; start < chunks.length; start += 500) {
    const some = chunks.slice(start, start + 500);
    const column = <K extends keyof Chunk>(key: K): Chunk[K][] => some.map((chunk) => chunk[key]);
    await database.query(INSERT_EMBEDDINGS, [
      tenant,
      model,
      column('agentId'),
      column('chunk'),
      uuidArray(column('memoryId')),
      varbitArray(column('vector').map((vector) => signBits(vector))),
      halfvecArray(column('vector')),
    ]);
  }
}

/** The first five parameters of every search. */
export function searchParameters(
  tenant: string,
  model: string,
  vector: readonly number[],
  most: number,
): unknown[] {
  return [tenant, model, varbit(signBits(vector)), halfvec(vector), most];
}
