import { createReadStream, createWriteStream, existsSync } from 'node:fs';
import { link, rename, rm } from 'node:fs/promises';
import { addAbortSignal, Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { BackupRefusedError, DamagedFileError } from './export-format.js';

/** Stands for standard input or output. */
export const STANDARD_STREAM = '-';
const COMPRESSED = /\.gz$/i;
/** File systems without hard links say one of these. */
const NO_LINKS: readonly unknown[] = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

/**
 * Writes a file that has its name only once it is whole: it is written under another one, flushed, and renamed.
 * Only its owner may read it.
 * @param options.force takes the place of a file that is there
 * @throws BackupRefusedError when there is one
 */
export async function writeExport(
  file: string,
  chunks: AsyncIterable<string>,
  { force = false, signal }: { force?: boolean; signal?: AbortSignal },
): Promise<void> {
  if (file === STANDARD_STREAM) {
    await write(chunks, process.stdout, { end: false, signal });
    return;
  }
  if (!force) requireFree(file);
  const partial = `${file}.${process.pid}.partial`;
  try {
    const target = createWriteStream(partial, { flags: 'wx', mode: 0o600, flush: true });
    await write(chunks, target, { isCompressed: COMPRESSED.test(file), signal });
    await (force ? rename(partial, file) : renameToFree(partial, file));
  } finally {
    await rm(partial, { force: true });
  }
}

/** @throws BackupRefusedError when there is a file of this name */
export function requireFree(file: string): void {
  if (file !== STANDARD_STREAM && existsSync(file)) throw taken(file);
}

/**
 * The bytes of an export, decompressed when its name ends with `.gz`.
 * @param signal ends the wait for more, which on standard input may never come
 */
export async function* readExport(file: string, signal?: AbortSignal): AsyncGenerator<Buffer> {
  const source: Readable = file === STANDARD_STREAM ? process.stdin : createReadStream(file);
  if (signal) addAbortSignal(signal, source);
  try {
    if (!COMPRESSED.test(file)) {
      yield* source as AsyncIterable<Buffer>;
      return;
    }
    const plain = createGunzip();
    source.on('error', (error) => plain.destroy(error));
    yield* source.pipe(plain) as AsyncIterable<Buffer>;
  } catch (error) {
    throw unreadable(file, error);
  } finally {
    source.destroy();
  }
}

function write(
  chunks: AsyncIterable<string>,
  target: Writable,
  {
    isCompressed = false,
    end = true,
    signal,
  }: { isCompressed?: boolean; end?: boolean; signal: AbortSignal | undefined },
): Promise<void> {
  // One chunk ahead: a chunk is a batch of rows already.
  const source = Readable.from(chunks, { highWaterMark: 1 });
  const options = { end, ...(signal && { signal }) };
  return isCompressed ? pipeline(source, createGzip(), target, options) : pipeline(source, target, options);
}

/** A link is made only where no file is, whoever else may be making one at this moment. */
async function renameToFree(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') throw taken(to);
    if (!NO_LINKS.includes(code)) throw error;
    requireFree(to);
    await rename(from, to);
  }
}

function taken(file: string): BackupRefusedError {
  return new BackupRefusedError(`There is a file ${file} already. Choose another name, or say --force.`);
}

function unreadable(file: string, error: unknown): unknown {
  const { code, message } = error as NodeJS.ErrnoException;
  if (code?.startsWith('Z_')) return new DamagedFileError(`it cannot be decompressed (${message})`);
  if (code === 'ENOENT' || code === 'EACCES' || code === 'EISDIR')
    return new BackupRefusedError(`${file} cannot be read: ${message}.`);
  return error;
}
