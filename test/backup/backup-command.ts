import { jest } from '@jest/globals';
import {
  runExportCommand,
  runImportCommand,
  type BackupAnswer,
} from '../../src/backup/backup-command-line.js';
import type { TestDatabase } from '../support/engines.js';

export type Home = Pick<TestDatabase, 'settings'>;

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** The settings of a database, as the environment has them. */
export function environmentOf({ settings: { url, dataDir = '' } }: Home): Record<string, string> {
  return url ? { DATABASE_URL: url } : { DATA_DIR: dataDir };
}

/** `npm run export` or `import` in this process, on a database that no service of an embedded engine has open. */
export async function backup(command: 'export' | 'import', home: Home, ...args: string[]): Promise<Outcome> {
  const written = { log: '', error: '' };
  const spies = (['log', 'error'] as const).map((stream) =>
    jest.spyOn(console, stream).mockImplementation((text: unknown) => {
      written[stream] += `${String(text)}\n`;
    }),
  );
  try {
    const run = command === 'export' ? runExportCommand : runImportCommand;
    const status = await run(args, environmentOf(home));
    return { status, stdout: written.log, stderr: written.error };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
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
