import { Logger } from '@nestjs/common';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.js';
import { isDatabaseUnavailable } from './unavailable.js';

/** Between two attempts, in milliseconds: at first, and at most. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
/** Between two lines in the log, in milliseconds. */
const REPORT_EVERY_MS = 5_000;

/**
 * Repeats `open` while it fails because the database is not there yet: nobody listens, its name is unknown, it is
 * starting, it has no connection left. What does not change by waiting, such as a wrong password, is thrown at once.
 * @param waitMs how long to try, in milliseconds; 0: once
 * @throws StartupError that says how long it waited; whatever else `open` throws
 */
export async function untilThere<T>(waitMs: number, open: () => Promise<T>): Promise<T> {
  const logger = new Logger('Database');
  const begin = performance.now();
  let reportAt = 0;
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await open();
    } catch (error) {
      const waited = performance.now() - begin;
      if (!isDatabaseUnavailable(error) || waitMs === 0) throw error;
      const { message } = error as Error;
      if (waited + pause > waitMs) throw new StartupError(`${message} ${afterAll(waitMs)}`, { cause: error });
      if (waited >= reportAt) {
        reportAt = waited + REPORT_EVERY_MS;
        logger.warn({ event: 'database_awaited', forMs: Math.round(waited), ofMs: waitMs, reason: message });
      }
    }
    await sleep(pause);
  }
}

function afterAll(waitMs: number): string {
  return `It was waited for ${waitMs / 1_000} s (DATABASE_START_TIMEOUT_MS).`;
}
