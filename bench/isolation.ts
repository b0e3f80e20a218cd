import pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import type { Query } from '../src/database/wire.js';
import { interleave, type Operation } from './interleave.js';
import { DIMENSIONS, load } from './isolation-data.js';
import { type Instance, workloads } from './isolation-workloads.js';
import { isolatedProduct, type Product, unscopedProduct } from './product.js';
import { ratio } from './report.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Comparison, Findings, Suite } from './suite.js';
import type { UnscopedPool } from './unscoped-pool.js';

const VARIANTS = {
  isolated:
    'Triptych as it is: runtime role, forced row-level security, each statement in a scope of its own',
  without: "the same classes as a superuser past every policy, on node-postgres' own pool",
  'bare SQL': 'the statements that the read sends, tenant predicate included, sent alone; no mapping of rows',
};
const CALLERS = [1, 8];
/** What isolation may cost a hot read, at p50. */
const TARGET = 1.3;

/** The same reads and writes with isolation and without it. */
export const isolation: Suite = {
  name: 'isolation',
  question: 'What does it cost a read or a write that the database keeps tenants apart?',
  variants: VARIANTS,
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, tell }: Bench): Promise<Findings> {
  const options = checkOptions({
    database: { url, migrateOnStart: true, poolSize: Math.max(...CALLERS) },
    embeddings: { dimensions: DIMENSIONS },
  });
  const isolated = await isolatedProduct(options);
  const without = await unscopedProduct(options);
  const bare = new pg.Pool({ connectionString: url, max: Math.max(...CALLERS) });
  try {
    tell(`loading ${effort.tenants} tenants and one of ${effort.largest} memories`);
    await load(url, effort);
    const comparisons: Comparison[] = [];
    for (const { operation, kind, instances } of workloads(effort)) {
      const statements = kind === 'read' ? await recorded(without, without.pool, instances) : undefined;
      for (const callers of CALLERS) {
        tell(`${operation}, ${callers} at once`);
        const variants = {
          isolated: through(isolated, instances, 'isolated'),
          without: through(without, instances, 'without'),
          ...(statements && { 'bare SQL': alone(bare, statements) }),
        };
        const timings = await interleave(variants, { iterations: effort.iterations, callers });
        comparisons.push({ operation: `${kind} · ${operation}`, callers, timings });
      }
    }
    return { surroundings: await surroundings(bare, effort), comparisons, notes: [verdict(comparisons)] };
  } finally {
    await Promise.all([isolated.close(), without.close(), bare.end()]);
  }
}

/** Each variant writes to rows of its own, so that none meets what another left. */
function through(product: Product, instances: readonly Instance[], variant: string): Operation {
  return (sample) => {
    const { tenant, work } = pick(instances, sample);
    return product.tenants.run(tenant, () => work(product, variant));
  };
}

/** One after the other, as the read sends them. */
function alone(pool: pg.Pool, reads: readonly (readonly Query[])[]): Operation {
  type Send = (...query: Query) => Promise<unknown>;
  return async (sample) => {
    for (const statement of pick(reads, sample))
      await (pool.query as unknown as Send).apply(pool, statement as unknown[]);
  };
}

/** The statements that each instance of a read sends. */
async function recorded(
  product: Product,
  pool: UnscopedPool,
  instances: readonly Instance[],
): Promise<(readonly Query[])[]> {
  const recordings: (readonly Query[])[] = [];
  for (const { tenant, work } of instances) {
    const statements = await pool.record(() => product.tenants.run(tenant, () => work(product, 'recorded')));
    if (statements.length === 0) throw new Error('A read was to send a statement and sent none.');
    recordings.push(statements);
  }
  return recordings;
}

function pick<T>(items: readonly T[], sample: number): T {
  const item = items[sample % items.length];
  if (item === undefined) throw new Error('There is nothing to measure.');
  return item;
}

async function surroundings(pool: pg.Pool, { tenants, largest }: Bench['effort']): Promise<string[]> {
  const { rows } = await pool.query<{ postgres: string; pgvector: string; fsync: string }>(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres, extversion AS pgvector,
            current_setting('fsync') AS fsync
       FROM pg_extension WHERE extname = 'vector'`,
  );
  const [server] = rows;
  return [
    `PostgreSQL ${server?.postgres ?? ''} (fsync ${server?.fsync ?? ''})`,
    `pgvector ${server?.pgvector ?? ''}`,
    `${tenants} tenants and one of ${largest} memories, ${DIMENSIONS} dimensions`,
  ];
}

function verdict(comparisons: readonly Comparison[]): string {
  const reads = comparisons.filter(({ operation }) => operation.startsWith('read'));
  const cost = (comparison: Comparison): number => ratio(comparison, 'isolated', 'without');
  const over = reads.filter((read) => cost(read) > TARGET);
  const misses = over.map((read) => `${read.operation}, ${read.callers} at once (${cost(read).toFixed(2)})`);
  return (
    `Target for reads: × without ≤ ${TARGET}; ` +
    (over.length === 0 ? `met by all ${reads.length}.` : `not met by ${misses.join('; ')}.`)
  );
}
