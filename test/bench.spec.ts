// Over 200 lines: every suite once, with next to nothing to measure.
import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { main } from '../bench/command.js';
import { threadOf } from '../bench/compile-messages.js';
import { message } from '../bench/conversation.js';
import { interleave } from '../bench/interleave.js';
import { batchesOf, questionsOfAll, tenantOf, zipfTenants } from '../bench/recall-data.js';
import { GivenVectors } from '../bench/recall-embedder.js';
import { memoryText, questionOn } from '../bench/recall-texts.js';
import { throughputOf } from '../bench/recall-throughput.js';
import { ClusteredVectors } from '../bench/recall-vectors.js';
import { formatReport, type Report } from '../bench/report.js';
import { atLeast, atMost } from '../bench/target.js';
import { mean } from '../eval/metrics.js';
import { groupMessages } from '../src/working-context/message-groups.js';

/** Runs the command as it would run from a shell. */
async function bench(args: string[], environment: NodeJS.ProcessEnv = {}) {
  let printed = '';
  let told = '';
  const code = await main(args, {
    environment,
    print: (text) => (printed += text),
    tell: (text) => (told += text),
  });
  return { code, printed, told };
}

describe('the turns of the variants', () => {
  it('gives each variant the same samples, in changing order', async () => {
    const calls: string[] = [];
    const note = (name: string) => (sample: number) => Promise.resolve(calls.push(`${name}${sample}`));
    const timings = await interleave({ a: note('a'), b: note('b') }, { iterations: 4, callers: 1 });
    expect(calls).toEqual(['a0', 'b0', 'b1', 'a1', 'a2', 'b2', 'b3', 'a3', 'a4', 'b4']);
    // The first is the warm-up.
    expect(timings).toMatchObject({ a: { samples: 4 }, b: { samples: 4 } });
  });

  it('keeps as many calls under way as there are callers', async () => {
    let under = 0;
    let most = 0;
    const operation = async () => {
      most = Math.max(most, (under += 1));
      await new Promise(setImmediate);
      under -= 1;
    };
    const timings = await interleave({ only: operation }, { iterations: 64, callers: 8 });
    expect(most).toBe(8);
    expect(timings['only']?.samples).toBe(64);
  });

  it('gives a rare one fewer turns, and one of them counts however few there are', async () => {
    const calls: number[] = [];
    const rare = { operation: (sample: number) => Promise.resolve(calls.push(sample)), every: 5 };
    const often = () => Promise.resolve();
    const timings = await interleave({ often, rare }, { iterations: 10, callers: 1 });
    // Two turns warm up; those that count are the third and the eighth.
    expect(calls).toEqual([0, 2, 7]);
    expect(timings).toMatchObject({ often: { samples: 10 }, rare: { samples: 2 } });
    const once = await interleave({ often, rare: { ...rare, every: 1_000 } }, { iterations: 10, callers: 1 });
    expect(once['rare']?.samples).toBe(1);
  });
});

describe('windows of throughput', () => {
  it('alternate in changing order, and end when their last call is answered', async () => {
    const calls: string[] = [];
    const call = (name: string) => async () => {
      calls.push(`${name} begins`);
      await new Promise(setImmediate);
      calls.push(`${name} ends`);
    };
    // So short that each caller calls once.
    const windows = { callers: 2, seconds: 1e-6, windows: 2 };
    const rates = await throughputOf({ a: call('a'), b: call('b') }, windows);
    const window = (name: string) => ['begins', 'begins', 'ends', 'ends'].map((word) => `${name} ${word}`);
    // The first of each is the warm-up.
    expect(calls).toEqual(['a', 'b', 'a', 'b', 'b', 'a'].flatMap(window));
    expect(rates['a']?.timing.samples).toBe(4);
    expect(rates['a']?.perSecond).toBeGreaterThan(0);
  });
});

