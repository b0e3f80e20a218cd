import { type Figures } from './figures.js';
import { type Setup } from './service.js';

/** Everything one run measured; what `--json` writes. */
export interface Report {
  setup: Setup;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** Of the whole run, the start of the service included. */
  seconds: number;
  /** Model tiers, in the order of their columns. */
  tiers: readonly string[];
  datasets: Figures[];
}

/** The report for a person: two tables with a row for each data set, what it was measured on, and the notes. */
export function formatReport({ setup, seconds, tiers, datasets }: Report): string {
  const head = ['data set', 'docs', 'questions', 'R@5', 'R@10', '95 % interval', 'R@25', 'MRR', 'nDCG@10'];
  const kept = tiers.flatMap((tier) => [`kept ${tier}`, 'spilling']);
  const columns = [...head, 'none found', ...kept, 'p50 ms', 'p95 ms'];
  const rows = datasets.map((figures) => [
    figures.dataset,
    String(figures.documents),
    String(figures.questions),
    percent(figures.recallAt5),
    percent(figures.recallAt10),
    figures.recallAt10Interval.map(percent).join(' – '),
    percent(figures.recallAt25),
    percent(figures.mrr),
    percent(figures.ndcgAt10),
    percent(figures.zeroResults),
    ...tiers.flatMap((tier) => [
      percent(figures.evidenceKept[tier]),
      percent(figures.evidenceKeptSpilling[tier]),
    ]),
    figures.searchMs.p50.toFixed(1),
    figures.searchMs.p95.toFixed(1),
  ]);
  const { triptych, node, engine, postgres, pgvector, embedder, dimensions } = setup;
  const made = [
    `triptych ${triptych}`,
    `node ${node}`,
    `${engine === 'embedded' ? 'embedded PostgreSQL' : 'PostgreSQL'} ${postgres}`,
    `pgvector ${pgvector}`,
    `embedder ${embedder}, ${dimensions} dimensions`,
    `${seconds.toFixed(0)} s`,
  ];
  const notes = datasets.flatMap((figures) => figures.notes.map((note) => `${figures.dataset}: ${note}`));
  const otherwise = [
    ['R@10', 'both', 'words alone', 'vectors alone', 'one letter wrong'],
    ...datasets.map(({ dataset, recallAt10, recallAt10Otherwise: { words, vectors, misspelt } }) => [
      dataset,
      ...[recallAt10, words, vectors, misspelt].map(percent),
    ]),
  ];
  const tables = [...align([columns, ...rows]), '', ...align(otherwise)];
  return [...tables, '', made.join(' · '), ...notes].map((line) => `${line}\n`).join('');
}

/** The first column to the left, the others to the right, two spaces between. */
function align(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  '),
  );
}

function percent(fraction = NaN): string {
  return Number.isNaN(fraction) ? '–' : (100 * fraction).toFixed(1);
}
