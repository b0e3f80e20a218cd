import { halfvec, varbit } from '../src/database/binary-parameters.js';
import { NEAREST_MEMORIES } from '../src/recall/nearest-memories.sql.js';
import { signBits } from '../src/recall/sign-bits.js';
import { vectorSpaceOf } from '../src/embeddings/vector-space.js';
import { LIMIT } from './recall-contestants.js';
import { interleave, type Operation, type Rare } from './interleave.js';
import type { RecallByHand, Wanted } from './recall-by-hand.js';
import type { MeasuredTenant, Question } from './recall-data.js';
import type { Filled } from './recall-triptych.js';
import type { Comparison } from './suite.js';

/** Questions of a tenant, asked in turn. */
export interface Asked {
  readonly tenant: MeasuredTenant;
  readonly questions: readonly Question[];
  /** Whether its vectors have been copied into a table as it is usually made. */
  readonly inUsualTable: boolean;
}

/** Of one size of tenant: a whole search by vectors, or the statement of its vector channel alone. */
export interface AtSize extends Comparison {
  readonly rows: number;
  readonly what: 'search' | 'channel';
}

/** All sizes take turns together, and so does one tenant on a smaller database, if there is one. */
export async function measureTimes(
  filled: Filled,
  byHand: RecallByHand,
  {
    asked,
    iterations,
    fewer,
  }: {
    asked: readonly Asked[];
    iterations: number;
    /** The tenant on a database with fewer rows of others. */
    fewer?: { readonly filled: Filled; readonly asked: Asked; readonly title: string };
  },
): Promise<{ rows: AtSize[]; fewer: Comparison | undefined }> {
  const ways: Record<string, Operation | Rare> = {};
  const titles = asked.flatMap(({ tenant: { rows } }) => [
    { rows, what: 'search' as const, operation: `search by vectors, ${rows.toLocaleString('en')} rows` },
    { rows, what: 'channel' as const, operation: `vector channel, ${rows.toLocaleString('en')} rows` },
  ]);
  for (const each of asked)
    for (const what of ['search', 'channel'] as const)
      for (const [name, way] of Object.entries(waysOf(filled, byHand, each, what)))
        ways[`${name} ${what} ${each.tenant.rows}`] = way;
  if (fewer) ways['fewer'] = (sample) => search(fewer.filled)(pick(fewer.asked, sample), LIMIT);
  const timings = await interleave(ways, { iterations, callers: 1 });
  const rows = titles.map(({ rows: size, what, operation }) => ({
    rows: size,
    what,
    operation,
    callers: 1,
    timings: Object.fromEntries(
      VARIANTS.flatMap((name) => {
        const timing = timings[`${name} ${what} ${size}`];
        return timing ? [[name, timing]] : [];
      }),
    ),
  }));
  const other = timings['fewer'];
  return {
    rows,
    fewer: fewer && other && { operation: fewer.title, callers: 1, timings: { Triptych: other } },
  };
}

const VARIANTS = ['Triptych', 'by hand', 'exact', 'exact, usual'];

function waysOf(
  filled: Filled,
  byHand: RecallByHand,
  asked: Asked,
  what: AtSize['what'],
): Record<string, Operation | Rare> {
  const wanted: Wanted = what === 'search' ? 'memories' : 'ids';
  type Way = (question: Question, limit: number, wanted: Wanted) => Promise<readonly unknown[]>;
  const complete =
    (way: Way): Operation =>
    async (sample) => {
      const { length } = await way(pick(asked, sample), LIMIT, wanted);
      if (length !== Math.min(LIMIT, asked.tenant.rows))
        throw new Error(`A search answered ${length} memories.`);
    };
  // An exact scan of many rows takes long, and puts those of others out of the server's memory.
  const every = Math.max(1, Math.floor(asked.tenant.rows / 1_000));
  return {
    Triptych: complete(what === 'search' ? search(filled) : channel(filled)),
    'by hand': complete((...task) => byHand.nearest(...task)),
    exact: { every, operation: complete((...task) => byHand.exact(...task)) },
    ...(asked.inUsualTable && {
      'exact, usual': { every, operation: complete((...task) => byHand.exactUsual(...task)) },
    }),
  };
}

function search({ product: { memory, tenants } }: Filled) {
  return ({ tenant, text }: Question, limit: number): Promise<readonly unknown[]> =>
    tenants.run(tenant.id, () => memory.search(text, { mode: 'semantic', limit }));
}

/** The statement that a search sends, through the pool that enters its scope. */
function channel({ product: { database, tenants }, embedder }: Filled) {
  const space = vectorSpaceOf(embedder);
  return ({ tenant, vector }: Question, limit: number): Promise<readonly unknown[]> => {
    const parameters = [tenant.id, space, varbit(signBits(vector)), halfvec(vector), limit];
    return tenants.run(tenant.id, () => database.query(NEAREST_MEMORIES, parameters));
  };
}

function pick({ questions }: Asked, sample: number): Question {
  const question = questions[sample % questions.length];
  if (!question) throw new Error('There is nothing to ask.');
  return question;
}
