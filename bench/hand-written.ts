import pg from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Message } from '../src/session/message.js';

const TABLE = `
  CREATE SCHEMA by_hand
  CREATE TABLE messages (
    tenant_id  text NOT NULL,
    thread_id  text NOT NULL,
    seq        integer NOT NULL,
    message_id uuid NOT NULL,
    body       json NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, thread_id, seq)
  )`;

const APPEND = `
  INSERT INTO by_hand.messages (tenant_id, thread_id, seq, message_id, body)
  SELECT $1, $2, last + n, id, body
    FROM (SELECT coalesce(max(seq), 0) AS last FROM by_hand.messages WHERE tenant_id = $1 AND thread_id = $2) l,
         unnest($3::uuid[], $4::json[]) WITH ORDINALITY AS m (id, body, n)`;

/** The rows that Triptych reads, by the index that it uses: $1 tenant, $2 thread, $3 how many. */
export const NEWEST = `
  SELECT m.seq, m.message_id, m.body, m.tokens, m.created_at
    FROM shared.session_messages m
   WHERE m.tenant_id = $1 AND m.live AND m.namespace = ''
     AND m.session_id = (SELECT session_id FROM shared.sessions WHERE tenant_id = $1 AND thread_id = $2)
   ORDER BY m.seq DESC
   LIMIT $3`;

/**
 * What somebody would write who has one table and trusts each caller: no policy, no audit, no token count, no
 * version, and of two writers at once one fails. Plain node-postgres, as a superuser.
 */
export class HandWritten {
  static readonly SCHEMA = 'by_hand';

  private constructor(private readonly pool: pg.Pool) {}

  static async open(url: string): Promise<HandWritten> {
    const pool = new pg.Pool({ connectionString: url, max: 4 });
    await pool.query(TABLE);
    return new HandWritten(pool);
  }

  async append(tenantId: string, threadId: string, messages: readonly Message[]): Promise<void> {
    const parameters = [
      tenantId,
      threadId,
      messages.map(() => uuidv7()),
      messages.map((m) => JSON.stringify(m)),
    ];
    await this.pool.query(APPEND, parameters);
  }

  /** The newest messages of Triptych's own table. */
  async newest(tenantId: string, threadId: string, limit: number): Promise<unknown[]> {
    return (await this.pool.query<Record<string, unknown>>(NEWEST, [tenantId, threadId, limit])).rows;
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}

/** Vectors beside memories that are there: $1 tenant, $2 model, then one array a column, the last three binary; `chunk` counts from 0. */
export const INSERT_EMBEDDINGS = `
  INSERT INTO shared.memory_embeddings (tenant_id, model, agent_id, chunk, memory_id, signs, embedding)
  SELECT $1, $2, e.*
    FROM unnest($3::text[], $4::smallint[], $5::uuid[], $6::varbit[], $7::halfvec[]) e`;
