import { describe, expect, it } from '@jest/globals';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { migrations } from '../src/database/migrations.js';
import { postgres } from './support/engines.js';

const run = promisify(execFile);
const DATA_SOURCE = 'dist/src/database/data-source.js';

/** The TypeORM CLI on the built data source, as the npm scripts call it. */
async function typeorm(
  command: string,
  environment: Record<string, string>,
  ...more: string[]
): Promise<string> {
  const { stdout } = await run(
    process.execPath,
    ['node_modules/typeorm/cli.js', `migration:${command}`, '-d', DATA_SOURCE, ...more],
    {
      env: { PATH: process.env['PATH'] ?? '', ...environment },
    },
  );
  return stdout;
}

const done = (shown: string): number => shown.split('\n').filter((line) => line.includes('[X]')).length;

async function thereAndBack(environment: Record<string, string>): Promise<void> {
  await typeorm('run', environment);
  expect(done(await typeorm('show', environment))).toBe(migrations.length);
  expect(await typeorm('generate', environment, '--esm', '--check', join(tmpdir(), 'drift'))).toContain(
    'No changes',
  );
  for (const _ of migrations) await typeorm('revert', environment);
  expect(done(await typeorm('show', environment))).toBe(0);
  await typeorm('run', environment);
  expect(done(await typeorm('show', environment))).toBe(migrations.length);
}

describe('the migration commands (on what `npm run build` made)', () => {
  it('run, show, generate and revert on the embedded engine', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'triptych-cli-'));
    await thereAndBack({ DATA_DIR: folder });
    rmSync(folder, { recursive: true, force: true });
  });

  if (process.env['TEST_DATABASE_URL']) {
    it('run, show, generate and revert on PostgreSQL', async () => {
      const database = await postgres({ empty: true });
      await thereAndBack({ DATABASE_URL: database.settings.url ?? '' });
      await database.drop();
    });

    it('run in 8 processes at once, and all succeed', async () => {
      const database = await postgres({ empty: true });
      const environment = { DATABASE_URL: database.settings.url ?? '' };
      await Promise.all(Array.from({ length: 8 }, () => typeorm('run', environment)));
      expect(done(await typeorm('show', environment))).toBe(migrations.length);
      await database.drop();
    });
  }
});
