import type { MigrationInterface, QueryRunner } from 'typeorm';
import { CREATE_MEMORY_EMBEDDINGS, NEAREST_FUNCTIONS } from './ddl/nearest-memories.js';
import { OCCURRED_AT } from './ddl/occurred-at.js';
import { TEXT_SEARCH } from './ddl/text-search.js';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')`;

/** What the role that serves requests may do. */
const GRANTS = [
  ['shared.recall_documents', 'SELECT, INSERT, UPDATE, DELETE'],
  ['shared.recall_postings', 'SELECT, INSERT, DELETE'],
  ['shared.recall_corpus', 'SELECT, INSERT, UPDATE'],
  ['shared.memory_facts', 'SELECT, INSERT, DELETE'],
  ['shared.memory_revisions', 'SELECT, INSERT, DELETE'],
  ['shared.recall_settings', 'SELECT, INSERT, UPDATE'],
] as const;

/**
 * What finds a memory again: its words and its vectors, in chunks.
 *
 * `recall_postings` is an inverted index as plain rows, since row-level security would keep GIN from being
 * used. Its document frequencies are counted as they are read, so they are exact whatever is written meanwhile;
 * `recall_corpus` counts chunks and their lengths in shards, of which a transaction touches one, so that writers
 * neither wait for each other nor meet in a deadlock. `recall_documents` has what is known of a memory without
 * reading it, and the lexemes by which its postings are found when it goes. `recall_settings` says with which text
 * search configuration a tenant's index is written, and whether that is its own or was the default at the time.
 *
 * `memory_facts` is an index of metadata for filters, as plain rows, since row-level security would keep GIN from being
 * used: src/memory/memory-facts.ts says what a fact is. Rows are found again by their memory alone, whatever made them.
 *
 * `agent_memories.tokens` is what the memory's line in a prompt takes, in the encoding beside it: null for one of the
 * version before.
 *
 * `memory_revisions` keeps what a memory was before a change, with what found it then: a row takes its postings and
 * vectors along as arrays, which a search of the past reads from end to end.
 */
