import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Long-term memory. Embeddings stand in a table of their own: a change of metadata does not rewrite a
 * vector, vectors lie densely, and a memory can wait for its embedding. They are `halfvec`, stored
 * inline: an exact scan of a tenant's rows takes 2.0 ms at 2,000 rows against 7.1 with vectors in TOAST.
 * No vector index is shared by tenants: such an index finds too little for small ones.
 */
export class Memories1795132800000 implements MigrationInterface {
  readonly name = 'Memories1795132800000';

  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE EXTENSION IF NOT EXISTS vector`);
    await queryRunner.query(`
      CREATE TABLE shared.agent_memories (
        tenant_id  text NOT NULL,
        memory_id  uuid NOT NULL,
        agent_id   text NOT NULL,
        content    text NOT NULL,
        metadata   jsonb NOT NULL DEFAULT '{}',
        source     jsonb,
        created_at timestamptz(3) NOT NULL DEFAULT now(),
        updated_at timestamptz(3) NOT NULL DEFAULT now(),
        CONSTRAINT agent_memories_pkey PRIMARY KEY (tenant_id, memory_id)
      )`);
    await queryRunner.query(
      `CREATE INDEX agent_memories_newest ON shared.agent_memories (tenant_id, created_at, memory_id)`,
    );
    await queryRunner.query(
      `CREATE INDEX agent_memories_newest_of_agent
         ON shared.agent_memories (tenant_id, agent_id, created_at, memory_id)`,
    );
    await queryRunner.query(`
      CREATE TABLE shared.memory_embeddings (
        tenant_id text NOT NULL,
        memory_id uuid NOT NULL,
        agent_id  text NOT NULL,
        model     text NOT NULL,
        embedding halfvec(${dimensionsOf(queryRunner)}) NOT NULL,
        CONSTRAINT memory_embeddings_pkey PRIMARY KEY (tenant_id, memory_id),
        CONSTRAINT memory_embeddings_memory_fkey FOREIGN KEY (tenant_id, memory_id)
          REFERENCES shared.agent_memories ON DELETE CASCADE
      ) WITH (toast_tuple_target = 8160, autovacuum_vacuum_insert_scale_factor = 0.01)`);
    // CREATE TABLE takes STORAGE from PostgreSQL 16 on.
    await queryRunner.query(`ALTER TABLE shared.memory_embeddings ALTER COLUMN embedding SET STORAGE PLAIN`);
  }

  /** The extension stays: other schemas of the same database may use it. */
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE shared.memory_embeddings`);
    await queryRunner.query(`DROP TABLE shared.agent_memories`);
  }
}

/** `EMBEDDING_DIMENSIONS`, which the data source hands over; a column's type takes no parameter. */
function dimensionsOf({ dataSource }: QueryRunner): number {
  const { embeddingDimensions } = dataSource.options.extra as { embeddingDimensions: unknown };
  if (!Number.isInteger(embeddingDimensions))
    throw new Error('The data source names no embeddingDimensions.');
  return embeddingDimensions as number;
}
