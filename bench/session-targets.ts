import type { SessionBytes, SizeAtLength } from './session-bytes.js';
import type { AtLength } from './session-times.js';
import { atLeast, atMost } from './target.js';

export interface SessionFigures {
  readonly append: readonly AtLength[];
  readonly read: { readonly newest: readonly AtLength[]; readonly page: readonly AtLength[] };
  readonly graph: readonly AtLength[];
  readonly bytes: SessionBytes;
}

/** What a reader has to know to judge the figures. */
export const NOTES: readonly string[] = [
  'A turn is two messages, about 1,000 bytes of text. Threads grow by one turn or 10 % at most while they are measured.',
  'The stock saver’s long threads were begun with one checkpoint: turn by turn, 5,000 messages take some 2 GB. It has fewer samples.',
  'Bytes are those of tables, indexes and TOAST without free space, audit log included; a graph turn there is async.',
];

/** Every target with what was measured: what a long thread costs, and how that compares. */
export function targetsOf({ append, read, graph, bytes }: SessionFigures): string[] {
  const [shortAppend, longAppend] = ends(append);
  const [shortRead, longRead] = ends(read.newest);
  const sizes = bytes.append.map((size) => size.bytes['Triptych'] ?? NaN);
  const text = bytes.text.bytes['Triptych'] ?? NaN;
  return [
    atMost(
      `append at ${at(longAppend)} over append at ${at(shortAppend)}`,
      p50(longAppend) / p50(shortAppend),
      1.5,
    ),
    atLeast(
      `append at ${at(longAppend)}, stock over Triptych`,
      p50(longAppend, 'stock') / p50(longAppend),
      50,
    ),
    atMost(`read at ${at(longRead)} over read at ${at(shortRead)}`, p50(longRead) / p50(shortRead), 1.5),
    atMost(`read at ${at(longRead)}, Triptych over SQL by hand`, p50(longRead) / p50(longRead, 'SQL'), 2),
    atLeast(`read at ${at(longRead)}, stock over Triptych`, p50(longRead, 'stock') / p50(longRead), 300),
    atMost(
      'bytes of an append, most over least of all lengths',
      Math.max(...sizes) / Math.min(...sizes),
      1.2,
    ),
    atMost('bytes of an append over its text', Math.max(...sizes) / text, 3),
    ...graph
      .filter(({ length }) => length === Math.max(...graph.map((row) => row.length)))
      .map((row) => atLeast(`${row.operation}, stock over Triptych`, p50(row, 'stock') / p50(row), 5)),
  ];
}

function ends<T>(rows: readonly T[]): [first: T | undefined, last: T | undefined] {
  return [rows[0], rows.at(-1)];
}

function at(row: AtLength | SizeAtLength | undefined): string {
  return (row?.length ?? NaN).toLocaleString('en');
}

function p50(row: AtLength | undefined, variant = 'Triptych'): number {
  return row?.timings[variant]?.p50 ?? NaN;
}
