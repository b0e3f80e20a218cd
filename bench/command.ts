import { execFileSync } from 'node:child_process';
import {
  exitCodeOf,
  PROCESS,
  readArguments,
  type Surroundings,
  UsageError,
  wholeNumber,
  writeFigures,
} from '../eval/command-line.js';
import packageJson from '../package.json' with { type: 'json' };
import { cache } from './cache.js';
import { compile } from './compile.js';
import { isolation } from './isolation.js';
import { neighbour } from './neighbour.js';
import { observability } from './observability.js';
import { resilience } from './resilience.js';
import { formatReport, formatSuites, type Measured } from './report.js';
import { recall } from './recall.js';
import { INSTALL_PEERS } from './recall-mem0.js';
import { sessions } from './sessions.js';
import type { Effort, Suite } from './suite.js';

/** Every suite, in the order in which they run; a new one is added here. */
const SUITES: readonly Suite[] = [
  isolation,
  sessions,
  recall,
  compile,
  cache,
  neighbour,
  resilience,
  observability,
];

const DEFAULTS: Effort = {
  iterations: 1_000,
  tenants: 200,
  largest: 5_000,
  longest: 5_000,
  seconds: 10,
  rows: 500_000,
};

const HELP = `Measures speed as ratios: the variants of an operation side by side, in one run.

  npm run bench -- [SUITE…] [options]

  SUITE             only these; all when none is named
  --iterations N    samples of each figure (default ${DEFAULTS.iterations})
  --tenants N       tenants that share the tables (default ${DEFAULTS.tenants})
  --largest N       memories of the largest tenant (default ${DEFAULTS.largest}); \`recall\` asks one more of over 100,000
  --longest N       messages of the longest thread (default ${DEFAULTS.longest})
  --seconds N       length of each window of a load (default ${DEFAULTS.seconds})
  --rows N          memories of other tenants, among which one's are found (default ${DEFAULTS.rows})
  --without-peers   measure no other products; for \`mem0ai\` to be measured run \`${INSTALL_PEERS}\` once
  --json FILE       write the figures to a file too, in milliseconds
  --help            this text

Suites:
${formatSuites(SUITES)}
It needs native PostgreSQL with pgvector: DATABASE_URL or TEST_DATABASE_URL names a server on which it may
create a database of its own, which it drops in the end. \`.ci/postgres start\` starts one and prints its URL.
`;

const NO_SERVER = `The bench needs native PostgreSQL, and neither DATABASE_URL nor TEST_DATABASE_URL is set.
Start a server with \`.ci/postgres start\`, which prints its URL, and run
  DATABASE_URL=<that URL> npm run bench
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
  suites: readonly Suite[];
  effort: Effort;
  withPeers: boolean;
  json: string | undefined;
}

async function run(
  { suites, effort, withPeers, json }: Request,
  { environment, print, tell }: Surroundings,
): Promise<void> {
  const server = environment['DATABASE_URL'] || environment['TEST_DATABASE_URL'];
  if (!server) throw new UsageError(NO_SERVER);
  const began = performance.now();
  const startedAt = new Date().toISOString();
  const measured: Measured[] = [];
  for (const suite of suites) {
    const say = (line: string): void => {
      tell(`${suite.name}: ${line}\n`);
    };
    const findings = await suite.run({ server, effort, withPeers, tell: say });
    const { name, variants, ratioOf } = suite;
    measured.push({ suite: name, variants, ...(ratioOf && { ratioOf }), ...findings });
  }
  const seconds = (performance.now() - began) / 1000;
  const report = { versions: versions(), startedAt, seconds, effort, suites: measured };
  print(formatReport(report));
  writeFigures(json, report);
}

function versions(): string[] {
  const commit = currentCommit();
  return [
    `triptych ${packageJson.version}`,
    ...(commit ? [`commit ${commit}`] : []),
    `node ${process.versions.node}`,
  ];
}

/** Outside a checkout, as in an installed package, there is none. */
function currentCommit(): string | undefined {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return git('rev-parse', '--short', 'HEAD') + (git('status', '--porcelain') ? ' with changes' : '');
  } catch {
    return undefined;
  }
}

const OPTIONS = {
  iterations: { type: 'string' },
  tenants: { type: 'string' },
  largest: { type: 'string' },
  longest: { type: 'string' },
  seconds: { type: 'string' },
  rows: { type: 'string' },
  'without-peers': { type: 'boolean' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const;

function parse(args: readonly string[]): Request & { help: boolean } {
  const { values, positionals } = readArguments(args, OPTIONS, 'bench');
  const known = new Map(SUITES.map((suite) => [suite.name, suite]));
  const unknown = positionals.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new UsageError(
      `There is no suite ${JSON.stringify(unknown)}. There are: ${[...known.keys()].join(', ')}.`,
    );
  const effort = (option: keyof Effort): number => wholeNumber(option, values[option]) ?? DEFAULTS[option];
  return {
    suites: SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    effort: {
      iterations: effort('iterations'),
      tenants: effort('tenants'),
      largest: effort('largest'),
      longest: effort('longest'),
      seconds: effort('seconds'),
      rows: effort('rows'),
    },
    withPeers: !values['without-peers'],
    json: values.json,
    help: values.help ?? false,
  };
}
