import { jest } from '@jest/globals';
import { runSessionCommand } from '../../src/session/session-command-line.js';
import type { TestDatabase } from '../support/engines.js';

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** `npm run session` in this process, on a database that no service of an embedded engine has open. */
export async function session(
  { settings }: Pick<TestDatabase, 'settings'>,
  ...args: string[]
): Promise<Outcome> {
  const environment = settings.url ? { DATABASE_URL: settings.url } : { DATA_DIR: settings.dataDir ?? '' };
  const written = { log: '', error: '' };
  const spies = (['log', 'error'] as const).map((stream) =>
    jest.spyOn(console, stream).mockImplementation((text: unknown) => {
      written[stream] += `${String(text)}\n`;
    }),
  );
  try {
    const status = await runSessionCommand(args, environment);
    return { status, stdout: written.log, stderr: written.error };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
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
