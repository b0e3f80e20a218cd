import { loadavg } from 'node:os';
import pg from 'pg';
import { ReadsByHand } from './compile-by-hand.js';
import { dataOf, fill, threadsOf } from './compile-data.js';
import { CONNECTIONS, measureHttp } from './compile-http.js';
import { measureRates, type RatesAtLength } from './compile-rates.js';
import { targetsOf } from './compile-targets.js';
import { count, measureCompiles, measurePure } from './compile-times.js';
import { CompileService } from './compile-triptych.js';
import { CALLERS } from './recall-contestants.js';
import { questionsOf } from './recall-data.js';
import { DIMENSIONS } from './recall-embedder.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Comparison, Findings, Suite } from './suite.js';

const QUESTIONS = 100;

/** A working context beside the reads that it takes at least, and beside other ways to make one. */
export const compile: Suite = {
  name: 'compile',
  question: 'What does a working context cost, beside its two reads by hand and other ways to make one?',
  variants: {
    Triptych:
      'compileWorkingContext as it is: words and vectors, budget, receipt, runtime role, forced row-level security; ' +
      'over HTTP with an API key',
    'in turn':
      'its two reads by hand on plain node-postgres, one after the other: the newest messages, as many as are kept, ' +
      'and the nearest memories by vectors alone; runtime role and scope set by hand',
    'at once': 'the same two on two connections at the same time',
    'bare route': 'the same two at once in a route of Fastify that answers their rows as JSON',
    'first design':
      'PostgresSaver.get, an IVFFlat index of all tenants together, tokens counted by tiktoken each time, ' +
      'cut message by message',
    LangGraph: 'PostgresSaver.get, PostgresStore.search by vectors, tokens and cut as before',
  },
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, withPeers, tell }: Bench): Promise<Findings> {
  const load = loadavg().map((average) => average.toFixed(1));
  const data = dataOf(effort);
  const service = await CompileService.open(url, CALLERS);
  const byHand = ReadsByHand.open(url, CALLERS);
  try {
    await fill(service, data, tell);
    const surroundings = await ready(url);
    const task = {
      ...{ service, byHand, tenant: data.many, lengths: data.lengths, iterations: effort.iterations },
      questions: questionsOf(data.many, QUESTIONS, service.embedder),
    };
    tell('one caller');
    const times = await measureCompiles(task);
    const pure = await measurePure(task);
    const { seconds } = effort;
    const http = await measureHttp({ service, data, url, seconds, tell });
    const threads = threadsOf(data.peerLengths);
    const rates = await measureRates({ service, byHand, data, threads, url, seconds, withPeers, tell });
    return {
      surroundings: [
        ...surroundings,
        `${DIMENSIONS} dimensions, clustered`,
        `load average ${load.join(', ')} at the start`,
      ],
      comparisons: [
        ...times,
        pure,
        ...rates.map((row) => comparisonOf(row, CALLERS)),
        ...http.map((row) => comparisonOf(row, CONNECTIONS)),
      ],
      notes: [
        `One caller: a tenant of ${count(data.many.rows)} memories among ${count(data.memories - data.many.rows)} of others; ` +
          'messages of about 450 characters, memories of 200.',
        ...[...rates, ...http].map(perSecond),
        ...targetsOf({ few: data.few.rows, times, pure, rates, http }),
      ],
    };
  } finally {
    await Promise.all([service.close(), byHand.close()]);
  }
}

/** Before autovacuum comes by, the planner knows nothing of tables just filled. */
async function ready(url: string): Promise<string[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await client.query('VACUUM (ANALYZE)');
    const { rows } = await client.query<{ postgres: string; pgvector: string; fsync: string }>(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres, extversion AS pgvector,
              current_setting('fsync') AS fsync
         FROM pg_extension WHERE extname = 'vector'`,
    );
    const [server] = rows;
    return [
      `PostgreSQL ${server?.postgres ?? ''} (fsync ${server?.fsync ?? ''})`,
      `pgvector ${server?.pgvector ?? ''}`,
    ];
  } finally {
    await client.end();
  }
}

function comparisonOf({ operation, rates }: RatesAtLength, callers: number): Comparison {
  const timings = Object.entries(rates).map(([name, { timing }]) => [name, timing]);
  return { operation, callers, timings: Object.fromEntries(timings) as Comparison['timings'] };
}

function perSecond({ operation, rates }: RatesAtLength): string {
  const each = Object.entries(rates).map(([name, rate]) => `${name} ${rate.perSecond.toFixed(1)}`);
  return `${operation}, per second: ${each.join(', ')}.`;
}
