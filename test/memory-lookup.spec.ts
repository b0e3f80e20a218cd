import { beforeAll, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Database } from '../src/database/database.js';
import type { MemoryEntry, MemorySource } from '../src/memory/memory-entry.entity.js';
import { factsOf, MAX_FACTS, NOT_INDEXED } from '../src/memory/memory-facts.js';
import type { MemoryFilter } from '../src/memory/memory-filter.js';
import { compileFilter } from '../src/memory/memory-filter.sql.js';
import { compileLookup } from '../src/memory/memory-lookup.sql.js';
import { conditionOf } from '../src/memory/memory-search.js';
import { restrictionFrom, parametersOf } from '../src/recall/recall-condition.js';
import { allowedBy, MEMORIES } from '../src/recall/restriction.sql.js';
import { describeOnEachEngine } from './support/engines.js';
import { fencedBlocks } from './support/markdown.js';
import { matches, type FilteredMemory } from './support/memory-filter-evaluator.js';
import { filtersOf, memories } from './support/memory-filters.js';
import { RecallTenant } from './support/recall-tenant.js';

const ROWS = 300;

/** As they can be stored. */
const storable = memories.map(({ metadata, source, ...rest }): FilteredMemory => ({
  ...rest,
  metadata: withoutProto(metadata) as Record<string, unknown>,
  source: source && Object.fromEntries(Object.entries(source).filter(([, value]) => value !== '')),
}));