export class Recall1795132800008 implements MigrationInterface {
  readonly name = 'Recall1795132800008';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE shared.agent_memories
        ADD COLUMN revision integer NOT NULL DEFAULT 1,
        ADD COLUMN stored_by text,
        ADD COLUMN copies integer NOT NULL DEFAULT 1,
        ADD COLUMN retracted_at timestamptz(3),
        ADD COLUMN tokens integer,
        ADD COLUMN token_encoding text`);
    await queryRunner.query(`
      CREATE TABLE shared.recall_documents (
        tenant_id        text NOT NULL,
        memory_id        uuid NOT NULL,
        agent_id         text NOT NULL,
        thread_id        text COLLATE "C",
        seq              bigint,
        speaker          text COLLATE "C",
        role             text COLLATE "C",
        occurred_at      timestamptz,
        ends_in_question boolean NOT NULL,
        length           integer NOT NULL,
        chunks           smallint NOT NULL,
        content_key      bigint NOT NULL,
        lexemes          text[] NOT NULL,
        CONSTRAINT recall_documents_pkey PRIMARY KEY (tenant_id, memory_id),
        CONSTRAINT recall_documents_memory_fkey FOREIGN KEY (tenant_id, memory_id)
          REFERENCES shared.agent_memories (tenant_id, memory_id)
      )`);
    await queryRunner.query(`
      CREATE INDEX recall_documents_place ON shared.recall_documents (tenant_id, thread_id, seq, memory_id)
        WHERE thread_id IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX recall_documents_seq ON shared.recall_documents (tenant_id, seq) WHERE seq IS NOT NULL`);
    // Filters compare text by code point. These are small: what many have stands once in them.
    await queryRunner.query(`
      CREATE INDEX recall_documents_agent ON shared.recall_documents (tenant_id, agent_id COLLATE "C")`);
    for (const column of ['speaker', 'role'])
      await queryRunner.query(`
        CREATE INDEX recall_documents_${column} ON shared.recall_documents (tenant_id, ${column})
          WHERE ${column} IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX agent_memories_changed ON shared.agent_memories (tenant_id, updated_at)`);
    await queryRunner.query(`
      CREATE INDEX recall_documents_occurred ON shared.recall_documents (tenant_id, occurred_at)
        WHERE occurred_at IS NOT NULL`);
    await queryRunner.query(`
      CREATE INDEX recall_documents_content ON shared.recall_documents (tenant_id, content_key)`);
    await queryRunner.query(`
      CREATE TABLE shared.recall_postings (
        tenant_id text NOT NULL,
        lexeme    text COLLATE "C" NOT NULL,
        memory_id uuid NOT NULL,
        chunk     smallint NOT NULL,
        tf        smallint NOT NULL,
        dl        smallint NOT NULL,
        CONSTRAINT recall_postings_pkey PRIMARY KEY (tenant_id, lexeme, memory_id, chunk) INCLUDE (tf, dl)
      ) WITH (autovacuum_vacuum_insert_scale_factor = 0.01)`);
    await queryRunner.query(`
      CREATE TABLE shared.memory_facts (
        tenant_id text NOT NULL,
        fact      bytea NOT NULL,
        memory_id uuid NOT NULL,
        CONSTRAINT memory_facts_pkey PRIMARY KEY (tenant_id, fact, memory_id)
      ) WITH (autovacuum_vacuum_insert_scale_factor = 0.01)`);
    await queryRunner.query(`
      CREATE INDEX memory_facts_of_memory ON shared.memory_facts (tenant_id, memory_id)`);
    await queryRunner.query(`
      CREATE TABLE shared.recall_corpus (
        tenant_id text NOT NULL,
        shard     smallint NOT NULL,
        chunks    bigint NOT NULL,
        length    bigint NOT NULL,
        CONSTRAINT recall_corpus_pkey PRIMARY KEY (tenant_id, shard)
      ) WITH (fillfactor = 50)`);
    await queryRunner.query(`
      CREATE TABLE shared.recall_settings (
        tenant_id   text NOT NULL,
        text_search text NOT NULL,
        is_own      boolean NOT NULL DEFAULT false,
        CONSTRAINT recall_settings_pkey PRIMARY KEY (tenant_id)
      )`);
    await queryRunner.query(`
      CREATE TABLE shared.memory_revisions (
        tenant_id        text NOT NULL,
        memory_id        uuid NOT NULL,
        revision         integer NOT NULL,
        agent_id         text NOT NULL,
        content          text NOT NULL,
        metadata         jsonb NOT NULL,
        source           jsonb,
        stored_by        text,
        retracted        boolean NOT NULL,
        valid_from       timestamptz(3) NOT NULL,
        valid_to         timestamptz(3) NOT NULL,
        thread_id        text,
        seq              bigint,
        speaker          text,
        role             text,
        occurred_at      timestamptz,
        ends_in_question boolean,
        length           integer,
        chunks           smallint,
        lexemes          text[],
        lexeme_chunks    smallint[],
        frequencies      smallint[],
        chunk_lengths    smallint[],
        lexeme_count     integer,
        model            text,
        embeddings       halfvec[],
        CONSTRAINT memory_revisions_pkey PRIMARY KEY (tenant_id, memory_id, revision),
        CONSTRAINT memory_revisions_memory_fkey FOREIGN KEY (tenant_id, memory_id)
          REFERENCES shared.agent_memories (tenant_id, memory_id) ON DELETE CASCADE
      )`);
    await queryRunner.query(`
      CREATE INDEX memory_revisions_validity ON shared.memory_revisions (tenant_id, valid_to, valid_from)`);
    await queryRunner.query(`
      ALTER TABLE shared.memory_embeddings RENAME TO memory_embeddings_before;
      ALTER TABLE shared.memory_embeddings_before
        RENAME CONSTRAINT memory_embeddings_pkey TO memory_embeddings_before_pkey`);
    for (const statement of [...CREATE_MEMORY_EMBEDDINGS, ...NEAREST_FUNCTIONS])
      await queryRunner.query(statement);
    for (const [table, privileges] of GRANTS) {
      await queryRunner.query(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY`);
      await queryRunner.query(
        `CREATE POLICY tenant ON ${table} USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
      );
      await queryRunner.query(`GRANT ${privileges} ON ${table} TO triptych_app`);
    }
    for (const statement of TEXT_SEARCH) await queryRunner.query(statement);
    for (const tenantId of await tenantsOf(queryRunner)) await indexMemories(queryRunner, tenantId);
    await queryRunner.query(`DROP TABLE shared.memory_embeddings_before`);
  }

  /** Revisions go; so do vectors of another length than the column's, and all but the first of a memory. */
  async down(queryRunner: QueryRunner): Promise<void> {
    const dimensions = dimensionsOf(queryRunner);
    for (const name of ['nearest_memories', 'nearest_memories_of_agent', 'nearest_memories_among'])
      await queryRunner.query(`DROP FUNCTION shared.${name}`);
    await queryRunner.query(`DROP FUNCTION shared.hold_text_search`);
    await queryRunner.query(`
      ALTER TABLE shared.memory_embeddings NO FORCE ROW LEVEL SECURITY;
      ALTER TABLE shared.memory_embeddings RENAME TO memory_embeddings_after;
      ALTER TABLE shared.memory_embeddings_after RENAME CONSTRAINT memory_embeddings_pkey TO memory_embeddings_after_pkey;
      CREATE TABLE shared.memory_embeddings (
        tenant_id text NOT NULL,
        memory_id uuid NOT NULL,
        agent_id  text NOT NULL,
        model     text NOT NULL,
        embedding halfvec(${dimensions}) NOT NULL,
        CONSTRAINT memory_embeddings_pkey PRIMARY KEY (tenant_id, memory_id),
        CONSTRAINT memory_embeddings_memory_fkey FOREIGN KEY (tenant_id, memory_id)
          REFERENCES shared.agent_memories ON DELETE CASCADE
      ) WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.01);
      ALTER TABLE shared.memory_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
      INSERT INTO shared.memory_embeddings (tenant_id, memory_id, agent_id, model, embedding)
      SELECT tenant_id, memory_id, agent_id, regexp_replace(model, '/[0-9]+$', ''), embedding
        FROM shared.memory_embeddings_after WHERE chunk = 0 AND vector_dims(embedding) = ${dimensions};
      DROP TABLE shared.memory_embeddings_after;
      ALTER TABLE shared.memory_embeddings ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
      CREATE POLICY tenant ON shared.memory_embeddings
        USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT});
      GRANT SELECT, INSERT, UPDATE, DELETE ON shared.memory_embeddings TO triptych_app`);
    for (const table of [
      'memory_revisions',
      'recall_settings',
      'recall_corpus',
      'recall_postings',
      'recall_documents',
      'memory_facts',
    ])
      await queryRunner.query(`DROP TABLE shared.${table}`);
    await queryRunner.query(`DROP INDEX shared.agent_memories_changed`);
    await queryRunner.query(`
      ALTER TABLE shared.agent_memories
        DROP COLUMN revision, DROP COLUMN stored_by, DROP COLUMN copies, DROP COLUMN retracted_at,
        DROP COLUMN tokens, DROP COLUMN token_encoding`);
  }
}

/** Row-level security is forced, and an owner sees the rows of one tenant at a time. */
async function tenantsOf(queryRunner: QueryRunner): Promise<string[]> {
  await queryRunner.query(`ALTER TABLE shared.agent_memories NO FORCE ROW LEVEL SECURITY`);
  const rows = (await queryRunner.query(
    `SELECT DISTINCT tenant_id AS "tenantId" FROM shared.agent_memories`,
  )) as { tenantId: string }[];
  await queryRunner.query(`ALTER TABLE shared.agent_memories FORCE ROW LEVEL SECURITY`);
  return rows.map(({ tenantId }) => tenantId);
}

/**
 * Memories of the version before, which are found by their words, each as one chunk. Its vectors are of no use to this
 * one: the built-in embedder makes others. A memory gets vectors again when its content is changed.
 */
async function indexMemories(queryRunner: QueryRunner, tenantId: string): Promise<void> {
  await queryRunner.query(`SELECT set_config('app.tenant_id', $1, true)`, [tenantId]);
  await queryRunner.query(
    `INSERT INTO shared.recall_postings (tenant_id, lexeme, memory_id, chunk, tf, dl)
     SELECT $1, lexeme, memory_id, 0, least(tf, 32767), least(sum(tf) OVER (PARTITION BY memory_id), 32767)
       FROM (SELECT memory_id, lexeme, sum(cardinality(positions)) AS tf
               FROM shared.agent_memories,
                    unnest(to_tsvector('english', concat_ws(' ', source ->> 'speaker', content)))
              WHERE tenant_id = $1
              GROUP BY memory_id, lexeme) l`,
    [tenantId],
  );
  await queryRunner.query(
    `INSERT INTO shared.recall_corpus (tenant_id, shard, chunks, length)
     SELECT $1, 0, count(*), sum(dl)
       FROM (SELECT DISTINCT memory_id, dl FROM shared.recall_postings WHERE tenant_id = $1) c
     HAVING count(*) > 0`,
    [tenantId],
  );
  await queryRunner.query(
    `INSERT INTO shared.recall_documents
       (tenant_id, memory_id, agent_id, thread_id, seq, speaker, role, occurred_at, ends_in_question, length, chunks,
        content_key, lexemes)
     SELECT $1, memory_id, agent_id, left(source ->> 'threadId', 256), (source ->> 'seq')::bigint,
            left(source ->> 'speaker', 256), left(source ->> 'role', 256), ${OCCURRED_AT},
            content ~ '[?？؟]\\s*$', length(content), 1, 0, coalesce(lexemes, '{}')
       FROM shared.agent_memories
       LEFT JOIN (SELECT memory_id, array_agg(lexeme) AS lexemes FROM shared.recall_postings
                   WHERE tenant_id = $1 GROUP BY memory_id) l USING (memory_id)
      WHERE tenant_id = $1`,
    [tenantId],
  );
  // That their metadata is in no index: filters look at it.
  await queryRunner.query(
    String.raw`INSERT INTO shared.memory_facts (tenant_id, fact, memory_id)
     SELECT $1, '\x00', memory_id FROM shared.agent_memories WHERE tenant_id = $1 AND metadata <> '{}'`,
    [tenantId],
  );
  await queryRunner.query(
    `INSERT INTO shared.recall_settings (tenant_id, text_search) VALUES ($1, 'english')`,
    [tenantId],
  );
  await queryRunner.query(`SELECT set_config('app.tenant_id', '', true)`);
}

/** `EMBEDDING_DIMENSIONS`, which the data source hands over. */
function dimensionsOf({ dataSource }: QueryRunner): number {
  return (dataSource.options.extra as { embeddingDimensions: number }).embeddingDimensions;
}
