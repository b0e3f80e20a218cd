// Over 200 lines: one table of memories, and all that is asked of it.
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { OCCURRED_AT } from '../migrations/ddl/occurred-at.js';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import type { MemoryFilter } from '../src/memory/memory-filter.js';
import { compileFilter } from '../src/memory/memory-filter.sql.js';
import { currentTenant } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { fencedBlocks } from './support/markdown.js';
import { matches, type FilteredMemory } from './support/memory-filter-evaluator.js';
import { filtersOf, memories } from './support/memory-filters.js';
import { asSuperuser } from './support/superuser.js';

const ROWS = 400;

/**
 * The columns that a compiled filter names. The source of a memory is JSON, of which PostgreSQL computes the others.
 */
const TABLE = `
  CREATE TABLE public.filtered_memories (
    id int PRIMARY KEY,
    agent_id text COLLATE "und-x-icu" NOT NULL,
    metadata jsonb NOT NULL,
    source jsonb,
    created_at timestamptz(3) NOT NULL,
    updated_at timestamptz(3) NOT NULL,
    thread_id text COLLATE "und-x-icu" GENERATED ALWAYS AS (source ->> 'threadId') STORED,
    speaker text COLLATE "und-x-icu" GENERATED ALWAYS AS (source ->> 'speaker') STORED,
    role text COLLATE "und-x-icu" GENERATED ALWAYS AS (source ->> 'role') STORED,
    seq bigint GENERATED ALWAYS AS ((source ->> 'seq')::bigint) STORED,
    occurred_at timestamptz GENERATED ALWAYS AS (${OCCURRED_AT}) STORED
  );
  GRANT ALL ON public.filtered_memories TO PUBLIC`;

describeOnEachEngine('a filter of memories', (createDatabase) => {
  let home: TestDatabase;
  let database: Database;
  const stored = fc.sample(memories, { numRuns: ROWS, seed: 20_260_508 });
  const documented = documentedExamples();

  beforeAll(async () => {
    home = await createDatabase();
    const options = checkOptions({ database: home.settings });
    database = await Database.open({ options, entities: [], tenantOfCaller: currentTenant, seed: home.seed });
    await asSuperuser(home, database, TABLE);
    await database.query(
      `INSERT INTO public.filtered_memories (id, agent_id, metadata, source, created_at, updated_at)
       SELECT * FROM unnest($1::int[], $2::text[], $3::jsonb[], $4::jsonb[], $5::timestamptz[], $6::timestamptz[])`,
      columnsOf([...stored, documented.memory]),
    );
    await asSuperuser(
      home,
      database,
      `CREATE INDEX filtered_by_thread ON public.filtered_memories (thread_id);
       CREATE INDEX filtered_by_time ON public.filtered_memories (occurred_at);
       ANALYZE public.filtered_memories`,
    );
  });
  afterAll(async () => {
    await database.close();
    await home.drop();
  });

  /** The places of the rows that the database finds, of the first `count`. */
  const found = async (filter: MemoryFilter, count = ROWS): Promise<number[]> => {
    const { text, values } = compileFilter(filter, { firstParameter: 2 });
    const rows = await database.query<{ id: number }>(
      `SELECT m.id FROM public.filtered_memories m WHERE m.id < $1 AND ${text} ORDER BY m.id`,
      [count, ...values],
    );
    return rows.map(({ id }) => id);
  };

  it('finds exactly the memories that match, whatever they and the filter hold', async () => {
    let selective = 0;
    let tried = 0;
    await fc.assert(
      fc.asyncProperty(filtersOf(stored), async (filter) => {
        const expected = stored.flatMap((memory, id) => (matches(filter, memory) ? [id] : []));
        expect(await found(filter)).toEqual(expected);
        tried += 1;
        if (expected.length > 0 && expected.length < ROWS) selective += 1;
      }),
      { numRuns: 1_000 },
    );
    // Else it would be a comparison of nothing with nothing.
    expect(selective / tried).toBeGreaterThan(0.3);
  });

  it.each(documented.filters)(
    'finds the memory of the documentation by its example %#: %j',
    async (filter) => {
      expect(await found(filter, ROWS + 1)).toContain(ROWS);
      expect(await found({ not: filter }, ROWS + 1)).not.toContain(ROWS);
    },
  );

  it('is TRUE or FALSE once it is negated twice, and NULL is never taken for a match', async () => {
    await fc.assert(
      fc.asyncProperty(filtersOf(stored), async (filter) => {
        const [some, others] = [await found(filter), await found({ not: filter })];
        expect([...some, ...others].sort((a, b) => a - b)).toEqual(stored.map((_, id) => id));
        expect(await found({ not: { not: filter } })).toEqual(some);
      }),
      { numRuns: 100 },
    );
  });

  it('may go to each limit', async () => {
    const keys = (index: number) =>
      Array.from({ length: 8 }, (_, place) => `${index}${place}`.padEnd(256, 'k'));
    const widest: MemoryFilter = {
      or: Array.from({ length: 200 }, (_, index) => ({
        [`metadata.${keys(index).join('.')}`]: { gt: '🙂'.repeat(512) },
      })),
    };
    const longest: MemoryFilter = { 'metadata.a': { nin: Array<string>(200).fill('"\\'.repeat(341)) } };
    let deepest: MemoryFilter = { agentId: 'ada' };
    for (let level = 1; level < 16; level += 1)
      deepest = level % 2 === 0 ? { and: [deepest] } : { not: deepest };
    expect(await found(widest)).toEqual([]);
    expect(await found(longest)).toHaveLength(ROWS);
    expect(await found(deepest)).toEqual(await found({ agentId: 'ada' }));
  });

  it('means the same whatever the session is set to', async () => {
    const filter: MemoryFilter = {
      occurredAt: { gte: '2026-05-07T23:59:59.999999', lte: '2026-05-08T00:00' },
    };
    const expected = stored.flatMap((memory, id) => (matches(filter, memory) ? [id] : []));
    expect(expected).not.toEqual([]);
    await database.unitOfWork(async () => {
      for (const setting of [
        `TimeZone = 'Asia/Tokyo'`,
        `DateStyle = 'SQL, DMY'`,
        `IntervalStyle = 'iso_8601'`,
      ])
        await database.query(`SET LOCAL ${setting}`);
      expect(await found(filter)).toEqual(expected);
    });
  });

  it.each([
    ['thread_id', { threadId: 'ada' }, '='],
    ['thread_id', { threadId: { in: ['ada', 'z'] } }, '= ANY'],
    ['occurred_at', { occurredAt: { gte: '2026-05-08', lt: '2026-05-09' } }, '>='],
    ['occurred_at', { and: [{ role: 'user' }, { occurredAt: '2026-05-08' }] }, '='],
  ])('lets an index on %s serve %j', async (column, filter, comparison) => {
    const { text, values } = compileFilter(filter);
    const plan = await database.unitOfWork(async () => {
      await database.query('SET LOCAL enable_seqscan = off');
      return database.query<Record<string, string>>(
        `EXPLAIN SELECT FROM public.filtered_memories m WHERE ${text}`,
        [...values],
      );
    });
    const condition = plan
      .flatMap((line) => Object.values(line))
      .find((line) => line.includes('Index Cond:'));
    expect(condition).toContain(`(${column} ${comparison} `);
  });

  it('takes the date of an older memory that is no day for the day it would be, and does not fail', async () => {
    await database.query(
      `INSERT INTO public.filtered_memories (id, agent_id, metadata, source, created_at, updated_at)
       VALUES (-1, 'ada', '{}', '{"occurredAt":"2026-02-30"}', now(), now()),
              (-2, 'ada', '{}', '{"occurredAt":"0000-01-01T00:00+23:59"}', now(), now()),
              (-3, 'ada', '{}', '{"occurredAt":"9999-12-31T24:00-23:59"}', now(), now())`,
    );
    try {
      expect(await found({ occurredAt: '2026-03-02' }, 0)).toEqual([-1]);
      expect(await found({ occurredAt: { lt: '0001-01-01' } }, 0)).toEqual([-2]);
      expect(await found({ occurredAt: { gt: '9999-12-31T23:59:59.999999' } }, 0)).toEqual([-3]);
    } finally {
      await database.query('DELETE FROM public.filtered_memories WHERE id < 0');
    }
  });
});

