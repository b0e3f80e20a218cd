import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { issueCredentials } from './fuzz/credentials.js';
import { fuzz, type FuzzReport } from './fuzz/fuzz-run.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

/** Of each engine. A run of 20,000 takes minutes: see CONTRIBUTING.md. */
const REQUESTS = Number(process.env['FUZZ_REQUESTS'] ?? 750);
/** Of so many requests each, at most. */
const ROUNDS = 5;
const SEED = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);

describeOnEachEngine('requests made of the OpenAPI document', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let reports: FuzzReport[];

  /** Of each operation that was tried, how often with which answer. */
  const reached = () => {
    const table = new Map<string, Map<number, number>>();
    for (const [operation, counts] of reports.flatMap(({ statuses }) => [...statuses]))
      for (const [status, count] of counts) {
        const sums = table.get(operation) ?? new Map<number, number>();
        table.set(operation, sums.set(status, (sums.get(status) ?? 0) + count));
      }
    return [...table].map(([operation, counts]) => {
      const of = (from: number, to: number): number =>
        [...counts].reduce((sum, [status, count]) => (status >= from && status < to ? sum + count : sum), 0);
      return { operation, successes: of(200, 300), all: of(0, 600), counts: [...counts].sort() };
    });
  };

  beforeAll(async () => {
    process.stdout.write(
      `Fuzz: ${REQUESTS} requests, again with FUZZ_SEED=${SEED} FUZZ_REQUESTS=${REQUESTS}\n`,
    );
    home = await createDatabase();
    service = await TestService.start(home, { auth: { mode: 'api-key' }, limits: { rate: 0 } });
    const credentials = await issueCredentials(service, home);
    reports = [];
    // What so few requests do not reach by chance, those of another seed do.
    do {
      const seed = SEED + reports.length;
      reports.push(await fuzz({ url: service.url, credentials }, { requests: REQUESTS, seed }));
    } while (reports.length < ROUNDS && reached().some(({ successes }) => successes === 0));
  }, 3_600_000);
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  it('are answered as it says, and none with a failure', () => {
    expect(reports.flatMap(({ findings }) => findings)).toEqual([]);
  });

  it('finds the document beside a page for people', async () => {
    for (const [path, type] of [
      ['/docs-json', 'application/json'],
      ['/docs', 'text/html'],
    ] as const) {
      const { status, headers } = await service.send('GET', path);
      expect([status, headers.get('content-type')]).toEqual([200, expect.stringContaining(type)]);
    }
  });

  it('reach every operation, with success', () => {
    const table = reached();
    if (process.env['FUZZ_REQUESTS'])
      for (const { operation, successes, all, counts } of table)
        process.stdout.write(
          `${operation}: ${successes} of ${all} with 2xx; ${counts.map((pair) => pair.join(' × ')).join(', ')}\n`,
        );
    expect(table.filter(({ successes }) => successes === 0)).toEqual([]);
    expect(table.length).toBeGreaterThan(15);
  });
});