describe('the memories of the recall suite', () => {
  const dimensions = 64;
  const dot = (one: number[], other: number[]) =>
    one.reduce((sum, value, index) => sum + value * (other[index] ?? NaN), 0);

  it('have unit vectors in clusters, around which their questions lie, too', () => {
    const vectors = new ClusteredVectors('a', { count: 100, dimensions });
    const [memory, other, question] = [vectors.at(0), vectors.at(1), vectors.at(0, 'question')];
    expect(dot(memory, memory)).toBeCloseTo(1, 6);
    expect(new ClusteredVectors('a', { count: 100, dimensions }).at(0)).toEqual(memory);
    for (const near of [other, question]) {
      expect(dot(memory, near)).toBeGreaterThan(0.4);
      expect(dot(memory, near)).toBeLessThan(0.99);
    }
    const foreign = new ClusteredVectors('b', { count: 100, dimensions }).at(0);
    expect(Math.abs(dot(memory, foreign))).toBeLessThan(0.4);
  });

  it('have texts of 200 characters, and questions made of their words', () => {
    const texts = Array.from({ length: 100 }, (_, n) => memoryText(n));
    expect(new Set(texts.map(({ length }) => length))).toEqual(new Set([200]));
    expect(new Set(texts).size).toBe(100);
    for (const [n, text] of texts.entries()) {
      const [, words = ''] = /^what about (.*)$/.exec(questionOn(n)) ?? [];
      const asked = words.split(' ').filter((word) => !['and', 'when', 'or'].includes(word));
      expect(asked).toHaveLength(4);
      for (const word of asked) expect(text.split(' ')).toContain(word);
    }
  });

  it('are stored each once, those of all tenants mixed, and no tenant’s name begins another’s', () => {
    const batches = batchesOf([tenantOf(10), tenantOf(100), tenantOf(1_000)], 11_500);
    const rows = batches.flatMap(({ tenantId, from, count }) =>
      Array.from({ length: count }, (_, n) => `${tenantId} ${from + n}`),
    );
    expect(new Set(rows).size).toBe(rows.length);
    expect(rows).toHaveLength(10 + 100 + 1_000 + 11_500);
    const tenants = [...new Set(batches.map(({ tenantId }) => tenantId))];
    expect(tenants).toHaveLength(15);
    for (const tenant of tenants)
      expect(tenants.filter((other) => other.startsWith(tenant))).toEqual([tenant]);
  });
});

describe('the tenants whose throughput is measured', () => {
  it('have sizes by Zipf’s law, and ask as often as they have memories', () => {
    const tenants = zipfTenants(50_000);
    const sizes = tenants.map(({ rows }) => rows);
    expect(sizes).toHaveLength(1_000);
    expect(Math.abs(sizes.reduce((sum, rows) => sum + rows, 0) / 50_000 - 1)).toBeLessThan(0.02);
    expect((sizes[0] ?? NaN) / (sizes[9] ?? NaN)).toBeCloseTo(10, 1);

    const questions = questionsOfAll(tenants, 200, new GivenVectors());
    expect(new Set(questions.map(({ text }) => text)).size).toBe(200);
    // The largest has 13 % of all memories.
    const ofLargest = questions.filter(({ tenant }) => tenant.id === '0-tenant');
    expect(ofLargest.length).toBeGreaterThan(20);
    expect(ofLargest.length).toBeLessThan(34);
  });
});

describe('what a conversation is made of', () => {
  it('is the same for the same number, and 500 bytes each time', () => {
    const messages = Array.from({ length: 50 }, (_, n) => message(n));
    expect(messages).toEqual(Array.from({ length: 50 }, (_, n) => message(n)));
    expect(new Set(messages.map(({ content }) => content)).size).toBe(50);
    for (const { content } of messages) expect(Buffer.byteLength(content)).toBe(500);
  });
});

describe('a target', () => {
  it.each([
    [atMost('a', 1.5, 1.5), 'Target: a ≤ 1.5 ×: 1.50, met.'],
    [atMost('a', 1.51, 1.5), 'Target: a ≤ 1.5 ×: 1.51, NOT MET.'],
    [atLeast('b', 50, 50), 'Target: b ≥ 50 ×: 50.00, met.'],
    [atLeast('b', 49.9, 50), 'Target: b ≥ 50 ×: 49.90, NOT MET.'],
    [atMost('c', NaN, 2), 'Target: c ≤ 2 ×: –, NOT MET.'],
    [atLeast('c', NaN, 2), 'Target: c ≥ 2 ×: –, NOT MET.'],
  ])('says what was measured and whether it is met: %s', (line, expected) => {
    expect(line).toBe(expected);
  });
});

