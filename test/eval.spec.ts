// Over 200 lines: the measures by hand, then the command that reports them, from a data set to the table.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { main } from '../eval/command.js';
import { readDatasets, type Selection } from '../eval/datasets.js';
import { evaluate } from '../eval/evaluate.js';
import { type Outcome, summarize } from '../eval/figures.js';
import { bootstrapInterval, mean, ndcgAt, quantile, recallAt, reciprocalRank } from '../eval/metrics.js';
import { misspell } from '../eval/misspell.js';
import { type Report } from '../eval/report.js';
import { Service } from '../eval/service.js';

const relevant = new Set(['a', 'b']);

describe('the measures of a ranked answer', () => {
  it('counts as recall the share of the evidence in the first k', () => {
    const ranked = ['x', 'a', 'y', 'b', 'z'];
    expect([1, 2, 3, 4, 5].map((k) => recallAt(ranked, relevant, k))).toEqual([0, 0.5, 0.5, 1, 1]);
    expect(recallAt(['a', 'x'], relevant, 1)).toBe(0.5);
    expect(recallAt([], relevant, 10)).toBe(0);
  });

  it('takes the reciprocal rank of the first evidence only', () => {
    expect(reciprocalRank(['a', 'b'], relevant)).toBe(1);
    expect(reciprocalRank(['x', 'y', 'b', 'a'], relevant)).toBeCloseTo(1 / 3, 12);
    expect(reciprocalRank(['x'], relevant)).toBe(0);
  });

  it('discounts gain by the logarithm of the rank', () => {
    expect(ndcgAt(['b', 'a', 'x'], relevant, 10)).toBe(1);
    // Ranks 2 and 4 against the ideal 1 and 2: (1/log2 3 + 1/log2 5) / (1 + 1/log2 3).
    expect(ndcgAt(['x', 'a', 'y', 'b'], relevant, 10)).toBeCloseTo(0.650921, 6);
    expect(ndcgAt(['x', 'a', 'y', 'b'], relevant, 3)).toBeCloseTo(0.386853, 6);
  });

  it('calls an answer ideal that has room for no more evidence', () => {
    expect(ndcgAt(['a', 'b'], new Set(['a', 'b', 'c', 'd']), 2)).toBe(1);
  });

  it('stays between 0 and 1, and is 1 when all evidence comes first', () => {
    const ids = fc.uniqueArray(fc.integer().map(String), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(ids, fc.nat(40), fc.integer({ min: 1, max: 30 }), (ranked, some, k) => {
        const evidence = new Set(ranked.slice(0, 1 + (some % ranked.length)));
        for (const order of [ranked, ranked.toReversed()])
          for (const value of [recallAt(order, evidence, k), ndcgAt(order, evidence, k)]) {
            expect(value).toBeGreaterThanOrEqual(0);
            expect(value).toBeLessThanOrEqual(1);
          }
        expect(ndcgAt(ranked, evidence, k)).toBe(1);
        expect(recallAt(ranked, evidence, 30)).toBe(1);
      }),
    );
  });
});

describe('the figures over all questions', () => {
  it('interpolates quantiles between neighbours, in any order of the values', () => {
    expect(quantile([40, 10, 30, 20], 0.5)).toBe(25);
    expect(quantile([40, 10, 30, 20], 0.95)).toBeCloseTo(38.5, 12);
    expect(quantile([7], 0.95)).toBe(7);
    expect(quantile([], 0.5)).toBeNaN();
  });

  it('draws the same interval from the same seed, and another from another', () => {
    const values = Array.from({ length: 50 }, (_, index) => index / 49);
    expect(bootstrapInterval(values)).toEqual(bootstrapInterval(values));
    expect(bootstrapInterval(values, { seed: 2 })).not.toEqual(bootstrapInterval(values));
  });

  it('gives an interval about as wide as the normal approximation', () => {
    // 400 questions, half of them answered: 0.5 ± 1.96 × 0.5 / √400 = 0.5 ± 0.049.
    const values = Array.from({ length: 400 }, (_, index) => index % 2);
    const [low, high] = bootstrapInterval(values);
    expect(low).toBeGreaterThan(0.44);
    expect(low).toBeLessThan(0.46);
    expect(high).toBeGreaterThan(0.54);
    expect(high).toBeLessThan(0.56);
    expect(bootstrapInterval([0.3, 0.3, 0.3]).map((bound) => bound.toFixed(6))).toEqual([
      '0.300000',
      '0.300000',
    ]);
    expect(mean(values)).toBe(0.5);
  });
});

