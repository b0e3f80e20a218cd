import { setTimeout as sleep } from 'node:timers/promises';
import type { Deployment } from './deployment.js';
import type { Round } from './kill-plan.js';
import type { Writer } from './writer.js';

/** A writer that got no answer goes on after this long. */
const PAUSE_MS = 50;

/**
 * Keeps one request of each writer under way; when so many were acknowledged kills, and goes on until that is over or the
 * service is gone.
 */
export async function killUnderLoad(
  deployment: Deployment,
  writers: readonly Writer[],
  round: Round,
): Promise<void> {
  const { service, provider } = deployment;
  let acknowledged = 0;
  let killed: Promise<void> | undefined;
  let isOver = false;
  const write = async (writer: Writer): Promise<void> => {
    while (!isOver && service.isRunning) {
      if (await writer.turn(service)) acknowledged += 1;
      else await sleep(PAUSE_MS);
      if (round.outage && acknowledged >= round.outage.from && !killed) provider.fail(round.outage.fault);
      if (acknowledged >= round.afterAcknowledged)
        killed ??= deployment.kill(round).finally(() => {
          isOver = true;
        });
    }
  };
  writers.forEach((writer, index) => {
    writer.begin(round.seed + index);
  });
  await Promise.all(writers.map(write));
  await killed;
}
