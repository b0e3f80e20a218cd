import pg from 'pg';
import type { Query } from './wire.js';

/** What is used here of node-postgres' connection and query, which its types leave out. */
interface Protocol {
  parse(message: { text: string; name: string }): void;
  bind(message: { values: readonly unknown[] }): void;
  execute(message: { portal: string; rows: number }): void;
}
interface QueryInternals {
  prepare(connection: Protocol): void;
  handleDataRow(message: unknown): void;
  handleCommandComplete(message: unknown, connection: Protocol): void;
}
type Answer = (error: Error | null, result: pg.QueryResult) => void;
type QueryClass = new (config: object, values: undefined, callback: Answer) => QueryInternals;
const BaseQuery = pg.Query as unknown as QueryClass;

/** A statement with its parameters. */
export type Statement = readonly [text: string, values: readonly unknown[]];

/**
 * A statement, and before it the one that enters its scope, up to one Sync. What PostgreSQL runs between two
 * Syncs is one implicit transaction, so neither BEGIN nor COMMIT is needed and the scope ends with it: 1.23 ×
 * the bare statement, where four messages take 1.79 ×. Several statements in one text are an error here.
 */
export class ScopedQuery extends BaseQuery {
  readonly #enter: Statement;
  #entered = false;

  private constructor(config: object, enter: Statement, callback: Answer) {
    // The extended protocol also for a statement without parameters: the simple one brings its own Sync.
    super({ ...config, queryMode: 'extended' }, undefined, callback);
    this.#enter = enter;
  }

  static send(client: pg.PoolClient, enter: Statement, [text, values]: Query): Promise<pg.QueryResult> {
    const config =
      typeof text === 'string' ? { text, values } : { ...(text as object), ...(values ? { values } : {}) };
    return new Promise((resolve, reject) => {
      const query = new ScopedQuery(config, enter, (error, result) => {
        if (error) reject(error);
        else resolve(result);
      });
      client.query(query as never);
    });
  }

  override prepare(connection: Protocol): void {
    const [text, values] = this.#enter;
    connection.parse({ text, name: '' });
    connection.bind({ values });
    connection.execute({ portal: '', rows: 0 });
    super.prepare(connection);
  }

  /** The rows before the first completion are those of the scope. */
  override handleDataRow(message: unknown): void {
    if (this.#entered) super.handleDataRow(message);
  }

  override handleCommandComplete(message: unknown, connection: Protocol): void {
    if (this.#entered) super.handleCommandComplete(message, connection);
    else this.#entered = true;
  }
}
