import pg from 'pg';
import { halfvec, varbit } from '../src/database/binary-parameters.js';
import { NEAREST_MEMORIES } from '../src/recall/nearest-memories.sql.js';
import { signBits } from '../src/recall/sign-bits.js';
import { NEWEST } from './hand-written.js';
import { ENTER, SPACE, withMemories } from './recall-by-hand.js';

/** What a compile needs to read at least: the messages that it keeps, and the memories nearest to its task. */
export interface Reads {
  readonly tenantId: string;
  readonly threadId: string;
  readonly messages: number;
  readonly vector: readonly number[];
  readonly memories: number;
}

type Rows = Record<string, unknown>[];

/**
 * The two reads of a compile by somebody who knows the tables: one statement each on plain node-postgres, with the rights
 * of the runtime role, each in a transaction whose scope he sets by hand and all of which is sent at once. Nothing is
 * counted, cut or explained, and of the memories no word is looked up.
 */
export class ReadsByHand {
  private constructor(private readonly pool: pg.Pool) {}

  static open(url: string, connections: number): ReadsByHand {
    return new ReadsByHand(new pg.Pool({ connectionString: url, max: connections, pipeline: true }));
  }

  newest({ tenantId, threadId, messages }: Reads): Promise<Rows> {
    return this.#scoped(tenantId, NEWEST, [threadId, messages]);
  }

  nearest({ tenantId, vector, memories }: Reads): Promise<Rows> {
    const values = [SPACE, varbit(signBits(vector)), halfvec(vector), memories];
    return this.#scoped(tenantId, withMemories(NEAREST_MEMORIES), values);
  }

  async inTurn(reads: Reads): Promise<[messages: Rows, memories: Rows]> {
    return [await this.newest(reads), await this.nearest(reads)];
  }

  atOnce(reads: Reads): Promise<[messages: Rows, memories: Rows]> {
    return Promise.all([this.newest(reads), this.nearest(reads)]);
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  async #scoped(tenantId: string, statement: string, values: readonly unknown[]): Promise<Rows> {
    const client = await this.pool.connect();
    try {
      const [, , { rows }] = await Promise.all([
        client.query('BEGIN'),
        client.query(ENTER, [tenantId]),
        client.query<Record<string, unknown>>(statement, [tenantId, ...values]),
        client.query('COMMIT'),
      ]);
      return rows;
    } finally {
      client.release();
    }
  }
}
