import pg from 'pg';
import { entryOf, NamedEntries, type Scope } from './scope.js';
import type { Query } from './wire.js';

/** What is used here of node-postgres' connection and query, which its types leave out. */
interface Protocol {
  parse(message: { text: string; name: string }): void;
  bind(message: { statement: string; values: readonly unknown[] }): void;
  execute(message: { portal: string; rows: number }): void;
}
interface QueryInternals {
  prepare(connection: Protocol): void;
  handleDataRow(message: { fields: readonly (string | null)[] }): void;
  handleCommandComplete(message: unknown, connection: Protocol): void;
}
type Answer = (error: Error | null, result: pg.QueryResult) => void;
type QueryClass = new (config: object, values: undefined, callback: Answer) => QueryInternals;
const BaseQuery = pg.Query as unknown as QueryClass;

/**
 * A statement, and before it the one that enters its scope, up to one Sync. What PostgreSQL runs between two
 * Syncs is one implicit transaction, so neither BEGIN nor COMMIT is needed and the scope ends with it: 1.23 ×
 * the bare statement, where four messages take 1.79 ×. Several statements in one text are an error here.
 */
export class ScopedQuery extends BaseQuery {
  readonly #client: pg.PoolClient;
  readonly #scope: Scope;
  #entered = false;
  #isNamed = false;

  private constructor(client: pg.PoolClient, scope: Scope, config: object, callback: Answer) {
    // The extended protocol also for a statement without parameters: the simple one brings its own Sync.
    super({ ...config, queryMode: 'extended' }, undefined, callback);
    this.#client = client;
    this.#scope = scope;
  }

  static send(client: pg.PoolClient, scope: Scope, [text, values]: Query): Promise<pg.QueryResult> {
    const config =
      typeof text === 'string' ? { text, values } : { ...(text as object), ...(values ? { values } : {}) };
    return new Promise((resolve, reject) => {
      const send = (): void => {
        const query = new ScopedQuery(client, scope, config, (error, result) => {
          if (!error) resolve(result);
          // It failed before anything else ran, so it can be sent again; so can others that were sent with it.
          else if (query.#isNamed && !query.#entered && NamedEntries.giveUp(client, error)) send();
          else reject(error);
        });
        client.query(query as never);
      };
      send();
    });
  }

  override prepare(connection: Protocol): void {
    const entry = entryOf(this.#scope);
    const { name, isThere } = NamedEntries.claim(this.#client, entry.name);
    this.#isNamed = name !== '';
    // Is read whatever failed before, since it comes right after a Sync.
    if (!isThere) connection.parse({ text: entry.text, name });
    connection.bind({ statement: name, values: entry.values });
    connection.execute({ portal: '', rows: 0 });
    super.prepare(connection);
  }

  /** The row before the first completion is that of the scope. */
  override handleDataRow(message: { fields: readonly (string | null)[] }): void {
    if (this.#entered) super.handleDataRow(message);
    else NamedEntries.answeredBy(this.#client, Number(message.fields.at(-1)));
  }

  override handleCommandComplete(message: unknown, connection: Protocol): void {
    if (this.#entered) super.handleCommandComplete(message, connection);
    else this.#entered = true;
  }
}