describe('a report', () => {
  const timing = (p50: number, p99: number) => ({ p50, p95: 9, p99, samples: 3 });
  const report = (ratioOf?: 'p99'): string =>
    formatReport({
      versions: [],
      startedAt: '2026-01-01T00:00:00Z',
      seconds: 1,
      effort: { iterations: 3, tenants: 1, largest: 1, longest: 1, seconds: 1, rows: 1 },
      suites: [
        {
          suite: 'example',
          variants: { ours: '', theirs: '', absent: '' },
          ...(ratioOf && { ratioOf }),
          surroundings: [],
          comparisons: [{ operation: 'read', timings: { ours: timing(1, 8), theirs: timing(400, 2) } }],
          sizes: [{ what: 'a turn', bytes: { ours: 1_234.5, theirs: 2_469 } }],
          notes: [],
        },
      ],
    });

  it('compares medians, and the 99th percentile where a suite asks for it', () => {
    const [head, row] = report().split('\n');
    expect(head?.split(/ {2,}/)).toEqual([
      'operation',
      'ours p50',
      'p95',
      'theirs p50',
      'p95',
      'absent p50',
      'p95',
      '× theirs',
      '× absent',
    ]);
    expect(row?.split(/ {2,}/)).toEqual(['read', '1.00', '9.00', '400.00', '9.00', '–', '–', '0.0025', '–']);
    expect(report('p99').split('\n')[1]?.split(/ {2,}/)).toEqual([
      'read',
      '1.00',
      '8.00',
      '400.00',
      '2.00',
      '–',
      '–',
      '4.00',
      '–',
    ]);
  });

  it('has a table of bytes, of the variants that were measured', () => {
    expect(report()).toMatch(/\nbytes +ours +theirs +× theirs\na turn +1,235 +2,469 +0\.50\n/);
  });
});

describe('a report without times', () => {
  it('has a table of shares in percent', () => {
    const shares = [{ what: 'a prompt', shares: { ours: 0.915, theirs: 0.3 } }];
    const suite = { suite: 'example', variants: { ours: '', theirs: '', absent: '' }, surroundings: [] };
    const printed = formatReport({
      versions: [],
      startedAt: '2026-01-01T00:00:00Z',
      seconds: 1,
      effort: { iterations: 3, tenants: 1, largest: 1, longest: 1, seconds: 1, rows: 1 },
      suites: [{ ...suite, comparisons: [], shares, notes: [] }],
    });
    expect(printed).toMatch(
      /^percent +ours +theirs +absent\na prompt +91\.5 +30\.0 +–\n\nexample\n1 s · 3 iterations\n/,
    );
  });
});

