import { existsSync, mkdtempSync, rmdirSync, statfsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { TriptychOptions } from '../config/options.js';
import { EmbeddedEngine } from '../database/embedded-engine.js';
import { holderOf } from '../database/folder-lock.js';
import { PGliteClient } from '../database/pglite-client.js';
import { checkDatabase } from './check-database.js';
import { failed, failure, ok, skipped, warning, type Finding, type Result } from './finding.js';

const IN_MEMORY = 'memory://';
const MB = 1_000_000;
/** Of free disk: below the first nothing is written any more soon, below the second it is time. */
const [TOO_LITTLE, LITTLE] = [100 * MB, 1_000 * MB];

/** The embedded engine in its folder. What is not there yet is not made. */
export async function* checkFolder(
  options: TriptychOptions,
  isServing: boolean,
): AsyncGenerator<Finding, void> {
  const { dataDir } = options.database;
  if (dataDir === IN_MEMORY) {
    yield {
      name: 'data folder',
      ...warning('memory:// keeps nothing', 'Set DATA_DIR to a folder, or DATABASE_URL.'),
    };
    return;
  }
  const folder = resolve(dataDir);
  const there = nearest(folder);
  const isWritable = writable(there, folder);
  yield { name: 'data folder', ...isWritable };
  if (isWritable.state === 'failed') return;
  yield { name: 'disk', ...free(there) };
  const lock = locked(dataDir, isServing);
  yield { name: 'lock', ...lock.result };
  if (lock.isHeld) {
    yield { name: 'database', ...skipped('its folder is in use: stop who uses it to look into it') };
    return;
  }
  if (!existsSync(join(folder, 'pgdata', 'PG_VERSION'))) {
    yield { name: 'database', ...ok('there is none yet: the first start makes it') };
    return;
  }
  yield* inside(options, dataDir);
}

async function* inside(options: TriptychOptions, dataDir: string): AsyncGenerator<Finding, void> {
  let engine: EmbeddedEngine;
  try {
    engine = await EmbeddedEngine.open(dataDir);
  } catch (error) {
    const remedy =
      'Its files may be damaged: restore a copy of the folder, or import an export into a new one.';
    yield { name: 'database', ...failure(error, remedy) };
    return;
  }
  const client = new PGliteClient({ pglite: engine.pglite });
  try {
    await client.connect();
    yield* checkDatabase(
      options,
      async (sql, parameters = []) => (await client.query(sql, parameters)).rows as never,
      {
        isEmbedded: true,
      },
    );
  } finally {
    await client.end();
    await engine.close();
  }
}

/** The folder, or the one that it would be made in. */
function nearest(folder: string): string {
  return existsSync(folder) || dirname(folder) === folder ? folder : nearest(dirname(folder));
}

/** Tried, not asked: rights, read-only file systems and quotas are only known to who writes. */
function writable(there: string, folder: string): Result {
  try {
    rmdirSync(mkdtempSync(join(there, '.triptych-doctor-')));
    return ok(there === folder ? folder : `${folder} is made at the first start`);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return failed(
      `${there} cannot be written to (${code})`,
      'Give the user of the service the right to, or set another DATA_DIR.',
    );
  }
}

function free(folder: string): Result {
  const { bavail, bsize } = statfsSync(folder);
  const bytes = bavail * bsize;
  const told = `${(bytes / MB / 1_000).toFixed(1)} GB are free`;
  if (bytes < TOO_LITTLE) return failed(told, 'Make room: the engine stops when the disk is full.');
  return bytes < LITTLE ? warning(told, 'Make room before the disk is full.') : ok(told);
}

function locked(folder: string, isServing: boolean): { result: Result; isHeld: boolean } {
  const holder = holderOf(folder);
  if (!holder) return { result: ok('nobody uses the folder'), isHeld: false };
  const who = `process ${holder.pid}${holder.isHere ? '' : ` on host ${holder.host}`}`;
  if (isServing && holder.isHere) return { result: ok(`the service uses the folder (${who})`), isHeld: true };
  const remedy = holder.isHere
    ? 'Stop that process, or set another DATA_DIR.'
    : `Stop it there, or delete ${join(folder, 'triptych.lock')} if that host is gone.`;
  return { result: failed(`${who} uses the folder, and no service answers on PORT`, remedy), isHeld: true };
}
