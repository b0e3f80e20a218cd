import { describe, expect, it } from '@jest/globals';
import { Database } from '../src/database/database.js';
import type { MemoryEntry } from '../src/memory/memory-entry.entity.js';
import { describeOnEachEngine } from './support/engines.js';
import { RecallTenant } from './support/recall-tenant.js';

/** What the tables of recall hold of a tenant, and what they say that they hold. */
const RECOUNT = `
  SELECT coalesce((SELECT sum(chunks) FROM shared.recall_corpus), 0)::int AS "chunksSaid",
         coalesce((SELECT sum(length) FROM shared.recall_corpus), 0)::int AS "lengthSaid",
         (SELECT count(*) FROM (SELECT DISTINCT memory_id, chunk FROM shared.recall_postings) c)::int AS chunks,
         coalesce((SELECT sum(tf) FROM shared.recall_postings), 0)::int AS length,
         (SELECT count(*) FROM shared.recall_postings p WHERE dl <> (
           SELECT sum(tf) FROM shared.recall_postings o WHERE o.memory_id = p.memory_id AND o.chunk = p.chunk))::int
           AS "wrongLengths",
         (SELECT count(*) FROM shared.recall_documents)::int AS documents,
         (SELECT count(DISTINCT memory_id) FROM shared.memory_embeddings)::int AS embedded,
         (SELECT count(*) FROM shared.agent_memories WHERE retracted_at IS NULL)::int AS memories`;