describe('a request that cannot be met', () => {
  it.each<[what: string, args: string[], why: RegExp]>([
    ['no server', [], /neither DATABASE_URL nor TEST_DATABASE_URL is set\.\n.*\.ci\/postgres start/],
    ['an unknown suite', ['speed'], /no suite "speed"\. There are: isolation/],
    ['no iterations', ['--iterations', '0'], /--iterations must be a whole number from 1/],
    ['an unknown option', ['--fast'], /--fast/],
  ])('says so and fails: %s', async (_, args, why) => {
    const { code, printed, told } = await bench(args);
    expect(told).toMatch(why);
    expect({ code, printed }).toEqual({ code: 1, printed: '' });
  });

  it('names the remedy when the server does not answer', async () => {
    const { code, told } = await bench([], { DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    expect(code).toBe(1);
    expect(told).toMatch(/No database can be created .*\n.*\.ci\/postgres start/);
  });

  it('lists every option and suite on --help', async () => {
    const { code, printed } = await bench(['--help']);
    expect(code).toBe(0);
    for (const word of [
      '--iterations',
      '--tenants',
      '--largest',
      '--longest',
      '--seconds',
      '--rows',
      '--without-peers',
      '--json',
      '--help',
      'isolation',
      'sessions',
      'recall',
      'compile',
      'cache',
      'neighbour',
      'resilience',
      'observability',
    ])
      expect(printed).toContain(word);
  });
});

const server = process.env['TEST_DATABASE_URL'];
const describeOnPostgres = server ? describe : describe.skip;

/** A run with figures to look at. */
async function figuresOf(args: string[]): Promise<{ code: number; printed: string; report: Report }> {
  const folder = mkdtempSync(join(tmpdir(), 'triptych-bench-'));
  const json = join(folder, 'figures.json');
  try {
    const { code, printed } = await bench([...args, '--json', json], { TEST_DATABASE_URL: server });
    return { code, printed, report: JSON.parse(readFileSync(json, 'utf8')) as Report };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Those that runs of this process made and left. */
async function databases(): Promise<string[]> {
  const client = new pg.Client(server);
  await client.connect();
  const { rows } = await client.query<{ name: string }>(
    `SELECT datname AS name FROM pg_database WHERE datname LIKE 'triptych\\_bench\\_${process.pid}\\_%'`,
  );
  await client.end();
  return rows.map(({ name }) => name);
}

describeOnPostgres('the suite of isolation · postgres', () => {
  it('measures every read and write in each variant, prints a table and leaves no database behind', async () => {
    const { code, printed, report } = await figuresOf([
      'isolation',
      '--tenants',
      '2',
      '--largest',
      '20',
      '--iterations',
      '2',
    ]);
    expect(code).toBe(0);
    const [head = '', ...rows] = printed.split('\n');
    expect(head).toMatch(/^operation +callers +isolated p50 +p95 +without p50 .*× without +× bare SQL$/);
    expect(
      rows.filter((row) => /^(read|write) · /.test(row)).every((row) => row.length === head.length),
    ).toBe(true);
    expect(printed).toContain(`node ${process.versions.node}`);
    expect(printed).toMatch(/Target for reads: × without ≤ 1\.3; /);
    const figures = report.suites[0]?.comparisons ?? [];
    expect(figures).toHaveLength(18);
    for (const { operation, timings } of figures)
      expect(Object.keys(timings)).toEqual([
        'isolated',
        'without',
        ...(operation.startsWith('read') ? ['bare SQL'] : []),
      ]);
    expect(await databases()).toEqual([]);
  });
});

describeOnPostgres('the suite of sessions · postgres', () => {
  it('measures turns, reads and bytes of short and long threads beside the stock saver', async () => {
    const { code, printed, report } = await figuresOf(['sessions', '--longest', '60', '--iterations', '8']);
    expect(code).toBe(0);
    expect(printed).toMatch(/^operation +callers +Triptych p50 .*× stock +× SQL\nappend 2 messages to 10 /);
    const [suite] = report.suites;
    expect(suite?.comparisons.map(({ operation, timings }) => [operation, Object.keys(timings)])).toEqual([
      ['append 2 messages to 10', ['Triptych', 'stock', 'SQL']],
      ['append 2 messages to 60', ['Triptych', 'stock', 'SQL']],
      ['newest 50 of 50', ['Triptych', 'stock', 'SQL']],
      ['newest 50 of 60', ['Triptych', 'stock', 'SQL']],
      ['newest 50 of 50, version and way back', ['Triptych', 'stock']],
      ['newest 50 of 60, version and way back', ['Triptych', 'stock']],
      ['graph turn at 10, async', ['Triptych', 'stock']],
      ['graph turn at 60, async', ['Triptych', 'stock']],
      ['graph turn at 10, sync', ['Triptych', 'stock']],
      ['graph turn at 60, sync', ['Triptych', 'stock']],
    ]);
    // A thread of 60 messages is 30 kB, all of which the stock saver writes again.
    const [short, long] = suite?.sizes ?? [];
    expect(long?.bytes['stock']).toBeGreaterThan(1.5 * (short?.bytes['stock'] ?? Infinity));
    // Of so few turns the rest may fit into pages that were there before.
    expect(short?.bytes['Triptych']).toBeGreaterThan(1_000);
    expect(suite?.sizes?.map(({ bytes }) => Object.values(bytes).every(Number.isFinite))).not.toContain(
      false,
    );
    expect(printed.match(/^Target: .*: [\d.]+, (met|NOT MET)\.$/gm)).toHaveLength(9);
    expect(await databases()).toEqual([]);
  });
});

describeOnPostgres('the suite of recall · postgres', () => {
  it('measures nearness, times, throughput and bytes without any peer', async () => {
    const { code, printed, report } = await figuresOf([
      'recall',
      '--rows',
      '100',
      '--iterations',
      '2',
      '--seconds',
      '1',
      '--without-peers',
    ]);
    expect(code).toBe(0);
    const [suite] = report.suites;
    const variants = ['Triptych', 'by hand', 'exact', 'exact, usual'];
    expect(suite?.comparisons.map(({ operation, timings }) => [operation, Object.keys(timings)])).toEqual([
      ['search by vectors, 10 rows', variants],
      ['vector channel, 10 rows', variants],
      ['search by vectors, 100 rows', variants],
      ['vector channel, 100 rows', variants],
      ['search by vectors, 100 rows among 2 of others', ['Triptych']],
      ['search by vectors alone', ['Triptych', 'by hand']],
      ...['search by vectors and words', 'store a memory', 'store 100 memories'].map((operation) => [
        operation,
        ['Triptych'],
      ]),
    ]);
    expect(printed).toMatch(/^Recall and times: 210 memories of 3 tenants/m);
    const found = 'results at least, 0 of another tenant';
    expect(printed).toContain(
      `\n10 memories of one tenant among 200 of others: recall@10 1.0000 in 10 questions; 10 ${found}.\n`,
    );
    expect(printed).toMatch(
      new RegExp(
        `^100 memories of one tenant among 110 of others: recall@10 (1|0\\.99).*; 10 ${found}\\.$`,
        'm',
      ),
    );
    expect(Object.keys(suite?.sizes?.[0]?.bytes ?? {})).toEqual(['Triptych']);
    // 3,072 bytes of vector, 200 of text, and what finds them.
    expect(suite?.sizes?.[0]?.bytes['Triptych']).toBeGreaterThan(4_000);
    const targets = printed.match(/^Target: .*: [\d.]+, (met|NOT MET)\.$/gm);
    expect(targets).toHaveLength(2 + 4 + 1 + 1);
    for (const target of targets?.slice(0, 2) ?? []) expect(target).toMatch(/^Target: recall@10 .*, met\.$/);
    expect(printed).not.toMatch(/mem0ai was not measured/);
    expect(await databases()).toEqual([]);
  });
});

/** Its processes run the built files, and so does the command itself here. */
function figuresOfBuilt(args: string[]): { printed: string; report: Report } {
  const folder = mkdtempSync(join(tmpdir(), 'triptych-bench-'));
  const json = join(folder, 'figures.json');
  try {
    const printed = execFileSync(process.execPath, ['dist/bench/run.js', ...args, '--json', json], {
      encoding: 'utf8',
      env: { ...process.env, DATABASE_URL: server },
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    return { printed, report: JSON.parse(readFileSync(json, 'utf8')) as Report };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

describe('the conversation of the compile suite', () => {
  it('has messages of 450 characters on average, and no answer of a tool without its call', () => {
    for (const length of [1, 3, 10, 101, 1_000]) {
      const messages = threadOf(length);
      expect(messages).toHaveLength(length);
      expect(threadOf(length)).toEqual(messages);
      expect(groupMessages(messages.map((message) => ({ message }))).map(({ standing }) => standing)).toEqual(
        expect.not.arrayContaining(['orphan_tool_result', 'unanswered_tool_call']),
      );
    }
    const texts = threadOf(1_000).flatMap(({ content }) => (typeof content === 'string' ? [content] : []));
    expect(mean(texts.map(({ length }) => length))).toBeGreaterThan(430);
    expect(mean(texts.map(({ length }) => length))).toBeLessThan(470);
  });
});

describeOnPostgres('the suite of the prompt cache · postgres', () => {
  it('replays conversations beside two ways to trim them, and leaves no database behind', async () => {
    const { code, printed, report } = await figuresOf(['cache', '--longest', '90', '--rows', '20']);
    expect(code).toBe(0);
    expect(printed).toMatch(/^percent +Triptych +by message +by turn\nfast, no memories +\d/);
    const [suite] = report.suites;
    expect(suite?.shares?.map(({ what }) => what)).toEqual([
      'fast, no memories',
      'reasoning, no memories',
      'fast, 10 memories',
      'reasoning, 10 memories',
    ]);
    const [fast, , recalling] = suite?.shares?.map(({ shares }) => shares) ?? [];
    // 45 turns are five times what the history of `fast` holds, so message by message nearly each begins anew.
    expect(fast?.['Triptych']).toBeGreaterThan(1.2 * (fast?.['by message'] ?? Infinity));
    // Memories are not the same in any two turns.
    for (const way of ['Triptych', 'by message', 'by turn'])
      expect(recalling?.[way]).toBeLessThan(fast?.[way] ?? 0);
    expect(printed).toMatch(/^fast, no memories: of 43 turns the history begins anew in Triptych at \d+ /m);
    expect(await databases()).toEqual([]);
  });
});

describeOnPostgres('the suite of compiling · postgres', () => {
  it('measures a compile beside reads by hand, other ways to compile and a bare route', () => {
    const { printed, report } = figuresOfBuilt([
      'compile',
      '--rows',
      '60',
      '--longest',
      '60',
      '--iterations',
      '3',
      '--seconds',
      '1',
    ]);
    expect(
      report.suites[0]?.comparisons.map(({ operation, timings }) => [operation, Object.keys(timings)]),
    ).toEqual([
      ['compile, thread of 60', ['Triptych', 'in turn', 'at once']],
      [expect.stringMatching(/^\d+ messages of 60 alone$/), ['Triptych', 'in turn']],
      ['10 memories alone', ['Triptych', 'in turn']],
      ['compile 50 messages and 10 memories, without any read', ['Triptych']],
      ['compile, thread of 60, tenant of 12', ['Triptych', 'at once', 'first design', 'LangGraph']],
      ['compile, thread of 60, tenant of 60', ['Triptych', 'at once', 'first design', 'LangGraph']],
      ['HTTP compile, thread of 60, tenant of 12', ['Triptych', 'bare route']],
      ['HTTP compile, thread of 60, tenant of 60', ['Triptych', 'bare route']],
    ]);
    expect(printed).toMatch(
      /^compile, thread of 60, tenant of 12, per second: Triptych [\d.]+, at once [\d.]+, first design /m,
    );
    expect(printed.match(/^Target: .*: [\d.]+, (met|NOT MET)\.$/gm)).toHaveLength(5);
  });
});

describeOnPostgres('the suite of the neighbour · postgres', () => {
  it('sends a calm load alone and beside a flood', () => {
    const { printed, report } = figuresOfBuilt(['neighbour', '--seconds', '1']);
    expect(printed).toMatch(/^operation +beside p50 +p99 +alone p50 +p99 +× alone\nall requests /);
    expect(report.suites[0]?.comparisons.map(({ operation }) => operation)).toEqual([
      'all requests',
      'read 50 messages',
      'get a memory',
      'search',
      'append 2 messages',
    ]);
    for (const { timings } of report.suites[0]?.comparisons ?? [])
      for (const kind of ['beside', 'alone']) expect(timings[kind]?.samples).toBeGreaterThan(0);
    expect(printed).toMatch(/^the calm tenant: .*; answered 200: \d+, 201: \d+$/m);
    // On a slow machine the flood waits for answers and so keeps within its limit.
    expect(printed).toMatch(/^the flood: [1-9]\d* requests\/s, .*; answered 200: \d+/m);
    expect(printed).toMatch(
      /^Target: p99 of all requests, beside over alone ≤ 2 ×: [\d.]+, (met|NOT MET)\.$/m,
    );
  });
});

describeOnPostgres('the suite of resilience · postgres', () => {
  it('measures the guard, reads beside a provider that hangs, and the queue', () => {
    const { printed, report } = figuresOfBuilt(['resilience', '--iterations', '16', '--seconds', '1']);
    const [suite] = report.suites;
    expect(suite?.comparisons.map(({ operation, timings }) => [operation, Object.keys(timings)])).toEqual([
      ['store a memory', ['Triptych', 'without']],
      ['store a memory', ['Triptych', 'without']],
      ['search', ['Triptych', 'without']],
      ['search', ['Triptych', 'without']],
      ['read 50 messages over HTTP, 50/s', ['Triptych', 'provider answers']],
      ['finish 1,000 pending embeddings', ['Triptych', 'texts alone']],
    ]);
    for (const { timings } of suite?.comparisons ?? [])
      for (const { samples } of Object.values(timings)) expect(samples).toBeGreaterThan(0);
    // In batches, and not one by one.
    const [, requests = NaN] =
      /^The queue: 1000 memories in (\d+) requests\.$/m.exec(printed)?.map(Number) ?? [];
    expect(requests).toBeLessThan(30);
    expect(printed.match(/^Target: .*: [\d.]+, (met|NOT MET)\.$/gm)).toHaveLength(5);
  });
});

describeOnPostgres('the suite of observability · postgres', () => {
  it('measures requests with metrics, without, and with traces', () => {
    const { printed, report } = figuresOfBuilt(['observability', '--iterations', '2']);
    const [suite] = report.suites;
    const variants = ['metrics', 'off', 'metrics and traces'];
    expect(suite?.comparisons.map(({ operation, timings }) => [operation, Object.keys(timings)])).toEqual(
      ['append a message', 'search', 'compile'].map((operation) => [operation, variants]),
    );
    // One of each service that was started.
    for (const { timings } of suite?.comparisons ?? [])
      for (const { samples } of Object.values(timings)) expect(samples).toBe(2);
    expect(printed).toContain('Each service was started anew 2 times');
    expect(printed.match(/^Target: .*: [\d.]+, (met|NOT MET)\.$/gm)).toHaveLength(3);
    expect(printed).toMatch(/^10 spans without an SDK, as many as a compile has: [\d.]+ µs\.$/m);
  });
});
