import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderLock } from '../src/database/folder-lock.js';

let folder: string;
const children: ChildProcess[] = [];

/** A process that does nothing but live. */
async function sleeper(): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', 'console.log(1); setInterval(() => {}, 1000)']);
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

const lockFile = (): string => join(folder, 'triptych.lock');

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'triptych-lock-'));
});
afterEach(() => {
  children.splice(0).forEach((child) => child.kill('SIGKILL'));
  rmSync(folder, { recursive: true, force: true });
});

it('refuses a second holder and names the pid of the first', async () => {
  const lock = await FolderLock.acquire(folder);
  await expect(FolderLock.acquire(folder)).rejects.toThrow(`process ${process.pid}`);
  lock.release();
  (await FolderLock.acquire(folder)).release();
  expect(existsSync(lockFile())).toBe(false);
});

it('refuses while another live process holds the folder, and takes over once that process is gone', async () => {
  const child = await sleeper();
  writeFileSync(lockFile(), JSON.stringify({ pid: child.pid, host: hostname(), started: null }));
  await expect(FolderLock.acquire(folder)).rejects.toThrow(`process ${child.pid}`);
  child.kill('SIGKILL');
  await once(child, 'exit');
  (await FolderLock.acquire(folder)).release();
});

it('takes over when the pid was given to another process since', async () => {
  const child = await sleeper();
  writeFileSync(lockFile(), JSON.stringify({ pid: child.pid, host: hostname(), started: 'another boot:1' }));
  (await FolderLock.acquire(folder)).release();
});

it('does not judge a holder on another host', async () => {
  writeFileSync(lockFile(), JSON.stringify({ pid: 1, host: 'elsewhere.invalid', started: null }));
  await expect(FolderLock.acquire(folder)).rejects.toThrow('elsewhere.invalid');
});

it('takes over from a torn lock file', async () => {
  writeFileSync(lockFile(), '{"pid":');
  (await FolderLock.acquire(folder)).release();
});

it('lets exactly one of many take over a stale lock', async () => {
  for (let round = 0; round < 10; round += 1) {
    writeFileSync(lockFile(), JSON.stringify({ pid: 2 ** 22 + 1, host: hostname(), started: null }));
    const tries = await Promise.allSettled(Array.from({ length: 8 }, () => FolderLock.acquire(folder)));
    const held = tries.flatMap((attempt) => (attempt.status === 'fulfilled' ? [attempt.value] : []));
    expect(held).toHaveLength(1);
    expect(readFileSync(lockFile(), 'utf8')).toContain(`"pid":${process.pid}`);
    held[0]?.release();
  }
});
