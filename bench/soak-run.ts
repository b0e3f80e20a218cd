import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { SoakClient } from './soak-client.js';
import { SoakWorker, type LoadFigures } from './soak-load.js';
import type { ProcessFigures } from './soak-service.js';
import { judge, type Series, type Verdict } from './soak-verdict.js';

export interface SoakEffort {
  readonly minutes: number;
  /** Of all clients together, at most. */
  readonly requestsPerSecond: number;
  readonly tenants: number;
}

export interface SoakReport extends LoadFigures {
  readonly engine: 'embedded' | 'postgres';
  readonly seconds: number;
  readonly samples: number;
  readonly verdicts: readonly Verdict[];
  readonly isFlat: boolean;
}

interface Sample extends ProcessFigures {
  readonly seconds: number;
  readonly connections?: number;
}

const MB = 2 ** 20;
const START_WITHIN_MS = 180_000;
/** Samples of a run: enough for a median of thirds, and not so many that collecting garbage is the load. */
const SAMPLES = 60;
const CLIENTS_OF_A_TENANT = 2;

/** What each figure may grow by: see docs/operations.md. */
const ALLOWANCES: Readonly<Record<string, Series['allowance']>> = {
  heap: { absolute: 4, relative: 0.05 },
  external: { absolute: 16, relative: 0.1 },
  rss: { absolute: 64, relative: 0.2 },
  // The embedded engine keeps the files of tables and indexes open that were touched once, so they end.
  files: { absolute: 8, relative: 0.1 },
  sockets: { absolute: 8, relative: 0 },
  connections: { absolute: 2, relative: 0 },
};

/**
 * Runs the built service under a bounded load for so long, and looks whether it takes more and more of anything.
 * @param url an empty database; undefined for the embedded engine, in a folder that is removed afterwards
 * @param tell called with progress
 */
export async function soak(
  url: string | undefined,
  { minutes, requestsPerSecond, tenants }: SoakEffort,
  tell: (line: string) => void,
): Promise<SoakReport> {
  const folder = mkdtempSync(join(tmpdir(), 'triptych-soak-'));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'soak-service.js')], {
    cwd: folder,
    env: {
      ...(url === undefined
        ? { DATA_DIR: join(folder, 'data') }
        : { DATABASE_URL: url, MIGRATE_ON_START: 'true' }),
      ...{ HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'error' },
    },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const watcher = url === undefined ? undefined : new pg.Client(url);
  try {
    await watcher?.connect();
    const client = new SoakClient(await listening(child));
    const figures: LoadFigures = { requests: 0, aborted: 0, unexpected: 0, examples: [] };
    const began = performance.now();
    const seconds = (): number => (performance.now() - began) / 1_000;
    const isOver = (): boolean => seconds() > minutes * 60 || child.exitCode !== null;
    const workers = Array.from(
      { length: tenants * CLIENTS_OF_A_TENANT },
      (_, index) => new SoakWorker(client, `tenant-${index % tenants}`, figures, `w${index}`, index + 1),
    );
    const pauseMs = (1_000 * workers.length) / requestsPerSecond;
    const load = Promise.all(workers.map((worker) => worker.run(pauseMs, isOver)));
    const samples: Sample[] = [];
    while (!isOver()) {
      await sleep((minutes * 60_000) / SAMPLES);
      const sample = { seconds: seconds(), ...(await sampleOf(child)), ...(await connectionsOf(watcher)) };
      samples.push(sample);
      tell(progress(sample, figures));
    }
    await load;
    client.close();
    const verdicts = seriesOf(samples).map(judge);
    const isFlat = verdicts.every((verdict) => verdict.isFlat !== false) && figures.unexpected === 0;
    const engine = url === undefined ? 'embedded' : 'postgres';
    return { engine, seconds: seconds(), samples: samples.length, verdicts, isFlat, ...figures };
  } finally {
    await watcher?.end();
    await stop(child);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function listening(child: ChildProcess): Promise<string> {
  const end = Date.now() + START_WITHIN_MS;
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said += text));
  for (;;) {
    const [, url] = /listens on (\S+?);/.exec(said) ?? [];
    if (url !== undefined) return url;
    if (child.exitCode !== null || Date.now() > end) throw new Error(`The service did not start:\n${said}`);
    await sleep(50);
  }
}

async function sampleOf(child: ChildProcess): Promise<ProcessFigures> {
  const stop = new AbortController();
  const { signal } = stop;
  const answered = once(child, 'message', { signal }) as Promise<[ProcessFigures]>;
  const ended = once(child, 'exit', { signal }).then(([code]) => {
    throw new Error(`The service ended by itself, with ${String(code)}.`);
  });
  // The one of the two that does not come about.
  ended.catch(() => undefined);
  answered.catch(() => undefined);
  child.send('sample');
  try {
    const [figures] = await Promise.race([answered, ended]);
    return figures;
  } finally {
    stop.abort();
  }
}

/** Of the service, not of who counts them. */
async function connectionsOf(watcher: pg.Client | undefined): Promise<{ connections?: number }> {
  if (!watcher) return {};
  const { rows } = await watcher.query<{ connections: number }>(
    `SELECT count(*)::integer AS connections FROM pg_stat_activity
      WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
  return { connections: rows[0]?.connections ?? 0 };
}

function seriesOf(samples: readonly Sample[]): Series[] {
  const series = (name: keyof Sample, unit: Series['unit'], divisor = 1): Series[] => {
    const points = samples.flatMap((sample): [number, number][] => {
      const value = sample[name];
      return value === undefined ? [] : [[sample.seconds, value / divisor]];
    });
    const allowance = ALLOWANCES[name];
    return points.length === 0 ? [] : [{ name, unit, points, ...(allowance && { allowance }) }];
  };
  return [
    ...series('heap', 'MB', MB),
    ...series('external', 'MB', MB),
    ...series('rss', 'MB', MB),
    ...series('files', ''),
    ...series('sockets', ''),
    ...series('connections', ''),
    ...series('lagMs', 'ms'),
  ];
}

function progress({ seconds, heap, rss, files, sockets, connections }: Sample, load: LoadFigures): string {
  const parts = [
    `${seconds.toFixed(0)} s`,
    `heap ${(heap / MB).toFixed(1)} MB`,
    `rss ${(rss / MB).toFixed(0)} MB`,
    ...(files === undefined ? [] : [`files ${files}`, `sockets ${sockets}`]),
    ...(connections === undefined ? [] : [`connections ${connections}`]),
    `${load.requests} requests, ${load.unexpected} unexpected`,
  ];
  return parts.join(' · ');
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGTERM');
  await exited;
}
