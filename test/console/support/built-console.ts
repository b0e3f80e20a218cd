import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const SOURCES = ['console', 'packages/client/src'];
const BUILT = resolve('dist/console');
/** A build that was cut short leaves its lock; nobody waits for it longer than this, in milliseconds. */
const WAIT_MS = 120_000;

/**
 * The folder of the console as its source is now: that of `npm run build` where it is newer than the source, else one that
 * is built once for all test files of a run.
 */
export async function builtConsole(): Promise<string> {
  if (isCurrent(BUILT)) return BUILT;
  const folder = join(process.env['TRIPTYCH_TEST_FOLDER'] ?? tmpdir(), 'console');
  const lock = `${folder}.lock`;
  const end = Date.now() + WAIT_MS;
  while (!isCurrent(folder)) {
    if (!takeLock(lock)) {
      if (Date.now() > end) throw new Error(`Somebody builds the console for too long: see ${lock}`);
      await sleep(200);
      continue;
    }
    try {
      if (!isCurrent(folder)) await build(folder);
    } finally {
      rmdirSync(lock);
    }
  }
  return folder;
}

async function build(folder: string): Promise<void> {
  const fresh = `${folder}.${process.pid}`;
  const vite = resolve('node_modules/vite/bin/vite.js');
  await run(process.execPath, [vite, 'build', 'console', '--outDir', fresh, '--logLevel', 'error'], {
    env: { ...process.env, NODE_ENV: 'production' },
  });
  rmSync(folder, { recursive: true, force: true });
  renameSync(fresh, folder);
}

/** Making a folder is atomic: one process of several does. */
function takeLock(lock: string): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    return false;
  }
}

function isCurrent(folder: string): boolean {
  const page = join(folder, 'index.html');
  if (!existsSync(page)) return false;
  const builtAt = statSync(page).mtimeMs;
  return SOURCES.every((source) => newestIn(source) < builtAt);
}

function newestIn(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  return Math.max(...files.map(({ parentPath, name }) => statSync(join(parentPath, name)).mtimeMs));
}
