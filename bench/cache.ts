import { replay, type Replay, type Replayed } from './cache-replay.js';
import { CompileService } from './compile-triptych.js';
import { count } from './compile-times.js';
import { LIMIT } from './recall-contestants.js';
import { batchesOf, storeBatch, tenantOf } from './recall-data.js';
import { withScratchDatabase } from './scratch-database.js';
import type { Bench, Findings, ShareComparison, Suite } from './suite.js';

const TURNS = 300;
/** Messages of a turn, on average, rounded down. */
const MESSAGES_A_TURN = 2;
const TIERS = ['fast', 'reasoning'];
/** Of the tenant. */
const MEMORIES = 1_000;
const CONNECTIONS = 4;

/** How much of a prompt a provider has just read, turn after turn. */
export const cache: Suite = {
  name: 'cache',
  question: 'What share of each prompt of a long conversation could a provider serve from its cache?',
  variants: {
    Triptych: 'compileWorkingContext as it is, its history cut in steps',
    'by message':
      'the same prompts, their history cut by LangChain’s trimMessages: the newest messages that fit',
    'by turn': 'the same, from a user’s message on (`startOn`)',
  },
  run: (bench) => withScratchDatabase(bench.server, (url) => measure(url, bench)),
};

async function measure(url: string, { effort, tell }: Bench): Promise<Findings> {
  const turns = Math.min(TURNS, Math.max(3, Math.floor(effort.longest / MESSAGES_A_TURN)));
  const service = await CompileService.open(url, CONNECTIONS);
  try {
    const tenant = tenantOf(Math.min(MEMORIES, effort.rows));
    for (const batch of batchesOf([tenant], 0)) await storeBatch(service, service.embedder, batch);
    const rows: { of: Replay; found: Replayed }[] = [];
    for (const memories of [0, LIMIT])
      for (const tier of TIERS) {
        tell(`${turns} turns, ${tier}, ${memories} memories each`);
        const of = { tenantId: tenant.id, threadId: `${tier}-${memories}`, tier, turns, memories };
        rows.push({ of, found: await replay(service, of) });
      }
    return {
      surroundings: [`${turns} turns`],
      comparisons: [],
      shares: rows.map(({ of, found }) => shareOf(of, found)),
      notes: [
        'The share of a prompt’s tokens that stand in leading messages which are those of the turn before, a mean over ' +
          'all turns. The task, which is new each time, and the memories stand behind the history.',
        ...rows.map(({ of, found }) => cutsOf(of, found)),
      ],
    };
  } finally {
    await service.close();
  }
}

function shareOf(of: Replay, found: Replayed): ShareComparison {
  const shares = Object.entries(found).map(([name, { share }]) => [name, share] as const);
  return { what: titleOf(of), shares: Object.fromEntries(shares) };
}

function cutsOf(of: Replay, found: Replayed): string {
  const each = Object.entries(found).map(
    ([name, { cuts, tokens }]) => `${name} at ${cuts} (${count(Math.round(tokens))} tokens a prompt)`,
  );
  return `${titleOf(of)}: of ${count(of.turns - 2)} turns the history begins anew in ${each.join(', ')}.`;
}

function titleOf({ tier, memories }: Replay): string {
  return `${tier}, ${memories === 0 ? 'no' : memories} memories`;
}
