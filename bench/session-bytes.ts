import { bytesOfTurn } from './conversation.js';
import { beginThreads } from './session-threads.js';
import type { GraphVariant, Variant, Variants } from './session-variants.js';
import type { Task } from './session-times.js';
import { growth, storedBytes } from './stored-bytes.js';
import type { SizeComparison } from './suite.js';

/** What a turn takes to store, on threads of one length. */
export interface SizeAtLength extends SizeComparison {
  readonly length: number;
}

export interface SessionBytes {
  readonly append: readonly SizeAtLength[];
  readonly graph: readonly SizeAtLength[];
  /** The words themselves. */
  readonly text: SizeComparison;
  /** Where the bytes of an append are. */
  readonly byTable: string;
}

type Turn<V> = (variant: V, threadId: string, sample: number) => Promise<unknown>;

/** What tables and indexes grow by, on average over many turns. */
export async function measureBytes(appends: Task, graphs: Task): Promise<SessionBytes> {
  const { triptych, stock, sql, owner } = appends.variants;
  const append: Turn<Variant> = (variant, thread, sample) => variant.append(thread, sample);
  const run: Turn<GraphVariant> = (variant, thread, sample) => variant.run(thread, sample, 'async');
  const ofAppends: SizeAtLength[] = [];
  let byTable = '';
  for (const length of appends.lengths) {
    appends.tell(`bytes of an append to ${length} messages`);
    const turns = turnsAt(appends.iterations, length);
    const grown = await grownBy(triptych, append, { owner, length, turns: appends.iterations });
    byTable ||= `Of the bytes of an append to ${length} messages: ${listed(grown, appends.iterations)}.`;
    const bytes = {
      Triptych: perTurn(grown, appends.iterations),
      stock: perTurn(await grownBy(stock, append, { owner, length, turns }), turns),
      SQL: perTurn(
        await grownBy(sql, append, { owner, length, turns: appends.iterations }),
        appends.iterations,
      ),
    };
    ofAppends.push({ length, what: `append 2 messages to ${length}`, bytes });
  }
  const ofGraphs: SizeAtLength[] = [];
  for (const length of graphs.lengths) {
    graphs.tell(`bytes of a graph turn at ${length} messages`);
    const turns = turnsAt(graphs.iterations, length);
    const bytes = {
      Triptych: perTurn(await grownBy(triptych, run, { owner, length, turns }), turns),
      stock: perTurn(await grownBy(stock, run, { owner, length, turns }), turns),
    };
    ofGraphs.push({ length, what: `graph turn at ${length}`, bytes });
  }
  const text = bytesOfTurn();
  return {
    append: ofAppends,
    graph: ofGraphs,
    text: { what: 'the text of a turn', bytes: { Triptych: text, stock: text, SQL: text } },
    byTable,
  };
}

async function grownBy<V extends Variant>(
  variant: V,
  turn: Turn<V>,
  { owner, length, turns }: { owner: Variants['owner']; length: number; turns: number },
): Promise<ReadonlyMap<string, number>> {
  const purpose = `bytes-${turn.name || 'turn'}-${turns}`;
  const thread = await beginThreads(variant, { purpose, length, samples: turns });
  const before = await storedBytes(owner, variant.schemas);
  for (let sample = 0; sample < turns; sample += 1) await turn(variant, thread(sample), sample);
  return growth(before, await storedBytes(owner, variant.schemas));
}

/** What a long thread adds is far more than a page, and takes long. */
function turnsAt(iterations: number, length: number): number {
  return Math.max(2, Math.ceil(iterations / Math.max(1, length / 100)));
}

function perTurn(grown: ReadonlyMap<string, number>, turns: number): number {
  return [...grown.values()].reduce((sum, bytes) => sum + bytes, 0) / turns;
}

function listed(grown: ReadonlyMap<string, number>, turns: number): string {
  return [...grown]
    .sort(([, a], [, b]) => b - a)
    .map(([table, bytes]) => `${table} ${Math.round(bytes / turns)}`)
    .join(', ');
}
