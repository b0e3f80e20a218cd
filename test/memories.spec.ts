import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { Database } from '../src/database/database.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService, type TenantClient } from './support/service.js';

interface Entry {
  memoryId: string;
  tenantId: string;
  agentId: string;
  content: string;
  createdAt: string;
  updatedAt: string;
}

describeOnEachEngine('memories', (createDatabase) => {
  let database: TestDatabase;
  let service: TestService;
  let memory: LongTermMemory;
  let acme: TenantClient;
  const as = <T>(work: () => T, tenant = 'acme'): T => service.app.get(TenantContext).run(tenant, work);

  beforeAll(async () => {
    database = await createDatabase();
    service = await TestService.start(database);
    memory = service.app.get(LongTermMemory);
    acme = service.as('acme');
  });
  afterAll(async () => {
    await service.stop();
    await database.drop();
  });

  it('stores an entry with everything that was said of it', async () => {
    const said = {
      agentId: 'guide',
      content: 'Ada is allergic to peanuts.',
      metadata: { topic: 'health', weight: 0.5 },
      source: { threadId: 't1', seq: 3, speaker: 'Ada', role: 'user', occurredAt: '2026-05-08T13:56:00Z' },
    };
    const stored = await acme.post('/v1/memories', said);
    expect(stored.status).toBe(201);
    expect(stored.body).toMatchObject({ ...said, tenantId: 'acme' });
    const { memoryId } = stored.body as Entry;
    expect((await acme.get(`/v1/memories/${memoryId}`)).body).toEqual(stored.body);
    expect(stored.body).not.toHaveProperty('embedding');
    expect(stored.body).toMatchObject({ embeddingStatus: 'ready' });
  });

  it('finds by meaning, nearest first, within one agent if asked', async () => {
    await as(
      () =>
        memory.storeMany(
          [
            'The cat sleeps on the sofa.',
            'The train to Lisbon leaves at nine.',
            'Ada likes window seats.',
          ].map((content, index) => ({ agentId: index === 2 ? 'second' : 'first', content })),
        ),
      'searcher',
    );
    const searcher = service.as('searcher');
    const found = await searcher.post('/v1/memories/search', {
      query: 'When does the train leave for Lisbon?',
    });
    const { results, degraded } = found.body as {
      results: { memory: Entry; score: number }[];
      degraded: unknown[];
    };
    expect(degraded).toEqual([]);
    expect(results[0]?.memory.content).toBe('The train to Lisbon leaves at nine.');
    expect(results).toHaveLength(3);
    const scores = results.map(({ score }) => score);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(scores[0]).toBeLessThanOrEqual(1.001);
    const limited = await searcher.post('/v1/memories/search', { query: 'train', limit: 1 });
    expect((limited.body as { results: unknown[] }).results).toHaveLength(1);
    const second = await searcher.post('/v1/memories/search', {
      query: 'train to Lisbon',
      agentId: 'second',
    });
    expect(
      (second.body as { results: { memory: Entry }[] }).results.map((result) => result.memory.agentId),
    ).toEqual(['second']);
  });

  it('stores a batch in one piece, in order', async () => {
    const memories = Array.from({ length: 250 }, (_, index) => ({
      agentId: 'bulk',
      content: `fact ${index}`,
    }));
    const stored = await service.as('bulk').post('/v1/memories/batch', { memories });
    expect(stored.status).toBe(201);
    expect((stored.body as { memories: Entry[] }).memories.map(({ content }) => content)).toEqual(
      memories.map(({ content }) => content),
    );
  });

  it('lists newest first, page by page, each entry once', async () => {
    const seen: string[] = [];
    for (let cursor: string | null = ''; cursor !== null;) {
      const page = await service.as('bulk').get(`/v1/memories?limit=60${cursor && `&cursor=${cursor}`}`);
      const { memories, nextCursor } = page.body as { memories: Entry[]; nextCursor: string | null };
      seen.push(...memories.map(({ content }) => content));
      cursor = nextCursor;
    }
    expect(seen).toEqual(Array.from({ length: 250 }, (_, index) => `fact ${249 - index}`));
  });

  it('changes what is named, keeps the rest, and finds the new content', async () => {
    const changer = service.as('changer');
    const stored = await changer.post('/v1/memories', {
      agentId: 'a',
      content: 'red apples',
      metadata: { kept: true },
    });
    const { memoryId } = stored.body as Entry;
    const changed = await changer.patch(`/v1/memories/${memoryId}`, { content: 'green pears' });
    expect(changed.body).toMatchObject({ content: 'green pears', metadata: { kept: true }, memoryId });
    expect(Date.parse((changed.body as Entry).updatedAt)).toBeGreaterThanOrEqual(
      Date.parse((stored.body as Entry).updatedAt),
    );
    const score = async (query: string): Promise<number> =>
      ((await changer.post('/v1/memories/search', { query })).body as { results: { score: number }[] })
        .results[0]?.score ?? 0;
    expect(await score('green pears')).toBeGreaterThan(0.9);
    expect(await score('red apples')).toBeLessThan(0.5);
    const source = await changer.patch(`/v1/memories/${memoryId}`, {
      source: { speaker: 'Bo' },
      metadata: {},
    });
    expect(source.body).toMatchObject({ content: 'green pears', metadata: {}, source: { speaker: 'Bo' } });
  });

  it('refuses what is no field of a change', async () => {
    const { memoryId } = await as(() => memory.store({ agentId: 'a', content: 'unmoved' }));
    await expect(as(() => memory.update(memoryId, { contents: 'moved' } as never))).rejects.toMatchObject({
      code: 'invalid_input',
      extensions: { violations: [{ field: 'contents' }] },
    });
    expect(await as(() => memory.get(memoryId))).toMatchObject({ content: 'unmoved', revision: 1 });
  });

  it('deletes an entry with its embedding', async () => {
    const entry = await as(() => memory.store({ agentId: 'a', content: 'short-lived' }));
    expect((await acme.delete(`/v1/memories/${entry.memoryId}`)).status).toBe(204);
    expect((await acme.delete(`/v1/memories/${entry.memoryId}`)).status).toBe(404);
    expect((await acme.get(`/v1/memories/${entry.memoryId}`)).status).toBe(404);
    const left = await service.app
      .get(Database)
      .query('SELECT FROM shared.memory_embeddings WHERE tenant_id = $1 AND memory_id = $2', [
        'acme',
        entry.memoryId,
      ]);
    expect(left).toEqual([]);
  });

  it("answers another tenant's entry exactly as one that does not exist", async () => {
    const entry = await as(() => memory.store({ agentId: 'a', content: 'a secret of acme' }));
    const other = service.as('other');
    const nobody = '0190163d-8694-739b-aea5-966c26f8ad91';
    for (const id of [entry.memoryId, nobody]) {
      const answers = [
        await other.get(`/v1/memories/${id}`),
        await other.patch(`/v1/memories/${id}`, { content: 'taken over' }),
        await other.delete(`/v1/memories/${id}`),
      ];
      for (const { status, text } of answers) {
        expect(status).toBe(404);
        expect(text).toBe(answers[0]?.text);
      }
    }
    const found = await other.post('/v1/memories/search', { query: 'a secret of acme' });
    expect(found.body).toEqual({ results: [], exhaustive: true, degraded: [] });
    expect((await acme.get(`/v1/memories/${entry.memoryId}`)).body).toMatchObject({
      content: 'a secret of acme',
    });
  });
});
