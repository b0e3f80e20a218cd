import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { timingOf } from './interleave.js';
import { LoadProcess, type LoadResult } from './load.js';
import { registerTenants, type Tenant } from './neighbour-tenants.js';
import { ratio } from './report.js';
import { withScratchDatabase } from './scratch-database.js';
import { ServiceProcess } from './service-process.js';
import type { Bench, Comparison, Findings, Suite } from './suite.js';
import { atMost } from './target.js';

const BESIDE = 'beside';
const ALONE = 'alone';
/** Requests per second. */
const RATE = { limit: 50, calm: 25, flood: 500 };
const CONNECTIONS = { calm: 32, flood: 256 };
const WARM_UP_S = 2;
/** In an order in which neither comes later than the other on average. */
const WINDOWS = [ALONE, BESIDE, BESIDE, ALONE, ALONE, BESIDE, BESIDE, ALONE] as const;
/** The flood begins earlier than the window beside it and ends later; before the next it has died down. */
const MARGIN_S = 0.3;
const TARGET = 2;

/** A tenant that keeps within its limit, alone and beside one that sends ten times its own. */
export const neighbour: Suite = {
  name: 'neighbour',
  question: 'What does a tenant notice when another sends ten times its rate limit?',
  variants: {
    [BESIDE]: `a tenant at ${RATE.calm} requests/s while another sends ${RATE.flood}/s, ten times the limit`,
    [ALONE]: 'the same tenant by itself; windows of both alternate',
  },
  ratioOf: 'p99',
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, tell }: Bench): Promise<Findings> {
  const service = await ServiceProcess.start({
    DATABASE_URL: url,
    AUTH_MODE: 'api-key',
    RATE_LIMIT: String(RATE.limit),
    MIGRATE_ON_START: 'true',
  });
  const calm = new LoadProcess();
  const flood = new LoadProcess();
  try {
    const tenants = await registerTenants({ databaseUrl: url, serviceUrl: service.url }, ['calm', 'loud']);
    const [quiet, loud] = tenants as [Tenant, Tenant];
    const calmly = (seconds: number): Promise<LoadResult> =>
      calm.run({ url: service.url, ...quiet, rate: RATE.calm, connections: CONNECTIONS.calm, seconds });
    const flooding = (seconds: number): Promise<LoadResult> =>
      flood.run({ url: service.url, ...loud, rate: RATE.flood, connections: CONNECTIONS.flood, seconds });
    await Promise.all([calmly(WARM_UP_S), flooding(WARM_UP_S)]);
    const results: Record<typeof ALONE | typeof BESIDE, LoadResult[]> = { [ALONE]: [], [BESIDE]: [] };
    const floods: LoadResult[] = [];
    for (const [number, kind] of WINDOWS.entries()) {
      tell(`window ${number + 1} of ${WINDOWS.length}, ${effort.seconds} s: ${kind}`);
      const noise = kind === BESIDE ? flooding(effort.seconds + 2 * MARGIN_S) : undefined;
      await sleep(MARGIN_S * 1_000);
      results[kind].push(await calmly(effort.seconds));
      if (noise) floods.push(await noise);
      await sleep(MARGIN_S * 1_000);
    }
    const comparisons = compare(results);
    return {
      surroundings: await surroundings(url, effort.seconds),
      comparisons,
      notes: notesOn(results, floods, comparisons[0]),
    };
  } finally {
    await Promise.allSettled([calm.stop(), flood.stop()]);
    await service.stop();
  }
}

type Results = Readonly<Record<typeof ALONE | typeof BESIDE, readonly LoadResult[]>>;

/** All requests together, then each kind. */
function compare(results: Results): Comparison[] {
  const operations = Object.keys(results[ALONE][0]?.times ?? {});
  const row = (operation: string, ...of: string[]): Comparison => ({
    operation,
    timings: Object.fromEntries(
      [BESIDE, ALONE].map((kind) => [
        kind,
        timingOf(
          results[kind as keyof Results].flatMap(({ times }) => of.flatMap((name) => times[name] ?? [])),
        ),
      ]),
    ),
  });
  return [row('all requests', ...operations), ...operations.map((operation) => row(operation, operation))];
}

function notesOn(results: Results, floods: readonly LoadResult[], all: Comparison | undefined): string[] {
  const p99s = (kind: keyof Results): string =>
    results[kind].map(({ times }) => timingOf(Object.values(times).flat()).p99.toFixed(1)).join(', ');
  return [
    `p99 of each window: ${p99s(ALONE)} alone; ${p99s(BESIDE)} beside`,
    `the calm tenant: ${summaryOf([...results[ALONE], ...results[BESIDE]])}`,
    `the flood: ${summaryOf(floods)}`,
    atMost('p99 of all requests, beside over alone', all ? ratio(all, BESIDE, ALONE, 'p99') : NaN, TARGET),
  ];
}

function summaryOf(results: readonly LoadResult[]): string {
  const total = (of: (result: LoadResult) => number): number =>
    results.reduce((sum, result) => sum + of(result), 0);
  const statuses = [...new Set(results.flatMap((result) => Object.keys(result.statuses)))].sort();
  return (
    `${(total(({ sent }) => sent) / total(({ seconds }) => seconds)).toFixed(0)} requests/s, ` +
    `${total(({ leftOut }) => leftOut)} more left out for want of a free connection; answered ` +
    statuses.map((status) => `${status}: ${total((result) => result.statuses[status] ?? 0)}`).join(', ')
  );
}

async function surroundings(url: string, seconds: number): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ postgres: string }>(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres`,
    );
    return [`PostgreSQL ${rows[0]?.postgres ?? ''}`, `${WINDOWS.length} windows of ${seconds} s`];
  } finally {
    await client.end();
  }
}