describe('a question with one letter wrong', () => {
  const question = 'When did Adelaide paint the lighthouse? Ağustos 図書館へ行きました';

  it('differs in one word of four letters or more, by one slip, and always in the same way', () => {
    const wordsOf = (text: string): string[] => text.split(/\P{L}+/u);
    for (let seed = 0; seed < 200; seed += 1) {
      const wrong = misspell(question, seed);
      expect(wrong).toBe(misspell(question, seed));
      const after = wordsOf(wrong);
      const changed = wordsOf(question).filter((word, index) => word !== after[index]);
      expect(changed).toHaveLength(1);
      expect(changed[0]?.length).toBeGreaterThanOrEqual(4);
      expect(Math.abs(wrong.length - question.length)).toBeLessThanOrEqual(1);
    }
    const all = Array.from({ length: 50 }, (_, seed) => misspell(question, seed));
    expect(new Set(all).size).toBeGreaterThan(30);
    expect(misspell('Is it so?', 1)).toBe('Is it so?');
  });
});

describe('the summary of outcomes', () => {
  it('counts the questions that found nothing, and averages the rest of the figures over all', () => {
    const outcome = (ranked: string[], searchMs: number, small: number): Outcome => ({
      ranked,
      relevant,
      searchMs,
      evidenceKept: { small },
      evidenceKeptSpilling: { small: 1 },
      otherwise: { words: [ranked], vectors: [[]], misspelt: [ranked, ['y'], []] },
    });
    const outcomes = [
      outcome(['a', 'b'], 4, 1),
      outcome([], 2, 0),
      outcome(['y'], 3, 0),
      outcome(['x'], 1, 0.5),
    ];
    expect(summarize(outcomes, ['small'])).toMatchObject({
      questions: 4,
      recallAt10: 0.25,
      mrr: 0.25,
      zeroResults: 0.25,
      evidenceKept: { small: 0.375 },
      evidenceKeptSpilling: { small: 1 },
      recallAt10Otherwise: { words: 0.25, vectors: 0, misspelt: expect.closeTo(0.25 / 3, 12) },
      searchMs: { p50: 2.5 },
    });
  });
});

