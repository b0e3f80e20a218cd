import { interleave, type Operation, type Rare } from './interleave.js';
import { beginThreads } from './session-threads.js';
import type { Durability, GraphVariant, Variant, Variants } from './session-variants.js';
import type { Comparison } from './suite.js';

export interface Task {
  readonly variants: Variants;
  /** Messages of a thread. */
  readonly lengths: readonly number[];
  readonly iterations: number;
  readonly tell: (line: string) => void;
}

/** One operation on threads of one length. */
export interface AtLength extends Comparison {
  readonly length: number;
}

const PAGE = 50;
const DURABILITIES: readonly Durability[] = ['async', 'sync'];
/** A turn of a graph takes some ten times as long as an append, and has so many samples less. */
const ITERATIONS_A_GRAPH_TURN = 5;
/** The stock saver's cost grows with the thread: it has one sample in so many turns for each 100 messages. */
const RARER_EVERY = 100;
/** Warm-up and what is rounded up included. */
const SAMPLES_AN_ITERATION = 1.3;

/** Appends of two messages. */
export function measureAppends({ variants, lengths, iterations, tell }: Task): Promise<AtLength[]> {
  const { triptych, stock, sql } = variants;
  const appends = async (variant: Variant, length: number, every = 1): Promise<Rare> => {
    const samples = samplesOf(iterations, every);
    const thread = await beginThreads(variant, { purpose: 'append', length, samples });
    return each(every, (sample) => variant.append(thread(sample), sample));
  };
  return acrossLengths(
    { variants, lengths, iterations },
    (length) => `append 2 messages to ${length}`,
    async (length) => {
      tell(`threads of ${length} messages to append to`);
      return {
        Triptych: await appends(triptych, length),
        stock: await appends(stock, length, rarity(length)),
        SQL: await appends(sql, length),
      };
    },
  );
}

/** Reads of the newest 50, alone and as the page that REST answers. */
export async function measureReads({
  variants,
  lengths,
  iterations,
  tell,
}: Task): Promise<{ newest: AtLength[]; page: AtLength[] }> {
  const { triptych, stock, sql } = variants;
  const rows = await acrossLengths(
    { variants, lengths, iterations },
    (length) => `newest ${PAGE} of ${length}`,
    async (length) => {
      tell(`threads of ${length} messages to read`);
      const thread = await beginThreads(triptych, { purpose: 'read', length, samples: 4 * length });
      const whole = await beginThreads(stock, { purpose: 'read', length, samples: 1 });
      const complete = async (read: Promise<readonly unknown[]>): Promise<void> => {
        const { length: found } = await read;
        if (found !== Math.min(PAGE, length)) throw new Error(`A read answered ${found} messages.`);
      };
      return {
        Triptych: (sample) => complete(triptych.newest(thread(sample), PAGE)),
        page: (sample) => complete(triptych.page(thread(sample), PAGE)),
        stock: each(rarity(length), (sample) => complete(stock.newest(whole(sample), PAGE))),
        SQL: (sample) => complete(sql.newest(thread(sample), PAGE)),
      };
    },
  );
  const pick = (row: AtLength, names: Readonly<Record<string, string>>): AtLength['timings'] =>
    Object.fromEntries(
      Object.entries(names).flatMap(([name, from]) => {
        const timing = row.timings[from];
        return timing ? [[name, timing]] : [];
      }),
    );
  return {
    newest: rows.map((row) => ({
      ...row,
      timings: pick(row, { Triptych: 'Triptych', stock: 'stock', SQL: 'SQL' }),
    })),
    page: rows.map((row) => ({
      ...row,
      operation: `${row.operation}, version and way back`,
      timings: pick(row, { Triptych: 'page', stock: 'stock' }),
    })),
  };
}

/** Runs of a graph with one node, which read the thread and add two messages. */
export async function measureGraphTurns({ variants, lengths, iterations, tell }: Task): Promise<AtLength[]> {
  const { triptych, stock } = variants;
  const fewer = Math.ceil(iterations / ITERATIONS_A_GRAPH_TURN);
  const rows: AtLength[] = [];
  for (const durability of DURABILITIES) {
    const runs = async (variant: GraphVariant, length: number, every = 1): Promise<Rare> => {
      const purpose = `graph-${durability}`;
      const thread = await beginThreads(variant, { purpose, length, samples: samplesOf(fewer, every) });
      return each(every, (sample) => variant.run(thread(sample), sample, durability));
    };
    const title = (length: number): string => `graph turn at ${length}, ${durability}`;
    rows.push(
      ...(await acrossLengths({ variants, lengths, iterations: fewer }, title, async (length) => {
        tell(`threads of ${length} messages for a graph, ${durability}`);
        return {
          Triptych: await runs(triptych, length),
          stock: await runs(stock, length, Math.ceil(rarity(length) / ITERATIONS_A_GRAPH_TURN)),
        };
      })),
    );
  }
  return rows;
}

/** All lengths and variants take turns together, so that two lengths compare as well as two variants do. */
async function acrossLengths(
  { variants, lengths, iterations }: Omit<Task, 'tell'>,
  title: (length: number) => string,
  waysOf: (length: number) => Promise<Record<string, Operation | Rare>>,
): Promise<AtLength[]> {
  const ways: [length: number, variant: string, way: Operation | Rare][] = [];
  for (const length of lengths)
    for (const [variant, way] of Object.entries(await waysOf(length))) ways.push([length, variant, way]);
  const key = (length: number, variant: string): string => `${variant} ${length}`;
  const all = Object.fromEntries(ways.map(([length, variant, way]) => [key(length, variant), way]));
  // Before autovacuum comes by, the planner knows nothing of tables just filled, and takes other indexes.
  await variants.owner.query('VACUUM (ANALYZE)');
  const timings = await interleave(all, { iterations, callers: 1 });
  return lengths.map((length) => ({
    length,
    operation: title(length),
    callers: 1,
    timings: Object.fromEntries(
      ways.flatMap(([of, variant]) => {
        const timing = timings[key(length, variant)];
        return of === length && timing ? [[variant, timing]] : [];
      }),
    ),
  }));
}

function rarity(length: number): number {
  return Math.max(1, Math.floor(length / RARER_EVERY));
}

function samplesOf(iterations: number, every: number): number {
  return Math.ceil((iterations * SAMPLES_AN_ITERATION) / every) + 2;
}

/** Numbers the samples without gaps. */
function each(every: number, operation: Operation): Rare {
  return { every, operation: (sample) => operation(Math.floor(sample / every)) };
}
