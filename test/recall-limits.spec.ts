import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { uniform } from '../bench/random.js';
import { Database } from '../src/database/database.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';
import { asSuperuser } from './support/superuser.js';

const LEFT = `
  SELECT (SELECT coalesce(sum(chunks), 0) + coalesce(sum(length), 0) FROM shared.recall_corpus)::int AS counted,
         (SELECT count(*) FROM shared.recall_postings)::int AS postings,
         (SELECT count(*) FROM shared.memory_embeddings)::int AS vectors`;

const random = uniform(20_260_508);
/** Characters of one range in no order, so that nothing makes them shorter; as many UTF-16 units as asked for. */
const text = (units: number, first: number, last: number): string => {
  let characters = '';
  while (characters.length < units)
    characters += String.fromCodePoint(first + Math.floor(random() * (last - first + 1)));
  return characters.slice(0, units);
};

describeOnEachEngine('limits of memories', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let memory: LongTermMemory;
  let tenant = '';
  let tenants = 0;
  beforeAll(async () => {
    home = await createDatabase();
    service = await TestService.start(home, { embeddings: { dimensions: 256 } });
    memory = service.app.get(LongTermMemory);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });
  beforeEach(() => {
    // As long as it may be: it stands in every key.
    tenant = `${(tenants += 1)}${text(127, 0x61, 0x7a)}`.slice(0, 128);
  });

  const as = <T>(work: () => Promise<T>): Promise<T> => service.app.get(TenantContext).run(tenant, work);

  it.each([
    ['Latin letters without a space', 0x61, 0x7a],
    ['digits', 0x30, 0x39],
    ['punctuation', 0x21, 0x2f],
    ['control characters and spaces', 0x01, 0x20],
    ['letters of three bytes without a space', 0x10d0, 0x10f0],
    ['letters of four bytes without a space', 0x10400, 0x1044f],
    ['Thai', 0x0e01, 0x0e2e],
    ['combining marks', 0x0300, 0x036f],
    ['one ligature that stands for eighteen letters', 0xfdfa, 0xfdfa],
    ['emoji', 0x1f300, 0x1f5ff],
    ['characters of nobody', 0xe000, 0xf8ff],
  ])('take many characters and give them back: %s', async (_, first, last) => {
    const content = `x${text(8_000, first, last)}x`;
    const agentId = text(256, 0x4e00, 0x9fff);
    const { memoryId } = await as(() => memory.store({ agentId, content, source: { speaker: agentId } }));
    for (const mode of ['hybrid', 'lexical', 'semantic'] as const) {
      const { results, exhaustive } = await as(() => memory.find(content, { mode, agentId, limit: 1_000 }));
      expect(exhaustive).toBe(true);
      expect(results.every(({ memory: found }) => found.content === content)).toBe(true);
      if (mode !== 'lexical') expect(results).toHaveLength(1);
    }
    await as(() => memory.delete(memoryId));
    const [left] = await as(() => service.app.get(Database).query(LEFT));
    expect(left).toEqual({ counted: 0, postings: 0, vectors: 0 });
  });

  it('let a batch be longer than one statement, all or none', async () => {
    const memories = Array.from({ length: 15 }, (_, n) => ({
      agentId: 'a',
      content: `${'Nothing. '.repeat(8_000)}Then the ${n}th heron${n} landed.`,
    }));
    const stored = await as(() => memory.storeMany(memories));
    expect(stored.map(({ content }) => content)).toEqual(memories.map(({ content }) => content));
    const [found] = await as(() => memory.search('heron14', { limit: 1 }));
    expect(found?.memory.memoryId).toBe(stored[14]?.memoryId);
    const { app } = service;
    const refuse = `ALTER TABLE shared.agent_memories ADD CONSTRAINT refused CHECK (content <> 'x') NOT VALID`;
    await asSuperuser(home, app.get(Database), refuse);
    const refused = as(() => memory.storeMany([...memories, { agentId: 'a', content: 'x' }]));
    await expect(refused).rejects.toThrow('refused');
    expect((await as(() => memory.list({ limit: 100 }))).memories).toHaveLength(15);
    const again = await as(() => memory.storeMany(memories, { deduplicate: true }));
    expect(again.map(({ copies }) => copies)).toEqual(Array(15).fill(2));
  });
});