describeOnEachEngine('recall', (createDatabase) => {
  const tenant = RecallTenant.forEachTest(createDatabase);
  const store = tenant.store.bind(tenant);
  const find = tenant.find.bind(tenant);
  const as = tenant.as.bind(tenant);
  const recount = async (): Promise<Record<string, number>> => {
    const [row] = await as(() => tenant.service.app.get(Database).query<Record<string, number>>(RECOUNT));
    return row ?? {};
  };

  it('finds words, their forms, and words with a slip in them', async () => {
    await store('We went camping by the lake.');
    await store('The invoice was paid on Monday.');
    await store('Ada painted a lighthouse.');
    for (const query of ['camping', 'camped', 'did we camp?', 'cmaping', 'campng', 'lakes'])
      expect((await find(query, { mode: 'lexical' }))[0]).toBe('We went camping by the lake.');
    expect((await find('lighthose'))[0]).toBe('Ada painted a lighthouse.');
    expect(await find('zebra', { mode: 'lexical' })).toEqual([]);
  });

  it('says of each memory what each channel found', async () => {
    await store('We went camping by the lake.');
    await store('The invoice was paid on Monday.');
    const hybrid = await as(() => tenant.memory.find('camping'));
    expect(hybrid.exhaustive).toBe(true);
    expect(hybrid.results[0]).toMatchObject({
      scores: { lexical: expect.any(Number), semantic: expect.any(Number) },
    });
    const [lexical] = await as(() => tenant.memory.search('camping', { mode: 'lexical' }));
    expect(lexical?.scores).toEqual({ lexical: hybrid.results[0]?.scores.lexical, semantic: null });
    const [semantic] = await as(() => tenant.memory.search('camping', { mode: 'semantic' }));
    expect(semantic?.scores).toMatchObject({ lexical: null });
    expect(semantic?.scores.semantic).toBeCloseTo(hybrid.results[0]?.scores.semantic ?? NaN, 3);
  });

  it('finds scripts without spaces, and emoji', async () => {
    await store('猫在沙发上睡觉。');
    await store('我们明天去北京。');
    await store('Кошка спит на диване.');
    await store('🍕🎉');
    expect((await find('北京'))[0]).toBe('我们明天去北京。');
    expect((await find('睡觉', { mode: 'lexical' }))[0]).toBe('猫在沙发上睡觉。');
    expect((await find('кошка'))[0]).toBe('Кошка спит на диване.');
    expect((await find('🍕'))[0]).toBe('🍕🎉');
  });

  it('indexes a long text in chunks and answers it whole', async () => {
    const long = `${'Nothing happened on that day. '.repeat(400)}Then a heron landed. ${'It rained again. '.repeat(400)}`;
    await store(long);
    for (let index = 0; index < 20; index += 1) await store(`Some bird number ${index} flew by.`);
    for (const mode of ['hybrid', 'lexical', 'semantic'] as const)
      expect((await find('heron landed', { mode }))[0]).toBe(long);
  });

  it('weighs an answer by the turn before it', async () => {
    const turns = ['Which colour shall the boat have?', 'Deep green, I think.', 'Fine.'];
    for (const [index, content] of turns.entries())
      await store(content, {
        source: { threadId: 'boat', seq: index + 1, speaker: index % 2 ? 'Ada' : 'Ben' },
      });
    for (let index = 0; index < 30; index += 1)
      await store(`Something else, number ${index}.`, { source: { threadId: `other-${index}`, seq: 1 } });
    expect((await find('colour of the boat', { limit: 2 })).sort()).toEqual(turns.slice(0, 2).sort());
  });

  it('takes the longest names that it says it takes', async () => {
    // Characters of three bytes in no order, which no compression makes shorter.
    let seed = 1;
    const name = (): string =>
      String.fromCodePoint(
        ...Array.from({ length: 256 }, () => 0x4e00 + ((seed = (seed * 48_271) % 2_147_483_647) % 20_000)),
      );
    const source = { threadId: name(), speaker: name(), role: name(), seq: 1 };
    const agentId = name();
    const { memoryId } = await as(() => tenant.memory.store({ agentId, content: 'Said at length.', source }));
    const [found] = await as(() =>
      tenant.memory.search('length', {
        agentId,
        filter: { speaker: source.speaker, threadId: source.threadId },
      }),
    );
    expect(found?.memory).toMatchObject({ memoryId, source });
    await expect(store('x', { source: { speaker: 'x'.repeat(257) } })).rejects.toThrow('source.speaker');
  });

  it('looks only at what a filter and an agent leave', async () => {
    await store('green tea', { metadata: { kind: 'drink', rank: 1 } });
    await store('green soup', { metadata: { kind: 'food', rank: 2 }, source: { speaker: 'Ada' } });
    await as(() => tenant.memory.store({ agentId: 'b', content: 'green paint', metadata: { rank: 3 } }));
    for (const mode of ['hybrid', 'lexical', 'semantic'] as const) {
      expect(await find('green', { mode, agentId: 'b' })).toEqual(['green paint']);
      expect(await find('green', { mode, filter: { 'metadata.kind': 'food' } })).toEqual(['green soup']);
      expect(await find('green', { mode, filter: { speaker: { exists: true } } })).toEqual(['green soup']);
      expect((await find('green', { mode, filter: { 'metadata.rank': { gte: 2 } } })).sort()).toEqual([
        'green paint',
        'green soup',
      ]);
      expect(await find('green', { mode, agentId: 'b', filter: { 'metadata.rank': 1 } })).toEqual([]);
    }
    await expect(find('green', { filter: { speaker: { gtt: 1 } } as never })).rejects.toThrow(
      'filter.speaker.gtt',
    );
  });

  it('finds 10 memories of one tenant among thousands of another', async () => {
    for (let index = 0; index < 10; index += 1) await store(`The blue key number ${index}.`);
    const others = Array.from({ length: 1_000 }, (_, index) => ({
      agentId: 'a',
      content: `The blue key of somebody else, number ${index}.`,
    }));
    for (let batch = 0; batch < 3; batch += 1)
      await as(() => tenant.memory.storeMany(others), `${tenant.id}-other`);
    for (const mode of ['hybrid', 'lexical', 'semantic'] as const) {
      const found = await find('blue key', { mode, limit: 50 });
      expect(found).toHaveLength(10);
      expect(found.every((content) => !content.includes('somebody else'))).toBe(true);
    }
  });

  it('finds as many as were asked for, as long as there are so many', async () => {
    const contents = Array.from(
      { length: 450 },
      (_, index) => `${index < 300 ? 'A kite' : 'A boat'}, number ${index}.`,
    );
    await as(() => tenant.memory.storeMany(contents.map((content) => ({ agentId: 'a', content }))));
    expect(await find('kite', { mode: 'lexical', limit: 250 })).toHaveLength(250);
    for (const mode of ['hybrid', 'semantic'] as const) {
      const found = await find('kite', { mode, limit: 450 });
      expect(new Set(found)).toEqual(new Set(contents));
      expect(found.slice(0, 300).every((content) => content.startsWith('A kite'))).toBe(true);
    }
  });

  it('counts exactly, whatever is stored, changed, retracted and deleted at once', async () => {
    const stored: MemoryEntry[] = [];
    const words = ['red', 'green', 'blue', 'running', 'jumped'];
    const text = (n: number): string =>
      `${words[n % 5]} ${words[(n * 3) % 5]} thing ${n}. ${'again '.repeat(n % 7)}`.repeat(1 + (n % 20));
    await Promise.all(Array.from({ length: 40 }, async (_, n) => stored.push(await store(text(n)))));
    await as(() =>
      tenant.memory.storeMany(
        Array.from({ length: 60 }, (_, n) => ({ agentId: 'b', content: text(n + 40) })),
      ),
    );
    await Promise.all(
      stored.map(({ memoryId }, n) =>
        as(async () => {
          if (n % 4 === 0) await tenant.memory.delete(memoryId);
          if (n % 4 === 1) await tenant.memory.update(memoryId, { content: text(n + 100) });
          if (n % 4 === 2) await tenant.memory.update(memoryId, { retracted: true });
          if (n % 8 === 2) await tenant.memory.update(memoryId, { retracted: false });
          if (n % 4 === 3) await tenant.memory.update(memoryId, { metadata: { n } });
        }),
      ),
    );
    const { chunksSaid, lengthSaid, chunks, length, wrongLengths, documents, embedded, memories } =
      await recount();
    expect({ chunksSaid, lengthSaid, wrongLengths }).toEqual({
      chunksSaid: chunks,
      lengthSaid: length,
      wrongLengths: 0,
    });
    expect({ documents, embedded }).toEqual({ documents: memories, embedded: memories });
    expect(memories).toBe(85);
  });

  describe('a permanent record', () => {
    it('keeps what stood before, says who changed it, and answers as of a moment', async () => {
      const first = await store('Ada lives in Lisbon.', { metadata: { sure: false } });
      const second = await as(() => tenant.memory.update(first.memoryId, { content: 'Ada lives in Porto.' }));
      const third = await as(() => tenant.memory.update(first.memoryId, { metadata: { sure: true } }));
      expect([first, second, third].map(({ revision }) => revision)).toEqual([1, 2, 3]);
      const revisions = await as(() => tenant.memory.history(first.memoryId));
      expect(revisions.map(({ content, metadata }) => [content, metadata])).toEqual([
        ['Ada lives in Porto.', { sure: true }],
        ['Ada lives in Porto.', { sure: false }],
        ['Ada lives in Lisbon.', { sure: false }],
      ]);
      expect(revisions.map(({ storedBy }) => storedBy)).toEqual(Array(3).fill(first.storedBy));
      expect(revisions.map(({ validTo }) => validTo)).toEqual([null, third.updatedAt, second.updatedAt]);
      const asOf = first.createdAt.toISOString();
      expect(await as(() => tenant.memory.get(first.memoryId, { asOf }))).toEqual(first);
      const before = new Date(first.createdAt.getTime() - 1).toISOString();
      await expect(as(() => tenant.memory.get(first.memoryId, { asOf: before }))).rejects.toThrow(
        'no such memory',
      );
      expect(await find('Lisbon', { mode: 'lexical' })).toEqual([]);
      expect(await find('Porto', { mode: 'lexical' })).toEqual(['Ada lives in Porto.']);
    });

    it('takes a memory out of recall, and back', async () => {
      const { memoryId } = await store('The code is 4711.');
      const retracted = await as(() => tenant.memory.update(memoryId, { retracted: true }));
      expect(retracted.retractedAt).toBeInstanceOf(Date);
      for (const mode of ['hybrid', 'lexical', 'semantic'] as const)
        expect(await find('code 4711', { mode })).toEqual([]);
      expect(await as(() => tenant.memory.get(memoryId))).toMatchObject({ content: 'The code is 4711.' });
      const back = await as(() => tenant.memory.update(memoryId, { retracted: false }));
      expect(back).toMatchObject({ retractedAt: null, revision: 3 });
      expect(await find('code 4711')).toEqual(['The code is 4711.']);
    });

    it('leaves no trace of a memory that was deleted', async () => {
      const { memoryId } = await store('The secret word is Xylophone.');
      await as(() => tenant.memory.update(memoryId, { content: 'The secret word is Zeppelin.' }));
      await as(() => tenant.memory.delete(memoryId));
      await expect(as(() => tenant.memory.history(memoryId))).rejects.toThrow('no such memory');
      expect(await recount()).toMatchObject({
        chunksSaid: 0,
        lengthSaid: 0,
        chunks: 0,
        documents: 0,
        embedded: 0,
      });
      const [left] = await as(() =>
        tenant.service.app
          .get(Database)
          .query<{ revisions: number }>('SELECT count(*)::int AS revisions FROM shared.memory_revisions'),
      );
      expect(left).toEqual({ revisions: 0 });
    });

    it('makes one change after another when two meet', async () => {
      const { memoryId } = await store('One.');
      await Promise.all(
        ['Two.', 'Three.', 'Four.'].map((content) => as(() => tenant.memory.update(memoryId, { content }))),
      );
      const revisions = await as(() => tenant.memory.history(memoryId));
      expect(revisions.map(({ revision }) => revision)).toEqual([4, 3, 2, 1]);
      expect(new Set(revisions.map(({ content }) => content))).toEqual(
        new Set(['One.', 'Two.', 'Three.', 'Four.']),
      );
      const { chunks, documents } = await recount();
      expect({ chunks, documents }).toEqual({ chunks: 1, documents: 1 });
    });
  });

  describe('copies', () => {
    const fold = { deduplicate: true };

    it('are counted where the first one stands, when that is asked for', async () => {
      const first = await store('Ada likes tea.');
      const again = await as(() => tenant.memory.store({ agentId: 'a', content: '  Ada  likes tea.' }, fold));
      expect(again).toMatchObject({ memoryId: first.memoryId, copies: 2, content: 'Ada likes tea.' });
      const other = await as(() => tenant.memory.store({ agentId: 'b', content: 'Ada likes tea.' }, fold));
      expect(other).toMatchObject({ copies: 1 });
      const many = ['New.', 'Ada likes tea.', 'New.'].map((content) => ({ agentId: 'a', content }));
      const entries = await as(() => tenant.memory.storeMany(many, fold));
      expect(entries.map(({ copies }) => copies)).toEqual([2, 3, 2]);
      expect(entries[0]?.memoryId).toBe(entries[2]?.memoryId);
      expect((await as(() => tenant.memory.list())).memories).toHaveLength(3);
    });

    it('are folded too when all come at once', async () => {
      await Promise.all(
        Array.from({ length: 10 }, () =>
          as(() => tenant.memory.store({ agentId: 'a', content: 'Said by everybody.' }, fold)),
        ),
      );
      const { memories } = await as(() => tenant.memory.list());
      expect(memories.map(({ copies }) => copies)).toEqual([10]);
    });
  });

  it.each([
    ['only stop words', 'the of and to'],
    ['only punctuation', '?!… — «»'],
    ['100,000 characters', 'word '.repeat(20_000)],
    ['operators of a text search', `a & b | !c <-> d:* ' \\ "`],
    ['half of what SQL knows', `'; DROP TABLE shared.agent_memories; -- %_`],
    ['Arabic', 'أين القطة'],
    ['Thai', 'แมวอยู่ที่ไหน'],
  ])('answers a query of %s honestly', async (_, query) => {
    await store('The cat sleeps.');
    for (const mode of ['hybrid', 'lexical', 'semantic'] as const)
      expect((await as(() => tenant.memory.find(query, { mode }))).results.length).toBeLessThanOrEqual(1);
  });
});
