import { type RecallByHand } from './recall-by-hand.js';
import { questionsOf, tenantOf, type MeasuredTenant } from './recall-data.js';
import { LIMIT } from './recall-contestants.js';
import { measureTimes, type Asked, type AtSize } from './recall-times.js';
import { fill, withTriptych, type Filled } from './recall-triptych.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Comparison, Effort } from './suite.js';

/** Memories of the tenants that are asked. */
const SIZES = [10, 100, 1_000, 10_000, 100_000];
/** The largest whose vectors are copied into a table as it is usually made, and that has as many samples as the rest. */
const LARGEST_SMALL = 10_000;
/** The tenant whose time is compared while the rows of others grow 50-fold. */
const GROWTH = { rows: 1_000, times: 50 };
const QUESTIONS = 100;

export interface RecallFigure {
  readonly rows: number;
  readonly questions: number;
  /** Share of the exact ten that were found, on average. */
  readonly recall: number;
  /** Results of the search that had fewest. */
  readonly fewest: number;
  /** Results of another tenant. */
  readonly foreign: number;
}

export interface Nearness {
  readonly recall: readonly RecallFigure[];
  readonly times: readonly AtSize[];
  readonly fewer: Comparison | undefined;
  /** In the larger database. */
  readonly memories: number;
  readonly tenants: number;
  /** Of the server. */
  readonly versions: readonly string[];
}

/** On two databases at once: one tenant with few rows of others, and all tenants with all rows. */
export function measureNearness(bench: Bench): Promise<Nearness> {
  const { effort, tell, server } = bench;
  const all = askedTenants(effort);
  const few = Math.ceil(effort.rows / GROWTH.times);
  const single = growthTenant(bench);
  const isSmall = ({ rows }: MeasuredTenant): boolean => rows <= LARGEST_SMALL;
  const ask = (tenant: MeasuredTenant, { embedder }: Filled): Asked => ({
    tenant,
    questions: questionsOf(tenant, QUESTIONS, embedder),
    inUsualTable: isSmall(tenant),
  });
  return withScratchDatabase(server, (smallUrl) =>
    withTriptych(smallUrl, async (small, smallByHand) => {
      tell(`${few + single.rows} memories into a small database`);
      await fill(small, smallByHand, { measured: [single], others: few, tell });
      return withScratchDatabase(server, (url) =>
        withTriptych(url, async (filled, byHand) => {
          tell(
            `${effort.rows} memories of others, and ${all.map(({ rows }) => rows).join(', ')} of those that are asked`,
          );
          await fill(filled, byHand, { measured: all, others: effort.rows, tell });
          await byHand.copyToUsualTable(all.filter(isSmall).map(({ id }) => id));
          const asked = all.map((tenant) => ask(tenant, filled));
          const figures: RecallFigure[] = [];
          for (const each of asked) {
            tell(`recall of ${each.tenant.rows} memories`);
            figures.push(await measureRecall(filled, byHand, each));
          }
          tell('times');
          const times = await measureTimes(filled, byHand, {
            asked: asked.filter(({ tenant }) => isSmall(tenant)),
            iterations: effort.iterations,
            fewer: {
              filled: small,
              asked: ask(single, small),
              title: `search by vectors, ${single.rows.toLocaleString('en')} rows among ${few.toLocaleString('en')} of others`,
            },
          });
          const large = asked.filter(({ tenant }) => !isSmall(tenant));
          const iterations = Math.ceil(effort.iterations / 5);
          const rest =
            large.length > 0 ? await measureTimes(filled, byHand, { asked: large, iterations }) : undefined;
          return {
            recall: figures,
            times: [...times.rows, ...(rest?.rows ?? [])],
            fewer: times.fewer,
            ...(await stored(byHand)),
            versions: await versionsOf(byHand),
          };
        }),
      );
    }),
  );
}

/** What searches by vectors find, beside an exact scan of the same rows. */
async function measureRecall(
  { product: { memory, tenants } }: Filled,
  byHand: RecallByHand,
  { tenant, questions }: Asked,
): Promise<RecallFigure> {
  let shares = 0;
  let fewest = Infinity;
  let foreign = 0;
  for (const question of questions) {
    const search = (): ReturnType<typeof memory.search> =>
      memory.search(question.text, { mode: 'semantic', limit: LIMIT });
    const found = await tenants.run(tenant.id, search);
    const exact = new Set(await byHand.exact(question, LIMIT, 'ids'));
    shares += found.filter(({ memory: { memoryId } }) => exact.has(memoryId)).length / exact.size;
    fewest = Math.min(fewest, found.length);
    foreign += found.filter(({ memory: { tenantId } }) => tenantId !== tenant.id).length;
  }
  return {
    rows: tenant.rows,
    questions: questions.length,
    recall: shares / questions.length,
    fewest,
    foreign,
  };
}

/** A largest tenant that is none of the sizes is asked besides. */
function askedTenants({ rows: others, largest }: Effort): MeasuredTenant[] {
  const sizes = SIZES.filter((rows) => rows <= others);
  return [...sizes, ...(largest > Math.max(...SIZES) ? [largest] : [])].map(tenantOf);
}

/** The tenant among few rows of others and among many. */
export function growthTenant({ effort }: Bench): MeasuredTenant {
  return tenantOf(Math.max(...SIZES.filter((rows) => rows <= Math.min(effort.rows, GROWTH.rows))));
}

async function stored(byHand: RecallByHand): Promise<{ memories: number; tenants: number }> {
  const [row] = await byHand.query<{ memories: number; tenants: number }>(
    'SELECT count(*)::int AS memories, count(DISTINCT tenant_id)::int AS tenants FROM shared.agent_memories',
  );
  return row ?? { memories: NaN, tenants: NaN };
}

async function versionsOf(byHand: RecallByHand): Promise<string[]> {
  const [row] = await byHand.query<{ postgres: string; pgvector: string; fsync: string }>(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres, extversion AS pgvector,
            current_setting('fsync') AS fsync
       FROM pg_extension WHERE extname = 'vector'`,
  );
  return [`PostgreSQL ${row?.postgres ?? ''} (fsync ${row?.fsync ?? ''})`, `pgvector ${row?.pgvector ?? ''}`];
}
