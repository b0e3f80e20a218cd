import type { TestDatabase } from '../support/engines.js';
import { triptych, type Outcome } from '../support/triptych.js';

/** `triptych session` in this process, on a database that no service of an embedded engine has open. */
export function session({ settings }: Pick<TestDatabase, 'settings'>, ...args: string[]): Promise<Outcome> {
  const environment = settings.url ? { DATABASE_URL: settings.url } : { DATA_DIR: settings.dataDir ?? '' };
  return triptych(environment, ['session', ...args]);
}

/** Its answer; fails when the status is another one. */
export async function answerOf<T>(
  database: Pick<TestDatabase, 'settings'>,
  { status: expected = 0 }: { status?: number },
  ...args: string[]
): Promise<T> {
  const { status, stdout, stderr } = await session(database, ...args, '--json');
  if (status !== expected) throw new Error(`Status ${status}: ${stderr}`);
  return JSON.parse(stdout) as T;
}
