import type { Variant } from './session-variants.js';

/** By how much of its length a thread may grow while it stands for that length. */
const DRIFT = 0.1;
const MESSAGES_A_TURN = 2;

/** Threads of one length, enough of them that `samples` turns make none noticeably longer. */
export async function beginThreads(
  variant: Pick<Variant, 'begin'>,
  { purpose, length, samples }: { purpose: string; length: number; samples: number },
): Promise<(sample: number) => string> {
  const turnsOfEach = Math.max(1, Math.floor((length * DRIFT) / MESSAGES_A_TURN));
  const threads = Math.ceil(samples / turnsOfEach);
  const name = (n: number): string => `${purpose}-${length}-${n % threads}`;
  for (let n = 0; n < threads; n += 1) await variant.begin(name(n), length);
  return name;
}
