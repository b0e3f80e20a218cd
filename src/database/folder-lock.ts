import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { StartupError } from '../errors.js';

/** How long a taken-over lock is watched before it is believed: longer than two file operations take. */
const SETTLE_MS = 30;

/** Another process has the folder. */
export class FolderInUseError extends StartupError {}

/**
 * Keeps a second process off the folder of the embedded engine, which would lose half of both
 * processes' rows without an error. The lock is a file that names its holder; it is made with `link`,
 * which is atomic and fails when the file is there. A holder that no longer runs is stale: the lock is
 * moved aside, never deleted in place, so that of two processes that take over at once one notices.
 */
export class FolderLock {
  readonly #file: string;
  readonly #mark: string;

  private constructor(file: string, mark: string) {
    this.#file = file;
    this.#mark = mark;
  }

  /** @throws FolderInUseError with the holder's pid when a live process holds the folder */
  static async acquire(folder: string): Promise<FolderLock> {
    mkdirSync(folder, { recursive: true });
    const file = join(folder, 'triptych.lock');
    const mark = JSON.stringify({
      pid: process.pid,
      host: hostname(),
      started: startOf(process.pid),
      nonce: crypto.randomUUID(),
    });
    const lock = new FolderLock(file, mark);
    const own = `${file}.${process.pid}.${crypto.randomUUID()}`;
    writeFileSync(own, mark, { flag: 'wx' });
    try {
      for (let attempt = 0; attempt < 10; attempt += 1) {
        if (tryLink(own, file)) {
          await sleep(SETTLE_MS);
          if (read(file) === mark) return lock;
          continue;
        }
        const held = read(file);
        if (held === undefined) continue;
        refuseIfAlive(held, folder);
        moveAside(file, held);
      }
    } finally {
      rmSync(own, { force: true });
    }
    throw new StartupError(`The data folder ${folder} is being taken by another process. Try again.`);
  }

  /** Gives the folder back; a lock that someone else took over in the meantime is left alone. */
  release(): void {
    if (read(this.#file) === this.#mark) unlinkSync(this.#file);
  }
}

/** Who has a folder: nobody, a process of this host that runs, or one of another host, of which nothing is known. */
export interface FolderHolder {
  readonly pid: number;
  readonly host: string;
  readonly isHere: boolean;
}

/** The holder of a folder; undefined when it may be taken. Changes nothing. */
export function holderOf(folder: string): FolderHolder | undefined {
  const holder = parse(read(join(folder, 'triptych.lock')) ?? '');
  if (!holder) return undefined;
  const isHere = holder.host === hostname();
  return isHere && !isRunning(holder) ? undefined : { pid: holder.pid, host: holder.host, isHere };
}

function refuseIfAlive(held: string, folder: string): void {
  const holder = parse(held);
  // A torn or foreign file names nobody: treat it as stale rather than lock its owner out for ever.
  if (holder === undefined) return;
  if (holder.host !== hostname())
    throw new FolderInUseError(
      `The data folder ${folder} is held by process ${holder.pid} on host ${holder.host}. Stop it there, or ` +
        `delete ${join(folder, 'triptych.lock')} if that host is gone.`,
    );
  if (isRunning(holder))
    throw new FolderInUseError(
      `The data folder ${folder} is in use by process ${holder.pid}. Stop that process, or set another DATA_DIR.`,
    );
}

/** Moves the stale lock away; if someone replaced it meanwhile, that fresh lock is put back. */
function moveAside(file: string, stale: string): void {
  const aside = `${file}.stale.${process.pid}`;
  try {
    renameSync(file, aside);
  } catch {
    return;
  }
  if (read(aside) !== stale) tryLink(aside, file);
  rmSync(aside, { force: true });
}

interface Holder {
  pid: number;
  host: string;
  started: string | null;
}

function isRunning({ pid, started }: Holder): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  // The same number may have been given to a new process; its start time tells (null where unknown).
  const now = startOf(pid);
  return started === null || now === null || now === started;
}

/** Start time of a process in clock ticks since boot, together with the boot; null where /proc is missing. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot}:${stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? ''}`;
  } catch {
    return null;
  }
}

function parse(text: string): Holder | undefined {
  try {
    const value = JSON.parse(text) as Partial<Holder> | null;
    if (typeof value?.pid === 'number' && typeof value.host === 'string')
      return { pid: value.pid, host: value.host, started: value.started ?? null };
  } catch {
    // not JSON: not ours
  }
  return undefined;
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
