import { BackupRefusedError } from './export-format.js';

const SIGNALS = ['SIGINT', 'SIGTERM'] as const;

/**
 * Runs `work` with a signal that a first SIGINT or SIGTERM sends, so that it can take back what it did; a second
 * one ends the process at once.
 * @throws BackupRefusedError when it was interrupted
 */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const interrupted = new BackupRefusedError('Interrupted: nothing was written.');
  const stop = (): void => {
    controller.abort(interrupted);
    for (const name of SIGNALS) process.off(name, stop);
  };
  for (const name of SIGNALS) process.on(name, stop);
  try {
    return await work(controller.signal);
  } catch (error) {
    throw controller.signal.aborted ? interrupted : error;
  } finally {
    for (const name of SIGNALS) process.off(name, stop);
  }
}
