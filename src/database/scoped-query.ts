import pg from 'pg';
import { ParsedNames, preparedName, underName, type Protocol } from './prepared-statements.js';
import { entryOf, NamedEntries, type Scope } from './scope.js';
import { watched } from './statement-watch.js';
import type { Query } from './wire.js';

/** What is used here of node-postgres' query, which its types leave out. */
interface QueryInternals {
  prepare(connection: Protocol): void;
  handleDataRow(message: { fields: readonly (string | null)[] }): void;
  handleCommandComplete(message: unknown, connection: Protocol): void;
}
type Answer = (error: Error | null, result: pg.QueryResult) => void;
type QueryClass = new (config: object, values: undefined, callback: Answer) => QueryInternals;
const BaseQuery = pg.Query as unknown as QueryClass;

/** Of a statement that was sent under a name: not known, taken, and no longer answering what it was planned for. */
const NAME_ERRORS = new Set(['26000', '42P05', '0A000']);

interface Sent {
  readonly text?: unknown;
  readonly name?: unknown;
}

/**
 * A statement, and before it the one that enters its scope, up to one Sync. What PostgreSQL runs between two
 * Syncs is one implicit transaction, so neither BEGIN nor COMMIT is needed and the scope ends with it: 1.23 ×
 * the bare statement, where four messages take 1.79 ×. Several statements in one text are an error here.
 */
export class ScopedQuery extends BaseQuery {
  readonly #client: pg.PoolClient;
  readonly #scope: Scope;
  readonly #preparedName: string | undefined;
  #entered = false;
  #isNamed = false;
  /** The name under which the statement itself was sent, and whether it was parsed for that. */
  #sentUnder: string | undefined;
  #isParsed = false;

  private constructor(
    client: pg.PoolClient,
    scope: Scope,
    { config, isRepeated }: { config: Sent; isRepeated: boolean },
    callback: Answer,
  ) {
    // The extended protocol also for a statement without parameters: the simple one brings its own Sync.
    super({ ...config, queryMode: 'extended' }, undefined, callback);
    this.#client = client;
    this.#scope = scope;
    this.#preparedName = isRepeated || config.name !== undefined ? undefined : preparedName(config.text);
  }

  static send(client: pg.PoolClient, scope: Scope, [text, values]: Query): Promise<pg.QueryResult> {
    const config =
      typeof text === 'string' ? { text, values } : { ...(text as object), ...(values ? { values } : {}) };
    const answer = new Promise<pg.QueryResult>((resolve, reject) => {
      const send = (isRepeated: boolean): void => {
        const query = new ScopedQuery(client, scope, { config, isRepeated }, (error, result) => {
          if (!error) {
            query.#noteName();
            resolve(result);
          } else if (query.#lostEntry(error)) send(isRepeated);
          else if (query.#lostName(error)) send(true);
          else reject(error);
        });
        client.query(query as never);
      };
      send(false);
    });
    return watched(client, answer);
  }

  override prepare(connection: Protocol): void {
    this.#sentUnder = NamedEntries.mayName(this.#client) ? this.#preparedName : undefined;
    const entry = entryOf(this.#scope, this.#sentUnder !== undefined);
    const { name, isThere } = NamedEntries.claim(this.#client, entry.name);
    this.#isNamed = name !== '';
    // Is read whatever failed before, since it comes right after a Sync.
    if (!isThere) connection.parse({ text: entry.text, name });
    connection.bind({ statement: name, values: entry.values });
    connection.execute({ portal: '', rows: 0 });
    if (this.#sentUnder === undefined) {
      super.prepare(connection);
      return;
    }
    this.#isParsed = !ParsedNames.isThere(this.#client, this.#sentUnder);
    super.prepare(underName(connection, this.#sentUnder, !this.#isParsed));
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

  #noteName(): void {
    if (this.#sentUnder !== undefined && this.#isParsed) ParsedNames.add(this.#client, this.#sentUnder);
  }

  /** Whether it failed for the name of its entry, before anything else ran; so can others that were sent with it. */
  #lostEntry(error: Error): boolean {
    return this.#isNamed && !this.#entered && NamedEntries.giveUp(this.#client, error);
  }

  /**
   * Whether it may have failed for its own name. Whatever it was, all that it did is undone, since it was the only
   * statement of its transaction: so it can be sent again, and without a name it fails again if it was something else.
   */
  #lostName(error: Error): boolean {
    if (this.#sentUnder === undefined || !NAME_ERRORS.has((error as { code?: string }).code ?? ''))
      return false;
    ParsedNames.remove(this.#client, this.#sentUnder);
    NamedEntries.giveUp(this.#client, error);
    return true;
  }
}
