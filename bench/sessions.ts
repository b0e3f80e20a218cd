import type pg from 'pg';
import { checkOptions } from '../src/config/load-options.js';
import { measureAppends, measureGraphTurns, measureReads } from './session-times.js';
import { measureBytes } from './session-bytes.js';
import { NOTES, targetsOf, type SessionFigures } from './session-targets.js';
import { openVariants } from './session-variants.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Findings, Suite } from './suite.js';

/** Messages of a thread. */
const LENGTHS = { append: [10, 1_000, 5_000], read: [50, 1_000, 5_000], graph: [10, 1_000] };

/** Threads of growing length: Triptych, LangGraph's saver and SQL by hand, side by side on one database. */
export const sessions: Suite = {
  name: 'sessions',
  question: 'What do a turn and a read cost in a long conversation, beside LangGraph’s own saver?',
  variants: {
    Triptych:
      'as it is: runtime role, forced row-level security, audit, token counts; a graph on its checkpointer',
    stock: "LangGraph's PostgresSaver in a schema of its own: getTuple, change, put; a graph on it",
    SQL: 'by hand, as a superuser on node-postgres alone: an insert into one table; the SELECT of the same rows',
  },
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, tell }: Bench): Promise<Findings> {
  const options = checkOptions({ database: { url, migrateOnStart: true, poolSize: 4 } });
  const variants = await openVariants(options, url);
  const upTo = (lengths: readonly number[]): number[] => [
    ...new Set(lengths.map((length) => Math.min(length, effort.longest))),
  ];
  const task = (lengths: readonly number[]) => ({
    variants,
    lengths: upTo(lengths),
    iterations: effort.iterations,
    tell,
  });
  try {
    const figures: SessionFigures = {
      append: await measureAppends(task(LENGTHS.append)),
      read: await measureReads(task(LENGTHS.read)),
      graph: await measureGraphTurns(task(LENGTHS.graph)),
      bytes: await measureBytes(task(LENGTHS.append), task(LENGTHS.graph)),
    };
    const { append, read, graph, bytes } = figures;
    return {
      surroundings: await surroundings(variants.owner),
      comparisons: [...append, ...read.newest, ...read.page, ...graph],
      sizes: [...bytes.append, ...bytes.graph, bytes.text],
      notes: [...NOTES, bytes.byTable, ...targetsOf(figures)],
    };
  } finally {
    await variants.close();
  }
}

async function surroundings(owner: pg.Pool): Promise<string[]> {
  const { rows } = await owner.query<{ postgres: string; fsync: string }>(
    `SELECT split_part(current_setting('server_version'), ' ', 1) AS postgres, current_setting('fsync') AS fsync`,
  );
  return [`PostgreSQL ${rows[0]?.postgres ?? ''} (fsync ${rows[0]?.fsync ?? ''})`];
}
