import { resolve } from 'node:path';
import {
  exitCodeOf,
  PROCESS,
  readArguments,
  type Surroundings,
  UsageError,
  wholeNumber,
  writeFigures,
} from './command-line.js';
import { readDatasets } from './datasets.js';
import { evaluate } from './evaluate.js';
import { type Figures } from './figures.js';
import { formatReport } from './report.js';
import { Service } from './service.js';

const DEFAULT_FOLDER = '../shared/eval';

const HELP = `Measures how well questions about conversations find the turns that answer them.

  npm run eval -- [DIR] [options]

  DIR, --data DIR   folder of data sets, *.json (default ${DEFAULT_FOLDER})
  --dataset NAME    only this data set; may be given more than once
  --limit N         only the first N conversations of each data set
  --json FILE       write the figures to a file too, as fractions from 0 to 1
  --help            this text

A data set is {name, tenants: [{id, docs: [{id, text, speaker, date, session, pos}], queries: [{id, q, rel}]}]}.
Each conversation becomes a tenant, and each document a memory and a message of the tenant's one thread. The
service runs inside the command on an embedded database that keeps nothing, or on DATABASE_URL, where the
tenants are erased when they have been asked; the other settings of the service hold here too.

Columns, in percent, averaged over the questions that name evidence:
  R@k          share of a question's evidence among the first k results, with a 95 % bootstrap interval for R@10
  MRR          1 / rank of the first evidence among 25 results
  nDCG@10      discounted gain of the first 10 results over the best possible
  none found   questions without any result
  kept TIER    share of the evidence that stands whole in the working context compiled for that model tier, without
               spill-over; \`spilling\` beside it: with spill-over

The second table has R@10 of the same questions: by words and vectors, by words alone, by vectors alone, and with one
letter wrong in one word of each question, the mean of three such.
`;

/** The command, from its arguments to its exit code. */
export function main(args: readonly string[], surroundings: Surroundings = PROCESS): Promise<number> {
  return exitCodeOf(async () => {
    const { help, ...request } = parse(args);
    if (help) surroundings.print(HELP);
    else await run(request, surroundings);
  }, surroundings);
}

interface Request {
  folder: string;
  names: string[] | undefined;
  limit: number | undefined;
  json: string | undefined;
}

async function run(
  { folder, names, limit, json }: Request,
  { environment, print, tell }: Surroundings,
): Promise<void> {
  const began = performance.now();
  const startedAt = new Date();
  const sets = readDatasets(folder, { names, limit });
  const service = await Service.start(environment);
  try {
    const datasets: Figures[] = [];
    for (const [index, set] of sets.entries()) {
      const prefix = `eval-${startedAt.getTime()}-${index + 1}`;
      datasets.push(
        await evaluate(service, set, prefix, (line) => {
          tell(`${line}\n`);
        }),
      );
    }
    const report = {
      setup: await service.setup(),
      startedAt: startedAt.toISOString(),
      seconds: (performance.now() - began) / 1000,
      tiers: [...service.tiers.keys()],
      datasets,
    };
    print(formatReport(report));
    writeFigures(json, report);
  } finally {
    await service.close();
  }
}

const OPTIONS = {
  data: { type: 'string' },
  dataset: { type: 'string', multiple: true },
  limit: { type: 'string' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

function parse(args: readonly string[]): Request & { help: boolean } {
  const { values, positionals } = readArguments(args, OPTIONS, 'eval');
  const { data, dataset: names, limit, json, help = false } = values;
  if (positionals.length > (data === undefined ? 1 : 0))
    throw new UsageError('Name one folder of data sets.');
  return {
    folder: resolve(data ?? positionals[0] ?? DEFAULT_FOLDER),
    names,
    limit: wholeNumber('limit', limit),
    json,
    help,
  };
}
