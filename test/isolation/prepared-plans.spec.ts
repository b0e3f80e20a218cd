import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Logger } from '@nestjs/common';
import pg from 'pg';
import { checkOptions } from '../../src/config/load-options.js';
import { Database } from '../../src/database/database.js';
import { preparedStatements } from '../../src/database/prepared-statements.js';
import { entryOf } from '../../src/database/scope.js';
import { LongTermMemory } from '../../src/memory/long-term-memory.js';
import { SessionStore } from '../../src/session/session-store.js';
import { TenantContext } from '../../src/tenancy/tenant-context.js';
import { createApp } from '../../src/create-app.js';
import { postgres, type TestDatabase } from '../support/engines.js';

const hasServer = process.env['TEST_DATABASE_URL'] !== undefined;
const NAMED = `
  SELECT name FROM pg_prepared_statements
   WHERE name LIKE 'triptych%' AND name NOT LIKE 'triptych_enter%' ORDER BY name COLLATE "C"`;
const SCOPE = { role: 'triptych_app', tenant: 'large' };

/** Memories and sessions: one each of many tenants, or many of one. */
const rowsOf = (tenant: string, thread: string, count: number): string => `
  WITH memory AS (
    INSERT INTO shared.agent_memories (tenant_id, memory_id, agent_id, content, created_at)
    SELECT ${tenant}, gen_random_uuid(), 'agent-1', repeat('word ', 20), timestamptz '2026-01-01' + n * interval '1 min'
      FROM generate_series(1, ${count}) n
    RETURNING tenant_id, memory_id
  ), documented AS (
    INSERT INTO shared.recall_documents
      (tenant_id, memory_id, agent_id, thread_id, seq, ends_in_question, length, chunks, content_key, lexemes)
    SELECT tenant_id, memory_id, 'agent-1', 'thread', row_number() OVER (PARTITION BY tenant_id), false, 100, 1, 0, '{word}'
      FROM memory
  ), posted AS (
    INSERT INTO shared.recall_postings (tenant_id, lexeme, memory_id, chunk, tf, dl)
    SELECT tenant_id, 'word', memory_id, 0, 1, 2 FROM memory
  ), counted AS (
    INSERT INTO shared.recall_corpus (tenant_id, shard, chunks, length) SELECT DISTINCT tenant_id, 1, 1, 2 FROM memory
  ), embedded AS (
    INSERT INTO shared.memory_embeddings (tenant_id, agent_id, memory_id, chunk, model, signs, embedding)
    SELECT tenant_id, 'agent-1', memory_id, 0, 'm/2', repeat('10', 32)::varbit, '[1,2]' FROM memory
  ), session AS (
    INSERT INTO shared.sessions (tenant_id, thread_id, session_id, version, message_count, last_seq)
    SELECT ${tenant}, ${thread}, gen_random_uuid(), 1, 1, 1 FROM generate_series(1, ${count}) n
    RETURNING tenant_id, session_id
  )
  INSERT INTO shared.session_messages (tenant_id, session_id, seq, message_id, format, body, tokens, encoding)
  SELECT tenant_id, session_id, 1, 'message', 'openai', '{}', 5, 'none' FROM session`;

/** What becomes of a database; each has statistics of the one before until it is analyzed. */
const STATES: readonly [state: string, sql: readonly string[]][] = [
  ['without a row', []],
  ['without a row, analyzed', ['ANALYZE']],
  [
    'of 3,000 tenants with a memory and a thread each',
    [rowsOf(`'tenant-' || n`, `'thread'`, 3_000), 'ANALYZE'],
  ],
  ['in which one tenant has as much', [rowsOf(`'large'`, `'thread-' || n`, 3_000), 'VACUUM ANALYZE']],
];

interface PlanNode {
  'Relation Name'?: string;
  'Index Name'?: string;
  'Index Cond'?: string;
  'Node Type': string;
  Plans?: PlanNode[];
}

(hasServer ? describe : describe.skip)('the plans that are kept', () => {
  let home: TestDatabase;
  let client: pg.Client;
  beforeAll(async () => {
    Logger.overrideLogger(false);
    home = await postgres();
    client = new pg.Client(home.settings.url);
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await home.drop();
  });

  /** Each index that a statement looks into, and with which condition, once it is planned for everybody. */
  async function lookUps(name: string, text: string): Promise<string[]> {
    const entry = entryOf(SCOPE, true);
    await client.query('BEGIN');
    try {
      await client.query(entry.text, [...entry.values]);
      await client.query(`PREPARE ${name} AS ${text}`);
      const { rows } = await client.query<{ count: number }>(
        'SELECT cardinality(parameter_types) AS count FROM pg_prepared_statements WHERE name = $1',
        [name],
      );
      const nulls = Array(rows[0]?.count).fill('NULL').join(', ');
      const plan = await client.query<{ 'QUERY PLAN': [{ Plan: PlanNode }] }>(
        `EXPLAIN (FORMAT JSON) EXECUTE ${name} (${nulls})`,
      );
      return [...nodesOf((plan.rows[0] as (typeof plan.rows)[0])['QUERY PLAN'][0].Plan)]
        .filter((node) => node['Index Name'] ?? node['Relation Name'])
        .filter((node) => !/Bitmap Heap|ModifyTable/.test(node['Node Type']))
        .map((node) => `${node['Index Name'] ?? `${node['Relation Name']} whole`}: ${node['Index Cond']}`);
    } finally {
      await client.query('ROLLBACK');
      await client.query('DEALLOCATE ALL');
    }
  }

  it('are the same whatever the tables hold, and look for more than a tenant', async () => {
    const seen = new Map<string, string[]>();
    for (const [state, statements] of STATES) {
      for (const sql of statements) await client.query(sql);
      for (const [name, text] of preparedStatements()) {
        const found = await lookUps(name, text);
        expect({ state, name, found }).toEqual({ state, name, found: seen.get(name) ?? found });
        seen.set(name, found);
      }
    }
    expect(seen.size).toBeGreaterThan(5);
    const all = [...seen.values()].flat();
    expect(all).not.toEqual([]);
    // A tenant has up to 16 rows of its corpus and one of its settings.
    const ofTenant = all.filter(
      (found) => !found.includes(' AND ') && !/^recall_(corpus|settings)_pkey:/.test(found),
    );
    expect(ofTenant).toEqual([]);
  });

  it('are those of what a service sends', async () => {
    const app = await createApp(
      checkOptions({ log: { level: 'silent' }, database: { ...home.settings, poolSize: 1 } }),
    );
    try {
      const memory = app.get(LongTermMemory);
      const sessions = app.get(SessionStore);
      const named = await app.get(TenantContext).run('acme', async () => {
        for (let round = 0; round < 2; round += 1) {
          const content = `A window seat, booked ${round} times.`;
          await memory.store({ agentId: 'a', content });
          await sessions.appendMessages('thread', [{ role: 'user', content }]);
          await sessions.getSessionMessages('thread');
          await sessions.recentHistory('thread', { tokens: 100 });
          for (const agentId of [undefined, 'a'])
            for (const mode of ['hybrid', 'semantic'] as const)
              await memory.search('window saets', { mode, ...(agentId && { agentId }) });
        }
        return app.get(Database).query<{ name: string }>(NAMED);
      });
      expect(named.map(({ name }) => name)).toEqual([...preparedStatements().keys()].sort());
    } finally {
      await app.close();
    }
  });
});

function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}
