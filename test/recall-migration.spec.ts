import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { v7 as uuidv7 } from 'uuid';
import { checkOptions } from '../src/config/load-options.js';
import { Database } from '../src/database/database.js';
import { EmbeddedEngine } from '../src/database/embedded-engine.js';
import { MigrationDataSource } from '../src/database/migration-data-source.js';
import { migrations } from '../src/database/migrations.js';
import { LongTermMemory } from '../src/memory/long-term-memory.js';
import { TenantContext } from '../src/tenancy/tenant-context.js';
import { describeOnEachEngine, type TestDatabase } from './support/engines.js';
import { TestService } from './support/service.js';

const FIRST_OF_RECALL = migrations.findIndex(({ name }) => name === 'Recall1795132800008');

/** What the version before took: no date is checked but by `Date.parse`, and names are up to 1,024 characters. */
const BEFORE: readonly { content: string; source?: Record<string, unknown> }[] = [
  { content: 'An owl, with nothing else known of it.' },
  { content: '?!', source: {} },
  { content: Array.from({ length: 16_000 }, (_, i) => (i + 46_656).toString(36)).join(' ') + ' owl' },
  { content: 'x'.repeat(99_990) + ' owl' },
  { content: '梟'.repeat(99_990) + ' owl' },
  ...[
    '2026-02-30',
    '0000-01-01',
    '0001-01-01T00:00:00+14:00',
    '9999-12-31T23:59:59.999999999-12:00',
    '2026-05-08T24:00',
    '2026-05-08T13:56:07.1Z',
  ].map((occurredAt) => ({ content: `The owl of ${occurredAt}.`, source: { occurredAt } })),
  {
    content: 'An owl of somebody with a long name?',
    source: {
      threadId: '𝒯'.repeat(512),
      speaker: '梟'.repeat(1_024),
      role: 'r'.repeat(1_024),
      seq: 2 ** 53 - 1,
    },
  },
];

/** What is said of a tenant's index, and what there is. */
const RECOUNT = `
  SELECT ARRAY[(SELECT sum(chunks) FROM shared.recall_corpus), (SELECT sum(length) FROM shared.recall_corpus),
               (SELECT count(*) FROM shared.agent_memories)]::int[] AS said,
         ARRAY[(SELECT count(*) FROM (SELECT DISTINCT memory_id, chunk FROM shared.recall_postings) c),
               (SELECT sum(dl) FROM (SELECT DISTINCT memory_id, chunk, dl FROM shared.recall_postings) c),
               (SELECT count(*) FROM shared.recall_documents)]::int[] AS counted`;

describeOnEachEngine('memories of the version before', (createDatabase) => {
  let home: TestDatabase;
  let service: TestService;
  let memory: LongTermMemory;

  beforeAll(async () => {
    home = await createDatabase({ empty: true });
    const embedded = home.engine === 'embedded' ? await EmbeddedEngine.open('memory://') : undefined;
    const options = checkOptions({ database: home.settings });
    const source = await new MigrationDataSource({ options, embedded, entities: [] }).initialize();
    await source.runMigrations();
    for (const _ of migrations.slice(FIRST_OF_RECALL)) await source.undoLastMigration();
    for (const tenant of ['acme', 'other']) {
      await source.query(`SELECT set_config('app.tenant_id', $1, false)`, [tenant]);
      for (const { content, source: from } of BEFORE)
        await source.query(
          `INSERT INTO shared.agent_memories (tenant_id, memory_id, agent_id, content, source) VALUES ($1, $2, $3, $4, $5)`,
          [tenant, uuidv7(), '梟'.repeat(256), content, from ? JSON.stringify(from) : null],
        );
    }
    await source.runMigrations();
    await source.destroy();
    const seed = embedded && { seed: new Blob([await embedded.pglite.dumpDataDir('none')]) };
    await embedded?.close();
    service = await TestService.start({ ...home, ...seed });
    memory = service.app.get(LongTermMemory);
  });
  afterAll(async () => {
    await service.stop();
    await home.drop();
  });

  const as = <T>(work: () => Promise<T>, tenant = 'acme'): Promise<T> =>
    service.app.get(TenantContext).run(tenant, work);
  const recount = async (): Promise<{ said: number[]; counted: number[] }> => {
    const [row] = await service.app.get(Database).query<{ said: number[]; counted: number[] }>(RECOUNT);
    return row ?? { said: [], counted: [] };
  };

  it('are found, counted, changed and deleted as any other', async () => {
    const found = await as(() => memory.search('owl', { mode: 'lexical', limit: 100 }));
    expect(found).toHaveLength(BEFORE.length - 1);
    const day = { occurredAt: { gte: '2026-03-01', lte: '2026-03-03' } };
    expect((await as(() => memory.search('owl', { filter: day })))[0]?.memory.content).toContain(
      '2026-02-30',
    );
    const { memories } = await as(() => memory.list({ limit: 100 }));
    expect(memories).toHaveLength(BEFORE.length);
    for (const { memoryId } of memories.slice(1)) {
      await as(() => memory.update(memoryId, { content: 'An eagle.' }));
      const { said, counted } = await as(recount);
      expect(counted).toEqual(said);
    }
    expect(await as(() => memory.search('eagle', { mode: 'semantic', limit: 100 }))).toHaveLength(
      BEFORE.length - 1,
    );
    for (const { memoryId } of memories) await as(() => memory.delete(memoryId));
    expect(await as(recount)).toEqual({ said: [0, 0, 0], counted: [0, null, 0] });
    expect((await as(recount, 'other')).said[2]).toBe(BEFORE.length);
  });
});
