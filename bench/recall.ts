import { loadavg } from 'node:os';
import { CALLERS } from './recall-contestants.js';
import { DIMENSIONS } from './recall-embedder.js';
import { growthTenant, measureNearness, type RecallFigure } from './recall-nearness.js';
import { measureRates, NAMES, type Kind, type RatesFound } from './recall-rates.js';
import { targetsOf } from './recall-targets.js';
import { withTriptych } from './recall-triptych.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Comparison, Findings, Suite } from './suite.js';

/** Memories where throughput is measured, of everybody alike. */
const TOTAL = 50_000;

/** Near-exact vectors at every size, and how fast they are found and stored, beside SQL by hand and other products. */
export const recall: Suite = {
  name: 'recall',
  question: 'How near to exact is a search among many tenants, and how fast beside SQL by hand and others?',
  variants: {
    Triptych: 'as it is: runtime role, forced row-level security, each statement in a scope of its own',
    'by hand':
      'the statement of its vector channel, joined with the memories where these are wanted, on plain node-postgres: ' +
      'scope set by hand, one round trip',
    exact: 'the same with an exact scan of the same rows: vectors of half precision inside of their rows',
    'exact, usual':
      'the same with an exact scan of a table as it is usually made: vectors of single precision in TOAST, ' +
      'a B-tree on tenants',
    PostgresStore: 'LangGraph’s store with its defaults, a namespace for each tenant',
    mem0ai:
      'on pgvector, `infer: false`, no threshold, no history; its one kind of search has vectors and words',
  },
  run: measure,
};

async function measure(bench: Bench): Promise<Findings> {
  const { effort, withPeers, tell, server } = bench;
  const load = loadavg().map((average) => average.toFixed(1));
  const { recall: figures, times, fewer, memories, tenants, versions } = await measureNearness(bench);
  const rates = await withScratchDatabase(server, (url) =>
    withTriptych(url, (filled, byHand) => {
      const memories = Math.min(TOTAL, effort.rows);
      return measureRates({ ...filled, byHand, url, memories, withPeers, tell, seconds: effort.seconds });
    }),
  );
  const growth = { fewer, rows: growthTenant(bench).rows };
  return {
    surroundings: [
      ...versions,
      `${DIMENSIONS} dimensions, clustered`,
      `load average ${load.join(', ')} at the start`,
    ],
    comparisons: [...times, ...(fewer ? [fewer] : []), ...comparisonsOf(rates)],
    sizes: [{ what: 'a memory of 200 characters', bytes: rates.bytes }],
    notes: [
      `Recall and times: ${count(memories)} memories of ${count(tenants)} tenants, all of them stored by Triptych.`,
      ...figures.map((figure) => sentenceOf(figure, memories)),
      `Throughput: ${rates.data}.`,
      ...ratesNotes(rates),
      rates.byTable,
      ...rates.notes,
      ...targetsOf({ recall: figures, times, growth, rates }),
    ],
  };
}

function sentenceOf(
  { rows, questions, recall: share, fewest, foreign }: RecallFigure,
  memories: number,
): string {
  return (
    `${count(rows)} memories of one tenant among ${count(memories - rows)} of others: recall@10 ${share.toFixed(4)} ` +
    `in ${questions} questions; ${fewest} results at least, ${foreign} of another tenant.`
  );
}

/** What a call of each takes while others wait for theirs. */
function comparisonsOf({ rates }: RatesFound): Comparison[] {
  return Object.entries(rates).map(([kind, throughputs]) => ({
    operation: NAMES[kind as Kind],
    callers: CALLERS,
    timings: Object.fromEntries(Object.entries(throughputs).map(([name, { timing }]) => [name, timing])),
  }));
}

function ratesNotes({ rates }: RatesFound): string[] {
  return Object.entries(rates).map(([kind, throughputs]) => {
    const each = Object.entries(throughputs).map(
      ([name, { perSecond }]) => `${name} ${perSecond.toFixed(1)}`,
    );
    return `${NAMES[kind as Kind]}, calls per second: ${each.join(', ')}.`;
  });
}

function count(number: number): string {
  return number.toLocaleString('en');
}
