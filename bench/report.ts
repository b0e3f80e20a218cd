import type { Timing } from './interleave.js';
import type { Comparison, Effort, Findings, ShareComparison, SizeComparison, Suite } from './suite.js';

/** What one suite measured; what `--json` writes for it. */
export interface Measured extends Findings, Pick<Suite, 'ratioOf'> {
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
export function ratio(
  { timings }: Comparison,
  subject: string,
  other: string,
  of: 'p50' | 'p99' = 'p50',
): number {
  return (timings[subject]?.[of] ?? NaN) / (timings[other]?.[of] ?? NaN);
}

/** The report for a person: of each suite its tables, what it was measured on, and what it says. */
export function formatReport({ versions, seconds, effort, suites }: Report): string {
  const blocks = suites.map((measured) => {
    const { suite, variants, comparisons, sizes = [], shares = [], surroundings, notes } = measured;
    const names = Object.keys(variants);
    const made = `${seconds.toFixed(0)} s · ${effort.iterations} iterations`;
    return [
      ...(comparisons.length > 0 ? [...align(timesTable(names, comparisons, measured.ratioOf)), ''] : []),
      ...(sizes.length > 0 ? [...align(sizesTable(names, sizes)), ''] : []),
      ...(shares.length > 0 ? [...align(sharesTable(names, shares)), ''] : []),
      [suite, ...versions, ...surroundings].join(' · '),
      comparisons.length > 0
        ? `${sampleCounts(comparisons)} samples a figure, in milliseconds · variants take turns · ${made}`
        : made,
      ...Object.entries(variants).map(([name, meaning]) => `${name}: ${meaning}`),
      ...notes,
    ]
      .map((line) => `${line}\n`)
      .join('');
  });
  return blocks.join('\n');
}

/** The list of suites for `--help`. */
export function formatSuites(suites: readonly Suite[]): string {
  const width = Math.max(...suites.map(({ name }) => name.length));
  return suites.map(({ name, question }) => `  ${name.padEnd(width)}  ${question}\n`).join('');
}

function timesTable(
  variants: readonly string[],
  comparisons: readonly Comparison[],
  ratioOf: Suite['ratioOf'],
): string[][] {
  const [subject = '', ...others] = variants;
  const beside: keyof Timing = ratioOf ?? 'p95';
  const withCallers = comparisons.some(({ callers }) => callers !== undefined);
  return [
    [
      'operation',
      ...(withCallers ? ['callers'] : []),
      ...variants.flatMap((name) => [`${name} p50`, beside]),
      ...others.map((name) => `× ${name}`),
    ],
    ...comparisons.map((comparison) => [
      comparison.operation,
      ...(withCallers ? [String(comparison.callers ?? '–')] : []),
      ...variants.flatMap((name) => {
        const timing = comparison.timings[name];
        return [milliseconds(timing?.p50), milliseconds(timing?.[beside])];
      }),
      ...others.map((other) => factor(ratio(comparison, subject, other, ratioOf))),
    ]),
  ];
}

function sizesTable(variants: readonly string[], sizes: readonly SizeComparison[]): string[][] {
  const [subject = '', ...others] = variants.filter((name) => sizes.some(({ bytes }) => name in bytes));
  return [
    ['bytes', ...[subject, ...others], ...others.map((name) => `× ${name}`)],
    ...sizes.map(({ what, bytes }) => [
      what,
      ...[subject, ...others].map((name) => wholeBytes(bytes[name])),
      ...others.map((other) => factor((bytes[subject] ?? NaN) / (bytes[other] ?? NaN))),
    ]),
  ];
}

function sharesTable(variants: readonly string[], shares: readonly ShareComparison[]): string[][] {
  return [
    ['percent', ...variants],
    ...shares.map(({ what, shares: share }) => [what, ...variants.map((name) => percent(share[name]))]),
  ];
}

/** The first column to the left, the others to the right, two spaces between. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0);
  return rows.map((row) => row.map(pad).join('  '));
}

/** A variant that takes long has fewer. */
function sampleCounts(comparisons: readonly Comparison[]): string {
  const counts = comparisons.flatMap(({ timings }) => Object.values(timings).map(({ samples }) => samples));
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most ? String(most) : `${least} to ${most}`;
}

function milliseconds(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(2);
}

function wholeBytes(value: number | undefined): string {
  return value === undefined ? '–' : Math.round(value).toLocaleString('en');
}

function percent(fraction = NaN): string {
  return Number.isNaN(fraction) ? '–' : (100 * fraction).toFixed(1);
}

/** A ratio for a person: two digits that mean something, also far below 1. */
export function factor(value: number): string {
  if (Number.isNaN(value)) return '–';
  return value < 0.1 ? value.toPrecision(2) : value.toFixed(2);
}