const folder = mkdtempSync(join(tmpdir(), 'triptych-eval-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Runs the command as it would run from a shell. */
async function evaluation(args: string[], environment: NodeJS.ProcessEnv = {}) {
  let printed = '';
  let told = '';
  const code = await main(args, {
    environment,
    print: (text) => (printed += text),
    tell: (text) => (told += text),
  });
  return { code, printed, told };
}

function folderOf(name: string, files: Record<string, unknown>): string {
  const path = join(folder, name);
  mkdirSync(path);
  for (const [file, content] of Object.entries(files))
    writeFileSync(join(path, file), typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

const bicycles = Array.from({ length: 30 }, (_, index) => ({
  id: `bicycle-${index}`,
  text: `The bicycle number ${index} of the shop has a new chain and two new tyres.`,
  speaker: index % 2 ? 'Bo' : 'Ada',
  date: '2024-05-01',
  session: 1,
  pos: index + 1,
}));
const lesson = {
  ...bicycles[0],
  id: 'lesson',
  text: 'My piano lesson moved to Friday.',
  date: '3rd of May',
  pos: 0,
};
const endless = { ...bicycles[0], id: 'endless', text: 'word '.repeat(20_001), pos: 31 };

const shop = {
  name: 'shop',
  tenants: [
    {
      id: 'one',
      docs: [lesson, ...bicycles, endless, { ...lesson, id: 'blank', text: ' ', pos: 32 }],
      queries: [
        { id: 'found', q: 'When is the piano lesson?', rel: ['lesson'] },
        { id: 'missed', q: 'Which bicycle of the shop has a chain?', rel: ['lesson'] },
        { id: 'not asked', q: 'What is the weather?', rel: [] },
      ],
    },
    { id: 'two', docs: [lesson], queries: [{ id: 'half', q: 'piano', rel: ['lesson', 'gone'] }] },
  ],
};

describe('a whole run', () => {
  let answer: Awaited<ReturnType<typeof evaluation>>;
  let report: Report;
  beforeAll(async () => {
    const json = join(folder, 'figures.json');
    const data = folderOf('data', { 'shop.json': shop, 'notes.txt': 'not a data set' });
    answer = await evaluation(['--data', data, '--json', json], {
      TOKEN_BUDGETS: '{"large": 16000, "small": 300}',
      DEFAULT_TIER: 'large',
    });
    report = JSON.parse(readFileSync(json, 'utf8')) as Report;
  });

  it('averages over the questions with evidence', () => {
    expect(answer.code).toBe(0);
    expect(report.datasets).toHaveLength(1);
    // Recalls 1, 0 and 0.5; ranks 1, none and 1; the third question's ideal has two in front.
    expect(report.datasets[0]).toMatchObject({
      dataset: 'shop',
      conversations: 2,
      documents: 34,
      questions: 3,
      recallAt5: 0.5,
      recallAt10: 0.5,
      recallAt25: 0.5,
      mrr: 2 / 3,
      zeroResults: 0,
    });
    expect(report.datasets[0]?.ndcgAt10).toBeCloseTo((1 + 0 + 1 / (1 + 1 / Math.log2(3))) / 3, 12);
    expect(report.datasets[0]?.recallAt10Interval).toEqual([0, 1]);
  });

  it('looks for the evidence in the compiled context of every tier, the smallest first', () => {
    expect(report.tiers).toEqual(['small', 'large']);
    // Of the question about bicycles the small context has lost the lesson: too old, and not relevant.
    expect(report.datasets[0]?.evidenceKept).toEqual({ small: 0.5, large: (1 + 1 + 0.5) / 3 });
  });

  it('tells what could not be stored, and why', () => {
    const notes = report.datasets[0]?.notes.join('\n') ?? '';
    expect(notes).toMatch(/endless could not be stored as a memory\. .*at most 100000 characters/);
    expect(notes).toMatch(/blank could not be stored as a memory\. .*must not be blank/);
    expect(notes).not.toMatch(/bicycle-\d+ could not/);
    expect(notes).toMatch(/one: documents stored without their date, .*: 2\./);
    expect(notes).toMatch(/two: documents named as evidence that are not there, .*: 1\./);
    expect(notes).toMatch(/one: questions that name no evidence, not asked: 1\./);
    expect(answer.printed).toContain('shop: one: the document endless could not be stored');
  });

  it('prints an aligned table and what it was measured on', () => {
    const [head = '', row = '', blank, others, other, end, made] = answer.printed.split('\n');
    expect(head).toMatch(
      /^data set +docs +questions +R@5 +R@10 .*kept small +spilling +kept large +spilling +p50 ms/,
    );
    expect(row).toMatch(/^shop +34 +3 +50\.0 +50\.0 +0\.0 – 100\.0 +50\.0 +66\.7 /);
    expect(row).toHaveLength(head.length);
    expect([blank, end]).toEqual(['', '']);
    expect(others).toMatch(/^R@10 +both +words alone +vectors alone +one letter wrong$/);
    expect(other).toMatch(/^shop +50\.0 +50\.0 +50\.0 +50\.0$/);
    expect(made).toContain(`node ${process.versions.node} · embedded PostgreSQL ${report.setup.postgres}`);
    expect(made).toContain(`embedder ${report.setup.embedder}, 1536 dimensions`);
    expect(answer.told).toContain('shop: conversation 2 of 2, 1 documents, 1 questions');
  });
});

describe('the choice of data', () => {
  it('reads data sets in the order of their files, and only what was asked for', () => {
    const path = folderOf('two', { 'b.json': shop, 'a.json': { ...shop, name: 'market' } });
    const sizes = (selection?: Selection) =>
      readDatasets(path, selection).map(({ name, tenants }) => [name, tenants.length]);
    expect(sizes()).toEqual([
      ['market', 2],
      ['shop', 2],
    ]);
    expect(sizes({ names: ['shop'], limit: 1 })).toEqual([['shop', 1]]);
  });
});

describe('a database that outlives the run', () => {
  let service: Service;
  beforeAll(async () => {
    // Whatever a setting says of spill-over, both are measured.
    service = await Service.start({
      TOKEN_BUDGETS: '{"small": 1600}',
      DEFAULT_TIER: 'small',
      SPILL_OVER: 'true',
    });
  });
  afterAll(() => service.close());

  const tenants = [{ id: 'two', docs: [lesson], queries: [{ id: 'asked', q: 'piano', rel: ['lesson'] }] }];
  const left = () =>
    service.tenants.run('eval-test-1', async () => ({
      memories: (await service.memory.list()).memories.map(({ content, source }) => ({ content, source })),
      threads: (await service.context.session.listSessions()).sessions.length,
    }));

  it('holds a conversation while it is asked, and nothing of it afterwards', async () => {
    const during: ReturnType<typeof left>[] = [];
    const search = service.context.searchMemory.bind(service.context);
    service.context.searchMemory = async (...request) => {
      if (during.length === 0) during.push(left());
      await during[0];
      return search(...request);
    };
    await evaluate(service, { name: 'shop', tenants }, 'eval-test', () => undefined);
    expect(await Promise.all(during)).toEqual([
      {
        memories: [{ content: lesson.text, source: { threadId: '1', seq: 0, speaker: 'Ada' } }],
        threads: 1,
      },
    ]);
    expect(await left()).toEqual({ memories: [], threads: 0 });
  });

  it('tells the evidence that a context keeps with spill-over from that without', async () => {
    const conversation = {
      id: 'three',
      docs: [lesson, ...bicycles],
      queries: [{ id: 'asked', q: 'Which bicycle of the shop has a chain?', rel: ['lesson'] }],
    };
    const set = { name: 'shop', tenants: [conversation] };
    const figures = await evaluate(service, set, 'eval-spill', () => undefined);
    // The share of the history has no room for the oldest of 31 messages; with what the system prompt leaves it has.
    expect(figures).toMatchObject({ evidenceKept: { small: 0 }, evidenceKeptSpilling: { small: 1 } });
  });
});

describe('a request that cannot be met', () => {
  it.each<[what: string, args: () => string[], why: RegExp]>([
    ['no folder', () => [join(folder, 'nowhere')], /There is no folder .*nowhere/],
    ['an empty folder', () => [folderOf('empty', {})], /has no data set/],
    [
      'a file that is no JSON',
      () => [folderOf('broken', { 'x.json': '{' })],
      /x\.json cannot be read as JSON/,
    ],
    [
      'a file that is no data set',
      () => [
        folderOf('odd', {
          'x.json': { name: 'x', tenants: [{ id: 'a', docs: [{ id: 'd' }], queries: [] }] },
        }),
      ],
      /x\.json is not a data set:\n {2}tenants\.0\.docs\.0\.text: /,
    ],
    [
      'documents of one id',
      () => [
        folderOf('twins', {
          'x.json': { name: 'x', tenants: [{ id: 'a', docs: [lesson, lesson], queries: [] }] },
        }),
      ],
      /tenants\.0\.docs: must not have an id twice/,
    ],
    [
      'an unknown data set',
      () => [folderOf('other', { 'x.json': shop }), '--dataset', 'y'],
      /"y"\. There are: shop/,
    ],
    ['a limit of none', () => ['--limit', '0'], /--limit must be a whole number from 1/],
    ['an unknown option', () => ['--fast'], /--fast/],
    ['two folders', () => ['a', 'b'], /Name one folder/],
  ])('says so and fails: %s', async (_, args, why) => {
    const { code, printed, told } = await evaluation(args());
    expect(told).toMatch(why);
    expect({ code, printed }).toEqual({ code: 1, printed: '' });
  });

  it('lists every option on --help', async () => {
    const { code, printed } = await evaluation(['--help']);
    expect(code).toBe(0);
    for (const option of ['--data', '--dataset', '--limit', '--json', '--help'])
      expect(printed).toContain(option);
  });

  it('refuses settings that the service refuses', async () => {
    const { code, told } = await evaluation([folderOf('fine', { 'x.json': shop })], {
      EMBEDDING_DIMENSIONS: '1',
    });
    expect(code).toBe(1);
    expect(told).toContain('EMBEDDING_DIMENSIONS');
  });
});
