import {
  exitCodeOf,
  PROCESS,
  readArguments,
  type Surroundings,
  UsageError,
  wholeNumber,
  writeFigures,
} from '../eval/command-line.js';
import { withScratchDatabase } from './scratch-database.js';
import { soak, type SoakReport } from './soak-run.js';
import type { Verdict } from './soak-verdict.js';

const HELP = `Runs the service for a while under a bounded load of all routes, and looks whether it takes more and more of anything.

  npm run soak -- --minutes N [options]

  --minutes N   how long the load lasts, a fraction allowed (default 5)
  --rate N      requests per second of all clients together, at most (default 60)
  --tenants N   tenants, of two clients each (default 4)
  --json FILE   write the figures to a file too
  --help        this text

With DATABASE_URL it makes a database of its own on that server and drops it in the end; without, it runs on the
embedded engine. The exit code is 1 when something grew by more than is allowed, or was answered as it must not be.
docs/operations.md says how that is judged.
`;

const OPTIONS = {
  minutes: { type: 'string' },
  rate: { type: 'string' },
  tenants: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** The command, from its arguments to its exit code. */
export async function main(args: readonly string[], surroundings: Surroundings = PROCESS): Promise<number> {
  let verdict = 0;
  const code = await exitCodeOf(async () => {
    const { values, positionals } = readArguments(args, OPTIONS, 'soak');
    if (positionals.length > 0)
      throw new UsageError(`There is no argument ${JSON.stringify(positionals[0])}.`);
    if (values.help) {
      surroundings.print(HELP);
      return;
    }
    const effort = {
      minutes: minutesOf(values.minutes),
      requestsPerSecond: wholeNumber('rate', values.rate) ?? 60,
      tenants: wholeNumber('tenants', values.tenants) ?? 4,
    };
    const run = (url: string | undefined): Promise<SoakReport> =>
      soak(url, effort, (line) => {
        surroundings.tell(`${line}\n`);
      });
    const server = surroundings.environment['DATABASE_URL'];
    const report = server ? await withScratchDatabase(server, run) : await run(undefined);
    surroundings.print(formatSoak(report));
    writeFigures(values.json, report);
    verdict = report.isFlat ? 0 : 1;
  }, surroundings);
  return code || verdict;
}

function minutesOf(given = '5'): number {
  const minutes = Number(given);
  if (!/^\d{1,5}(\.\d{1,3})?$/.test(given) || minutes < 0.1)
    throw new UsageError(`--minutes must be a number from 0.1, not ${JSON.stringify(given)}.`);
  return minutes;
}

/** The report for a person. */
export function formatSoak(report: SoakReport): string {
  const { engine, seconds, samples, verdicts, requests, aborted, unexpected, examples, isFlat } = report;
  const rows = [
    ['', 'first third', 'last third', 'growth', 'allowed', ''],
    ...verdicts.map(({ name, unit, first, last, growth, allowed, isFlat: flat }: Verdict) => [
      `${name}${unit && `, ${unit}`}`,
      ...[first, last, growth].map((value) => value.toFixed(1)),
      allowed?.toFixed(1) ?? '',
      flat === undefined ? '' : flat ? 'flat' : 'GROWS',
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const table = rows.map((row) =>
    row
      .map((cell, column) =>
        column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  return [
    ...table,
    '',
    `soak · ${engine} · ${seconds.toFixed(0)} s · ${samples} samples, medians of thirds after a warm-up of a fifth`,
    `${requests} requests, ${aborted} aborted besides, ${unexpected} answered as they must not be`,
    ...examples,
    isFlat ? 'All is flat.' : 'NOT FLAT.',
  ]
    .map((line) => `${line}\n`)
    .join('');
}
