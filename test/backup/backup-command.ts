import type { BackupAnswer } from '../../src/backup/tenant-file.js';
import type { TestDatabase } from '../support/engines.js';
import { triptych, type Outcome } from '../support/triptych.js';

export type Home = Pick<TestDatabase, 'settings'>;

/** The settings of a database, as the environment has them. */
export function environmentOf({ settings: { url, dataDir = '' } }: Home): Record<string, string> {
  return url ? { DATABASE_URL: url } : { DATA_DIR: dataDir };
}

/** `triptych export` or `import` in this process, on a database that no service of an embedded engine has open. */
export function backup(command: 'export' | 'import', home: Home, ...args: string[]): Promise<Outcome> {
  return triptych(environmentOf(home), [command, ...args]);
}

/** Its answer; fails when it is refused. */
export async function answerOf(
  command: 'export' | 'import',
  home: Home,
  ...args: string[]
): Promise<BackupAnswer> {
  const { status, stdout, stderr } = await backup(command, home, ...args, '--json');
  if (status !== 0) throw new Error(`Status ${status}: ${stderr}`);
  return JSON.parse(stdout) as BackupAnswer;
}
