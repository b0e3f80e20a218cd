import type { CheckpointTuple } from '@langchain/langgraph-checkpoint';
import { PostgresSaver } from '@langchain/langgraph-checkpoint-postgres';
import pg, { type QueryResultRow } from 'pg';
import { columnTypes } from '../database/column-types.js';
import { RUNTIME_ROLE } from '../database/data-source-options.js';
import type { Database } from '../database/database.js';
import { InvalidInputError, StartupError } from '../errors.js';

/** Names one checkpoint of a thread. */
export interface CheckpointKey {
  readonly namespace: string;
  readonly id: string;
  readonly parentId: string | null;
}

type Query = <Row extends QueryResultRow>(sql: string, parameters?: unknown[]) => Promise<Row[]>;

/** Thread ids that are fetched at once. */
const PAGE = 500;

/** Threads as LangGraph's own `PostgresSaver` keeps them, in a schema of its own. Nothing here writes. */
export class StockThreads {
  readonly #saver: PostgresSaver;

  private constructor(
    private readonly schema: string,
    private readonly query: Query,
    /** Runs `work` on one state of the tables, whoever writes to them meanwhile. */
    readonly snapshot: <T>(work: () => Promise<T>) => Promise<T>,
    /** Gives the connection back, if there is one. */
    readonly close: () => Promise<void>,
  ) {
    const pool = {
      query: async (sql: string, parameters: unknown[]) => ({ rows: await query(sql, parameters) }),
    };
    this.#saver = new PostgresSaver(pool as never, undefined, { schema });
  }

  /**
   * On a server, over a connection of its own whose transactions PostgreSQL itself keeps from writing.
   * @throws StartupError when it cannot be reached, or has no such tables; InvalidInputError
   */
  static async ofServer(url: string, schema: string): Promise<StockThreads> {
    requireSchema(schema);
    const client = new pg.Client({
      connectionString: url,
      connectionTimeoutMillis: 10_000,
      types: columnTypes,
    });
    client.on('error', () => undefined); // the next query reports it
    try {
      await client.connect();
    } catch (error) {
      throw new StartupError(`The source cannot be opened: ${(error as Error).message}. Check --from-url.`);
    }
    const query: Query = async (sql, parameters) => (await client.query(sql, parameters)).rows as never;
    const snapshot = async <T>(work: () => Promise<T>): Promise<T> => {
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
      try {
        return await work();
      } finally {
        await client.query('ROLLBACK').catch(() => undefined);
      }
    };
    const threads = new StockThreads(schema, query, snapshot, () => client.end());
    return threads.#checked();
  }

  /**
   * In another schema of the embedded engine. It has one session, so what is read there is read in the
   * transaction that writes, with the rights of the owner for as long as the statement takes.
   * @throws StartupError when there are no such tables; InvalidInputError
   */
  static ofEmbedded(database: Database, schema: string): Promise<StockThreads> {
    requireSchema(schema);
    const role = (name: string): Promise<unknown> =>
      database.query(`SELECT set_config('role', $1, true)`, [name]);
    const query: Query = (sql, parameters) =>
      database.unitOfWork(async () => {
        await role('none');
        const rows = await database.query<never>(sql, parameters);
        // After an error the transaction is lost, and the role with it.
        await role(RUNTIME_ROLE);
        return rows;
      });
    const threads = new StockThreads(
      schema,
      query,
      (work) => work(),
      () => Promise.resolve(),
    );
    return threads.#checked();
  }

  /** All thread ids, in their order. */
  async *threadIds(): AsyncGenerator<string> {
    let last = '';
    for (;;) {
      const rows = await this.query<{ id: string }>(
        `SELECT thread_id AS id FROM "${this.schema}".checkpoints
          WHERE thread_id > $1 GROUP BY thread_id ORDER BY thread_id LIMIT ${PAGE}`,
        [last],
      );
      for (const { id } of rows) yield id;
      if (rows.length < PAGE) return;
      last = (rows.at(-1) as { id: string }).id;
    }
  }

  /** The checkpoints of a thread in the order of their ids, which is that of time. */
  checkpoints(threadId: string): Promise<CheckpointKey[]> {
    return this.query<{ namespace: string; id: string; parentId: string | null }>(
      `SELECT checkpoint_ns AS namespace, checkpoint_id AS id, parent_checkpoint_id AS "parentId"
         FROM "${this.schema}".checkpoints WHERE thread_id = $1
        ORDER BY checkpoint_id COLLATE "C", checkpoint_ns COLLATE "C"`,
      [threadId],
    );
  }

  /**
   * One checkpoint as LangGraph's saver reads it.
   * @throws Error when that saver cannot read it
   */
  async read(threadId: string, { namespace, id }: CheckpointKey): Promise<CheckpointTuple> {
    const tuple = await this.#saver.getTuple({
      configurable: { thread_id: threadId, checkpoint_ns: namespace, checkpoint_id: id },
    });
    if (!tuple) throw new Error(`The checkpoint ${id} is gone from the source.`);
    return tuple;
  }

  async #checked(): Promise<this> {
    try {
      await this.query(`SELECT 1 FROM "${this.schema}".checkpoints LIMIT 0`);
    } catch (error) {
      await this.close();
      throw new StartupError(
        `There are no threads to read in the schema "${this.schema}": ${(error as Error).message}. ` +
          'Name the schema of the PostgresSaver with --from-schema.',
      );
    }
    return this;
  }
}

/** It becomes part of SQL, here and in LangGraph's saver. */
function requireSchema(schema: string): void {
  if (!/^[A-Za-z_][A-Za-z0-9_$]{0,62}$/.test(schema))
    throw new InvalidInputError([
      { field: '--from-schema', message: 'must be the name of a schema: letters, digits, _ and $' },
    ]);
}
