import { BackupRefusedError } from './export-format.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
type Interruption = (typeof SIGNALS)[number];

/** It was told to stop by this signal, and took back what it did. */
export class InterruptedError extends BackupRefusedError {
  constructor(readonly signal: Interruption) {
    super('Interrupted: nothing was written.');
  }
}

/**
 * Runs `work` with a signal that a first SIGINT or SIGTERM sends, so that it can take back what it did, or end with a
 * whole step; a second one ends the process at once.
 * @param interrupted what is thrown when it was interrupted
 * @throws InterruptedError unless said otherwise
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  interrupted: (name: Interruption) => Error = (name) => new InterruptedError(name),
): Promise<T> {
  const controller = new AbortController();
  const stop = (name: Interruption): void => {
    controller.abort(interrupted(name));
    for (const other of SIGNALS) process.off(other, stop);
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? controller.signal.reason : error;
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
