import type { Comparison, Effort, Findings, Suite } from './suite.js';

/** What one suite measured; what `--json` writes for it. */
export interface Measured extends Findings {
  readonly suite: string;
  readonly variants: Readonly<Record<string, string>>;
}

/** Everything one run measured. */
export interface Report {
  /** Triptych, Node and the commit. */
  readonly versions: readonly string[];
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly effort: Effort;
  readonly suites: readonly Measured[];
}

/** The subject's p50 over another variant's; NaN when one of them was not measured. */
export function ratio({ timings }: Comparison, subject: string, other: string): number {
  return (timings[subject]?.p50 ?? NaN) / (timings[other]?.p50 ?? NaN);
}

/** The report for a person: of each suite a table, what it was measured on, and what it says. */
export function formatReport({ versions, seconds, effort, suites }: Report): string {
  const blocks = suites.map(({ suite, variants, comparisons, surroundings, notes }) =>
    [
      ...align(table(Object.keys(variants), comparisons)),
      '',
      [suite, ...versions, ...surroundings].join(' · '),
      `${effort.iterations} samples a figure, in milliseconds · variants take turns · ${seconds.toFixed(0)} s`,
      ...Object.entries(variants).map(([name, meaning]) => `${name}: ${meaning}`),
      ...notes,
    ]
      .map((line) => `${line}\n`)
      .join(''),
  );
  return blocks.join('\n');
}

/** The list of suites for `--help`. */
export function formatSuites(suites: readonly Suite[]): string {
  const width = Math.max(...suites.map(({ name }) => name.length));
  return suites.map(({ name, question }) => `  ${name.padEnd(width)}  ${question}\n`).join('');
}

function table(variants: readonly string[], comparisons: readonly Comparison[]): string[][] {
  const [subject = '', ...others] = variants;
  return [
    [
      'operation',
      'callers',
      ...variants.flatMap((name) => [`${name} p50`, 'p95']),
      ...others.map((name) => `× ${name}`),
    ],
    ...comparisons.map((comparison) => [
      comparison.operation,
      String(comparison.callers),
      ...variants.flatMap((name) => {
        const timing = comparison.timings[name];
        return [milliseconds(timing?.p50), milliseconds(timing?.p95)];
      }),
      ...others.map((other) => factor(ratio(comparison, subject, other))),
    ]),
  ];
}

/** The first column to the left, the others to the right, two spaces between. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  '));
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

function factor(value: number): string {
  return Number.isNaN(value) ? '–' : value.toFixed(2);
}
