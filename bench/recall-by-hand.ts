import pg from 'pg';
import { halfvec, varbit } from '../src/database/binary-parameters.js';
import { NEAREST_MEMORIES } from '../src/recall/nearest-memories.sql.js';
import { signBits } from '../src/recall/sign-bits.js';
import { vectorSpaceOf } from '../src/embeddings/vector-space.js';
import type { Question } from './recall-data.js';
import { DIMENSIONS } from './recall-embedder.js';

/** Takes on the runtime role and the tenant $1 until the transaction ends. */
export const ENTER = `SELECT set_config('role', 'triptych_app', true), set_config('app.tenant_id', $1, true)`;

/** Every vector of the tenant compared, on the rows that Triptych stores: the reference of recall. */
const EXACT = `
  SELECT memory_id AS "memoryId", embedding <=> $3 AS distance FROM shared.memory_embeddings
   WHERE tenant_id = $1 AND model = $2 ORDER BY distance LIMIT $4`;

/** The same on a table as it is usually made: pgvector's own type, too long to stand in its row, and a B-tree. */
const EXACT_USUAL = `
  SELECT memory_id AS "memoryId", embedding <=> $2 AS distance FROM by_hand.vectors
   WHERE tenant_id = $1 ORDER BY distance LIMIT $3`;
const USUAL_TABLE = `
  CREATE SCHEMA by_hand
  CREATE TABLE vectors (
    tenant_id text NOT NULL,
    memory_id uuid PRIMARY KEY,
    embedding vector(${DIMENSIONS}) NOT NULL
  )`;

/** With the memories that a statement finds, as a search answers them. */
export const withMemories = (nearest: string): string => `
  SELECT n.distance, n."memoryId", m.* FROM (${nearest}) n
    JOIN shared.agent_memories m ON m.tenant_id = $1 AND m.memory_id = n."memoryId"
   ORDER BY n.distance`;

export const SPACE = vectorSpaceOf({ model: 'bench', dimensions: DIMENSIONS });

/** The ids alone, or the memories, too. */
export type Wanted = 'ids' | 'memories';

/**
 * What somebody would write who knows the design: one statement on plain node-postgres, in a transaction whose scope he
 * sets by hand, all of it sent at once. No word of the question is looked up, and nothing is ranked.
 */
export class RecallByHand {
  private constructor(private readonly pool: pg.Pool) {}

  static open(url: string): RecallByHand {
    return new RecallByHand(new pg.Pool({ connectionString: url, max: 8, pipeline: true }));
  }

  /** Copies the vectors of some tenants into a table as it is usually made. */
  async copyToUsualTable(tenantIds: readonly string[]): Promise<void> {
    await this.pool.query(USUAL_TABLE);
    await this.pool.query(
      `INSERT INTO by_hand.vectors SELECT tenant_id, memory_id, embedding::vector FROM shared.memory_embeddings
        WHERE tenant_id = ANY ($1)`,
      [tenantIds],
    );
    await this.pool.query('CREATE INDEX ON by_hand.vectors (tenant_id)');
    await this.pool.query('GRANT USAGE ON SCHEMA by_hand TO triptych_app');
    await this.pool.query('GRANT SELECT ON by_hand.vectors TO triptych_app');
    await this.pool.query('VACUUM ANALYZE by_hand.vectors');
  }

  /** The statement of Triptych's own vector channel. */
  nearest({ tenant, vector }: Question, limit: number, wanted: Wanted): Promise<string[]> {
    const values = [SPACE, varbit(signBits(vector)), halfvec(vector), limit];
    return this.#scoped(tenant.id, [NEAREST_MEMORIES, values], wanted);
  }

  exact({ tenant, vector }: Question, limit: number, wanted: Wanted): Promise<string[]> {
    return this.#scoped(tenant.id, [EXACT, [SPACE, halfvec(vector), limit]], wanted);
  }

  exactUsual({ tenant, vector }: Question, limit: number, wanted: Wanted): Promise<string[]> {
    return this.#scoped(tenant.id, [EXACT_USUAL, [`[${vector.join(',')}]`, limit]], wanted);
  }

  /** With the rights of a superuser. */
  async query<T extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.pool.query<T>(text, values)).rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  async #scoped(
    tenantId: string,
    [statement, values]: [text: string, values: readonly unknown[]],
    wanted: Wanted,
  ): Promise<string[]> {
    const client = await this.pool.connect();
    try {
      const [, , { rows }] = await Promise.all([
        client.query('BEGIN'),
        client.query(ENTER, [tenantId]),
        client.query<{ memoryId: string }>(wanted === 'ids' ? statement : withMemories(statement), [
          tenantId,
          ...values,
        ]),
        client.query('COMMIT'),
      ]);
      return rows.map(({ memoryId }) => memoryId);
    } finally {
      client.release();
    }
  }
}