describeOnEachEngine('indexes of what filters ask for', (createDatabase) => {
  const tenant = RecallTenant.forEachTest(createDatabase);
  const documented = fencedBlocks('docs/filters.md', 'json').map(
    (block) => JSON.parse(block) as MemoryFilter,
  );
  const stored = [
    ...fc.sample(storable, { numRuns: ROWS, seed: 20_260_508 }),
    documented[0] as unknown as FilteredMemory,
  ];
  const who = 'many';
  let entries: MemoryEntry[] = [];

  const query = <Row extends object>(sql: string, parameters: unknown[]): Promise<Row[]> =>
    tenant.as(
      () => tenant.service.app.get(Database).query<Row & Record<string, unknown>>(sql, parameters),
      who,
    );
  const idsOf = async (sql: string, parameters: unknown[]): Promise<string[]> =>
    (await query<{ memory_id: string }>(sql, [who, ...parameters])).map((row) => row.memory_id).sort();
  /** By the condition alone, row by row. */
  const scanned = (filter: MemoryFilter): Promise<string[]> => {
    const { text, values } = compileFilter(filter, { firstParameter: 2 });
    return idsOf(`SELECT m.memory_id FROM ${MEMORIES} WHERE m.tenant_id = $1 AND ${text}`, [...values]);
  };
  /** What indexes tell, up to so many rows; undefined where there are more, or no index tells. */
  const lookedUp = async (filter: MemoryFilter, most: number): Promise<string[] | undefined> => {
    const lookup = compileLookup([filter]);
    if (!lookup) return undefined;
    const told = await idsOf(
      `WITH bound AS (SELECT ${most} AS most)
       SELECT memory_id FROM (${lookup.text(2)}) l LIMIT (SELECT most FROM bound)`,
      [...lookup.values],
    );
    return told.length < most ? told : undefined;
  };

  beforeAll(async () => {
    const asNew = ({ agentId, metadata, source }: FilteredMemory) => ({
      agentId,
      content: 'A memory.',
      metadata,
      source: source as MemorySource | null,
    });
    entries = await tenant.as(() => tenant.memory.storeMany(stored.map(asNew)), who);
    // Some lose their metadata and get it back, some are changed by way of others, retracted, or deleted.
    const many = Object.fromEntries(Array.from({ length: MAX_FACTS + 1 }, (_, i) => [`key-${i}`, i]));
    for (const [i, { memoryId }] of entries.entries()) {
      const memory = stored[i] as FilteredMemory;
      const update = (change: object) => tenant.as(() => tenant.memory.update(memoryId, change), who);
      if (i % 10 === 1) await update({ metadata: (stored[i + 1] as FilteredMemory).metadata });
      if (i % 20 === 1) await update({ metadata: memory.metadata });
      else if (i % 10 === 1) memory.metadata = (stored[i + 1] as FilteredMemory).metadata;
      if (i % 30 === 2) await update({ metadata: (memory.metadata = { ...memory.metadata, ...many }) });
      if (i % 30 === 3) await update({ retracted: true });
      if (i % 60 === 3) await update({ retracted: false });
      if (i % 10 === 5) await tenant.as(() => tenant.memory.delete(memoryId), who);
    }
  });

  const isFound = (i: number): boolean => i % 10 !== 5 && !(i % 30 === 3 && i % 60 !== 3);
  /** Without the two moments that say when it was stored and changed, which nobody can choose. */
  const expected = (filter: MemoryFilter): string[] =>
    entries.flatMap((entry, i) => {
      const moments = { createdAt: '2100-01-01T00:00:00Z', updatedAt: '2100-01-01T00:00:00Z' };
      return isFound(i) && matches(filter, { ...(stored[i] as FilteredMemory), ...moments })
        ? [entry.memoryId]
        : [];
    });

  it('hold exactly the facts of the memories that there are', async () => {
    const rows = await query<{ fact: Buffer; memory_id: string }>(
      'SELECT fact, memory_id FROM shared.memory_facts WHERE tenant_id = $1',
      [who],
    );
    const facts = rows.map(({ fact, memory_id }) => `${memory_id} ${fact.toString('hex')}`).sort();
    const remaining = entries.filter((_, i) => i % 10 !== 5);
    const own = entries.flatMap((entry, i) =>
      i % 10 === 5
        ? []
        : factsOf((stored[i] as FilteredMemory).metadata).map(
            (fact) => `${entry.memoryId} ${fact.toString('hex')}`,
          ),
    );
    expect(facts).toEqual(own.sort());
    expect(facts.filter((fact) => fact.endsWith(` ${NOT_INDEXED.toString('hex')}`)).length).toBeGreaterThan(
      3,
    );
    expect(new Set(facts.map((fact) => fact.split(' ')[0])).size).toBeLessThanOrEqual(remaining.length);
  });

  it('never miss a memory that matches, and tell when they stopped', async () => {
    const counts = { told: 0, stopped: 0, narrowed: 0 };
    await fc.assert(
      fc.asyncProperty(
        filtersOf(stored).filter((filter) => !/createdAt|updatedAt/.test(JSON.stringify(filter))),
        fc.constantFrom(10, 40, 1_000_000),
        async (filter, most) => {
          const matching = await scanned(filter);
          expect(matching).toEqual(expected(filter).sort());
          const told = await lookedUp(filter, most);
          if (!told) {
            counts.stopped += 1;
            return;
          }
          counts.told += 1;
          if (told.length < ROWS / 4) counts.narrowed += 1;
          const known = new Set(told);
          expect(matching.filter((id) => !known.has(id))).toEqual([]);
        },
      ),
      { numRuns: 600 },
    );
    expect(counts.told).toBeGreaterThan(100);
    expect(counts.stopped).toBeGreaterThan(50);
    expect(counts.narrowed).toBeGreaterThan(50);
  });

  it('leave, once checked, what reading all of them leaves', async () => {
    let few = 0;
    await fc.assert(
      fc.asyncProperty(filtersOf(stored), async (filter) => {
        const condition = conditionOf({ filter });
        const restriction = restrictionFrom(2, condition);
        if (!restriction?.lookup) return;
        const [mode] = await query<{ few: boolean; ids: string[] | null }>(
          `WITH ${allowedBy(restriction)} SELECT few, (SELECT array_agg(memory_id) FROM allowed) AS ids FROM looked_up`,
          [who, ...parametersOf(condition)],
        );
        if (!mode?.few) return;
        few += 1;
        expect((mode.ids ?? []).sort()).toEqual(await scanned(filter));
      }),
      { numRuns: 300 },
    );
    expect(few).toBeGreaterThan(100);
  });

  it.each(documented.slice(1))(
    'tell of the memory of the documentation by its example %#: %j',
    async (filter) => {
      const told = await lookedUp(filter, 1_000_000);
      if (told) expect(told).toContain(entries[ROWS]?.memoryId);
      else expect(JSON.stringify(filter)).toMatch(/"(not|ne|nin)"|"exists":false/);
    },
  );

  it('tell of the fewest, whichever condition these are of', async () => {
    const many = { 'metadata.a': { exists: true }, agentId: { gte: '' } };
    const one = { 'metadata.v1\\.2': 'yes' };
    for (const filter of [{ and: [many, one] }, { and: [one, many] }, { ...one, or: [one, { seq: 7 }] }]) {
      const told = await lookedUp(filter, 30);
      expect(told).toContain(entries[ROWS]?.memoryId);
      expect(told?.length).toBeLessThan(20);
    }
  });

  it.each<[filter: MemoryFilter]>([
    [{ agentId: { ne: 'ada' } }],
    [{ not: { 'metadata.a': 1 } }],
    [{ 'metadata.a': { exists: false } }],
    [{ or: [{ 'metadata.a': 1 }, { 'metadata.b': { nin: [1] } }] }],
    [{}],
    [{ or: [{ agentId: 'ada' }, {}] }],
  ])('tell nothing of %j', (filter) => {
    expect(compileLookup([filter])).toBeUndefined();
  });
});

function withoutProto(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutProto);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => key !== '__proto__')
      .map(([key, member]) => [key, withoutProto(member)]),
  );
}
