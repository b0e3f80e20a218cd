import { setTimeout as sleep } from 'node:timers/promises';

const DAY_MS = 86_400_000;
const NEEDED_MS = 60_000;

/** For a test of what is counted by the day, in UTC: when midnight is less than a minute away, it begins after that. */
export async function longDay(): Promise<void> {
  const left = DAY_MS - (Date.now() % DAY_MS);
  if (left < NEEDED_MS) await sleep(left + 1_000);
}