describe('a compiled filter', () => {
  const stored = fc.sample(memories, { numRuns: 50, seed: 1 });

  it('has a text of our own words alone, and a parameter for everything else', () => {
    const words =
      /\bm\.(agent_id|thread_id|speaker|role|seq|occurred_at|created_at|updated_at|metadata)\b|\$\d+::(text|bigint|timestamptz|jsonb)(\[\])?|jsonb_path_exists\(|'strict \$(\[\*\])? \? \(@ [<>]=? \$bound\)',|jsonb_typeof\(|'array'|"C"|\b(AND|OR|IS|NOT|TRUE|NULL|ANY|COLLATE|CASE|WHEN|THEN|ELSE|END)\b|->|@>|[<>]=?|=|[(), ]/g;
    fc.assert(
      fc.property(filtersOf(stored), fc.integer({ min: 1, max: 9 }), (filter, firstParameter) => {
        const { text, values } = compileFilter(filter, { firstParameter });
        expect(text.replaceAll(words, '')).toBe('');
        const used = Array.from(text.matchAll(/\$(\d+)/g), ([, number]) => Number(number));
        expect(new Set(used)).toEqual(new Set(values.map((_, index) => firstParameter + index)));
      }),
      { numRuns: 1_000 },
    );
  });

  it('is the same text for other values', () => {
    const alike: MemoryFilter[] = [
      { agentId: 'a', 'metadata.a': 1, 'metadata.b': { gt: 'x' } },
      {
        agentId: `' OR TRUE --`,
        [`metadata.') OR TRUE --`]: `"`,
        'metadata.$1': { gt: '$bound) || (1 == 1' },
      },
    ];
    expect(new Set(alike.map((filter) => compileFilter(filter).text)).size).toBe(1);
  });

  it('is refused before there is any text', () => {
    expect(() => compileFilter({ 'metadata.': 1 })).toThrow('filter.metadata.');
  });
});

/** The first JSON of the page is a memory, and the others are filters that match it. */
function documentedExamples(): { memory: FilteredMemory; filters: MemoryFilter[] } {
  const [memory, ...examples] = fencedBlocks('docs/filters.md', 'json').map(
    (block) => JSON.parse(block) as object,
  );
  return {
    memory: {
      ...memory,
      createdAt: '2026-05-09T00:00:00.000Z',
      updatedAt: '2026-05-09T00:00:00.000Z',
    } as FilteredMemory,
    filters: examples as MemoryFilter[],
  };
}

function columnsOf(rows: readonly FilteredMemory[]): unknown[] {
  return [
    rows.map((_, id) => id),
    rows.map(({ agentId }) => agentId),
    rows.map(({ metadata }) => JSON.stringify(metadata)),
    rows.map(({ source }) => source && JSON.stringify(source)),
    rows.map(({ createdAt }) => createdAt),
    rows.map(({ updatedAt }) => updatedAt),
  ];
}
