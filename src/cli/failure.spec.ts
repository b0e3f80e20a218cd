import { describe, expect, it } from '@jest/globals';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { QueryFailedError } from 'typeorm';
import { failureOf, STATUS } from './failure.js';

const FULL = '/dev/full';

function thrownBy(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe('failureOf', () => {
  it('tells what is wrong with a file, whether the error names it or not', () => {
    const missing = join(tmpdir(), 'triptych-nowhere');
    expect(failureOf(thrownBy(() => readFileSync(missing)))).toEqual({
      status: STATUS.failed,
      message: `ENOENT: no such file or directory, open '${missing}'.`,
    });
    expect(failureOf(thrownBy(() => readFileSync(tmpdir())))).toEqual({
      status: STATUS.failed,
      message: 'EISDIR: illegal operation on a directory, read.',
    });
  });

  (existsSync(FULL) ? it : it.skip)('tells that a disk is full', () => {
    const file = openSync(FULL, 'w');
    const error = thrownBy(() => writeSync(file, 'one'));
    closeSync(file);
    expect(failureOf(error)).toEqual({
      status: STATUS.failed,
      message: 'ENOSPC: no space left on device, write.',
    });
  });

  it('tells what the database hints at, once, and not the statement', () => {
    const raised = { code: '42501', hint: 'As a superuser run: GRANT triptych_app TO "o w"' };
    const refused = Object.assign(new Error('It is no member.'), raised);
    const told = {
      status: STATUS.notAllowed,
      message:
        'The database did not do it: It is no member. As a superuser run: GRANT triptych_app TO "o w".',
    };
    expect(failureOf(refused)).toEqual(told);
    expect(failureOf(new QueryFailedError('GRANT …', ['secret'], refused))).toEqual(told);
  });
});
