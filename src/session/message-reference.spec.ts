import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countRows, extendRuns, namesRow, rowsMissing, type RowKey, type Run } from './message-reference.js';

const row = fc.record({
  seq: fc.integer({ min: 1, max: 30 }),
  revision: fc.integer({ min: -1, max: 1 }),
  namespace: fc.constantFrom('', 'notes@'),
});
const rows = fc.uniqueArray(row, { selector: nameOf, maxLength: 40 });

function nameOf({ seq, revision, namespace = '' }: RowKey): string {
  return `${seq}.${revision}@${namespace}`;
}

function* rowsOf(runs: readonly Run[]): Generator<RowKey> {
  for (const [first, last, revision, namespace = ''] of runs)
    for (let seq = first; seq <= last; seq += 1) yield { seq, revision, namespace };
}

describe('runs of rows', () => {
  it('name the rows that they were made of, in their order', () => {
    fc.assert(
      fc.property(rows, rows, (some, more) => {
        const runs = extendRuns(extendRuns([], some), more);
        expect([...rowsOf(runs)].map(nameOf)).toEqual([...some, ...more].map(nameOf));
        expect(countRows(runs)).toBe(some.length + more.length);
      }),
    );
  });

  it('take one run for an unbroken conversation', () => {
    const unbroken = Array.from({ length: 1_000 }, (_, index) => ({ seq: index + 1, revision: 0 }));
    expect(extendRuns([], unbroken)).toEqual([[1, 1_000, 0]]);
  });

  it('are not changed by being extended', () => {
    const runs: Run[] = [[1, 2, 0]];
    expect(extendRuns(runs, [{ seq: 3, revision: 0 }])).toEqual([[1, 3, 0]]);
    expect(runs).toEqual([[1, 2, 0]]);
  });

  it('tell which of their rows others do not name', () => {
    fc.assert(
      fc.property(rows, rows, row, (some, others, asked) => {
        const [runs, ofOthers] = [extendRuns([], some), extendRuns([], others)];
        const names = new Set(others.map(nameOf));
        const missing = some.filter((one) => !names.has(nameOf(one)));
        expect(rowsMissing(runs, ofOthers).map(nameOf)).toEqual(missing.map(nameOf));
        expect(namesRow(ofOthers, asked)).toBe(names.has(nameOf(asked)));
      }),
    );
  });
});
