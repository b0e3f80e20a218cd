import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const LIBRARIES = '/usr/lib';

/**
 * Settings under which a process sees another time: libfaketime (Debian: `libfaketime`) takes the place of the calls
 * that ask for it. Timers keep the monotonic clock, which is left alone.
 * @param shift such as `+10y` or `-1d`
 */
export function fakedClock(shift: string): Record<string, string> {
  const library = fakeClockLibrary();
  if (library === undefined) throw new Error('libfaketime is not installed.');
  return {
    LD_PRELOAD: library,
    FAKETIME: shift,
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    // What versions before 0.9.10 call it.
    DONT_FAKE_MONOTONIC: '1',
    // A share of memory between processes that a service of its own user cannot always have.
    NO_FAKE_STAT: '1',
  };
}

/** The library for programs of several threads; undefined where it is not installed. */
export function fakeClockLibrary(): string | undefined {
  if (!existsSync(LIBRARIES)) return undefined;
  return ['.', ...readdirSync(LIBRARIES)]
    .map((folder) => join(LIBRARIES, folder, 'faketime', 'libfaketimeMT.so.1'))
    .find((file) => existsSync(file));
}
