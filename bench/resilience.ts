import pg from 'pg';
import { ratio } from './report.js';
import { guardCost } from './resilience-guard.js';
import { drained, type Drained } from './resilience-drain.js';
import { DIMENSIONS, ProviderProcess } from './resilience-provider.js';
import { readsBesideProvider } from './resilience-reads.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Comparison, Findings, Suite } from './suite.js';
import { atMost } from './target.js';

const SUBJECT = 'Triptych';
/** Store and search with guard and queue over those without. */
const GUARD_TARGET = 1.1;
/** p99 of session reads while the provider hangs over that while it answers. */
const READS_TARGET = 1.2;

/** What it costs that embeddings may fail, and what others notice when they do. */
export const resilience: Suite = {
  name: 'resilience',
  question:
    'What does it cost to be ready for an embedding provider that fails, and who notices when it does?',
  variants: {
    [SUBJECT]:
      'as it is: breaker, bulkhead, queue and its worker; session reads while the provider hangs; the queue that drains',
    without: 'the same classes on the bare client of the provider, without a worker',
    'provider answers':
      'the same session reads beside the same load while the provider answers; windows of both alternate',
    'texts alone':
      'the same texts sent to the provider in requests of the same size, one after the other, and nothing stored',
  },
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, tell }: Bench): Promise<Findings> {
  const provider = await ProviderProcess.start();
  try {
    const guarded = await guardCost(url, provider, { effort, tell });
    const { reads, notes: readNotes } = await readsBesideProvider(url, provider, { effort, tell });
    const drain = await drained(url, provider, tell);
    return {
      surroundings: [
        `PostgreSQL ${await versionOf(url)}`,
        `${DIMENSIONS} dimensions`,
        'provider 20 ms a request',
      ],
      comparisons: [...guarded, reads, asComparison(drain)],
      notes: [
        ...readNotes,
        `The queue: ${drain.memories} memories in ${drain.requests} requests.`,
        ...guarded.map((comparison) =>
          atMost(
            `${comparison.operation}, ${comparison.callers ?? 1} at once, over without`,
            ratio(comparison, SUBJECT, 'without'),
            GUARD_TARGET,
          ),
        ),
        atMost(
          'p99 of session reads while the provider hangs, over while it answers',
          ratio(reads, SUBJECT, 'provider answers', 'p99'),
          READS_TARGET,
        ),
      ],
    };
  } finally {
    await provider.stop();
  }
}

function asComparison({ memories, milliseconds, aloneMilliseconds }: Drained): Comparison {
  const once = (took: number) => ({ p50: took, p95: took, p99: took, samples: 1 });
  return {
    operation: `finish ${memories.toLocaleString('en')} pending embeddings`,
    timings: { [SUBJECT]: once(milliseconds), 'texts alone': once(aloneMilliseconds) },
  };
}

async function versionOf(url: string): Promise<string> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    const { rows } = await client.query<{ postgres: string }>(
      `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres`,
    );
    return rows[0]?.postgres ?? '';
  } finally {
    await client.end();
  }
}
