import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import packageJson from '../package.json' with { type: 'json' };
import { StartupError } from '../src/errors.js';
import { isolation } from './isolation.js';
import { formatReport, formatSuites, type Measured } from './report.js';
import { type Effort, type Suite, UsageError } from './suite.js';

/** Every suite, in the order in which they run; a new one is added here. */
const SUITES: readonly Suite[] = [isolation];

const DEFAULTS: Effort = { iterations: 1_000, tenants: 200, largest: 5_000 };

const HELP = `Measures speed as ratios: the variants of an operation side by side, in one run.

  npm run bench -- [SUITE…] [options]

  SUITE             only these; all when none is named
  --iterations N    samples of each figure (default ${DEFAULTS.iterations})
  --tenants N       tenants that share the tables (default ${DEFAULTS.tenants})
  --largest N       memories of the largest tenant (default ${DEFAULTS.largest})
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

/** Where a run finds its server and where it speaks. */
export interface Surroundings {
  environment: NodeJS.ProcessEnv;
  print: (text: string) => void;
  /** What is no result: progress, and what went wrong. */
  tell: (text: string) => void;
}

const PROCESS: Surroundings = {
  environment: process.env,
  print: (text) => process.stdout.write(text),
  tell: (text) => process.stderr.write(text),
};

/** The command, from its arguments to its exit code. */
export async function main(args: readonly string[], surroundings: Surroundings = PROCESS): Promise<number> {
  const { print, tell } = surroundings;
  try {
    const { help, ...request } = parse(args);
    if (help) print(HELP);
    else await run(request, surroundings);
    return 0;
  } catch (error) {
    if (!(error instanceof UsageError || error instanceof StartupError)) throw error;
    tell(`${error.message.trimEnd()}\n`);
    return 1;
  }
}

interface Request {
  suites: readonly Suite[];
  effort: Effort;
  json: string | undefined;
}

async function run(
  { suites, effort, json }: Request,
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
    const findings = await suite.run({ server, effort, tell: say });
    measured.push({ suite: suite.name, variants: suite.variants, ...findings });
  }
  const seconds = (performance.now() - began) / 1000;
  const report = { versions: versions(), startedAt, seconds, effort, suites: measured };
  print(formatReport(report));
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(report, null, 2)}\n`);
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

function parse(args: readonly string[]): Request & { help: boolean } {
  const { values, positionals } = readArguments(args);
  const known = new Map(SUITES.map((suite) => [suite.name, suite]));
  const unknown = positionals.find((name) => !known.has(name));
  if (unknown !== undefined)
    throw new UsageError(
      `There is no suite ${JSON.stringify(unknown)}. There are: ${[...known.keys()].join(', ')}.`,
    );
  return {
    suites: SUITES.filter(({ name }) => positionals.length === 0 || positionals.includes(name)),
    effort: {
      iterations: count('iterations', values.iterations),
      tenants: count('tenants', values.tenants),
      largest: count('largest', values.largest),
    },
    json: values.json,
    help: values.help ?? false,
  };
}

function count(option: keyof Effort, given: string | undefined): number {
  if (given === undefined) return DEFAULTS[option];
  if (!/^[1-9]\d{0,6}$/.test(given))
    throw new UsageError(`--${option} must be a whole number from 1, not ${JSON.stringify(given)}.`);
  return Number(given);
}

function readArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        iterations: { type: 'string' },
        tenants: { type: 'string' },
        largest: { type: 'string' },
        json: { type: 'string' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    throw new UsageError(`${(error as Error).message}\nSee npm run bench -- --help.`);
  }
}
