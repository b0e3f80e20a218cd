import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { uniform } from '../bench/random.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService, type Answer, type TenantClient } from './support/service.js';

const MODES = ['hybrid', 'lexical', 'semantic'] as const;

interface Results {
  readonly results?: readonly { score: number; scores: Record<string, number | null> }[];
}

const random = uniform(20_260_508);
/** 200 characters of each run of 2,048 in the first two planes, surrogates left out. */
const BLOCKS = Array.from({ length: 64 }, (_, block) => block * 2_048)
  .filter((first) => first < 0xd800 || first >= 0xe000)
  .map((first) =>
    String.fromCodePoint(
      ...Array.from({ length: 200 }, () => Math.max(1, first + Math.floor(random() * 2_048))),
    ),
  );

describeOnEachEngine('queries that nobody would ask', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let client: TenantClient;
  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home);
    client = service.as('acme');
    const memories = Array.from({ length: 120 }, (_, seq) => ({
      agentId: `agent-${seq % 3}`,
      content: `The cat went camping, ${seq} times. 猫${seq} ?!`,
      source: { threadId: `thread-${seq % 5}`, seq, speaker: 'Ada', occurredAt: '2026-05-08' },
    }));
    expect((await client.post('/v1/memories/batch', { memories })).status).toBe(201);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  const search = (body: object): Promise<Answer> => client.post('/v1/memories/search', body);
  /** Scores that can be compared, best first. */
  function expectHonest({ status, body }: Answer): void {
    const { results = [] } = body as Results;
    expect(status).toBe(200);
    const scores = results.map(({ score }) => score);
    expect(scores.every((score) => score >= 0 && score < 2)).toBe(true);
    expect(scores).toEqual(scores.toSorted((one, other) => other - one));
  }

  it('are answered in every script', async () => {
    for (const [at, query] of BLOCKS.entries())
      if (query.trim() !== '') expectHonest(await search({ query, mode: MODES[at % MODES.length] }));
  });

  it.each([
    ['8 words of 64 unknown letters', Array.from({ length: 8 }, () => 'qwxzvkjh'.repeat(8)).join(' x ')],
    ['4,000 ligatures that stand for 18 letters each', '\ufdfa'.repeat(4_000)],
    ['one letter with thousands of marks', `e${'\u0301'.repeat(50_000)}`],
    ['100,000 letters without a space', 'y'.repeat(100_000)],
    ['characters that cannot be seen', '\u200b\u2060\ufeff\u200b'],
    ['names of what every object has', '__proto__ constructor toString hasOwnProperty'],
  ])('are answered when they are %s', async (_, query) => {
    for (const mode of MODES) expectHonest(await search({ query, mode }));
  });

  it.each([
    ['nothing', ''],
    ['spaces of all kinds', ' \t\n\u00a0\u2003\u3000'],
    ['NUL', 'a\0b'],
    ['half a character', 'a\ud800'],
    ['100,001 characters', 'x'.repeat(100_001)],
    ['a number', 5],
    ['a list', ['cat']],
  ])('are refused when they are %s', async (_, query) => {
    for (const mode of MODES) expect(await search({ query, mode })).toMatchObject({ status: 400 });
  });

  it('are answered with as many as were asked for, and refused otherwise', async () => {
    for (const mode of MODES) {
      for (const [limit, filter, expected] of [
        [1, undefined, 1],
        [1_000, undefined, 120],
        [1_000, { agentId: 'agent-1' }, 40],
        [1_000, { agentId: 'nobody' }, 0],
        [1_000, { seq: { lt: 0 } }, 0],
      ] as const) {
        const answer = await search({ query: 'cat', mode, limit, filter });
        expectHonest(answer);
        expect((answer.body as Results).results).toHaveLength(expected);
      }
      for (const limit of [0, -1, 1.5, 1_001, 1e9, 1e300, '5', null, true])
        expect(await search({ query: 'cat', mode, limit })).toMatchObject({ status: 400 });
    }
  });

  it.each(['0001-01-01', '9999-12-31', '2026-05-08T24:00', '2026-05-08T00:00:00.123456789+23:59'])(
    'about what occurred at %s find it there',
    async (occurredAt) => {
      const source = { occurredAt, threadId: 'far', seq: Number.MAX_SAFE_INTEGER };
      const stored = await client.post('/v1/memories', { agentId: occurredAt, content: 'A comet.', source });
      expect(stored).toMatchObject({ status: 201, body: { source } });
      for (const mode of MODES) {
        const filter = { agentId: occurredAt, occurredAt: { gte: occurredAt, lte: occurredAt } };
        expect((await search({ query: 'comet', mode, filter })).body).toMatchObject({ results: [{}] });
      }
    },
  );

  it.each([
    '0000-01-01',
    '0001-01-01T00:00+14:00',
    '9999-12-31T23:59-12:00',
    '2016-12-31T23:59:60Z',
    '2026-02-30',
  ])('about %s, which is no moment, are refused', async (occurredAt) => {
    const filter = { occurredAt: { gte: occurredAt } };
    expect(await search({ query: 'comet', filter })).toMatchObject({ status: 400 });
    const memory = { agentId: 'a', content: 'A comet.', source: { occurredAt } };
    expect(await client.post('/v1/memories', memory)).toMatchObject({ status: 400 });
  });
});
