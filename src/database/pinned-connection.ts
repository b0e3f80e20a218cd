import type pg from 'pg';
import { RolledBackError } from '../errors.js';

type Query = (...query: unknown[]) => Promise<pg.QueryResult>;

const NOTHING: Omit<pg.QueryResult, 'command'> = { rows: [], rowCount: null, oid: 0, fields: [] };

/**
 * One connection with one open transaction, lent to everybody who asks inside a unit of work.
 * A borrower's own BEGIN and COMMIT mean nothing here, and its ROLLBACK dooms the whole: savepoints would
 * let two parallel borrowers undo each other's work. Queries queue up, since a wire carries one at a time.
 */
export class PinnedConnection {
  readonly #client: pg.PoolClient;
  readonly #tenant: string;
  #last: Promise<unknown> = Promise.resolve();
  #doomed = false;
  #open = true;

  constructor(client: pg.PoolClient, tenant: string) {
    this.#client = client;
    this.#tenant = tenant;
  }

  /** False once the unit of work has ended: what still runs then is outside of it. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** A unit of work belongs to one tenant. */
  refuseOtherTenant(tenant: string): void {
    if (tenant !== this.#tenant) throw new Error('The tenant changed inside a unit of work.');
  }

  /** The connection as a borrower sees it: `release` does nothing, queries go through the queue. */
  lend(): pg.PoolClient {
    return new Proxy(this.#client, {
      get: (client, key) => {
        if (key === 'release') return () => undefined;
        // The pool listens for all borrowers; one listener each would look like a leak to Node.
        if (key === 'on' || key === 'once' || key === 'removeListener') return () => client;
        if (key === 'query') return this.#query;
        const value: unknown = Reflect.get(client, key);
        return typeof value === 'function' ? (value.bind(client) as unknown) : value;
      },
    });
  }

  /** @throws RolledBackError when something inside rolled back, or a swallowed error left nothing to commit */
  async commit(): Promise<void> {
    this.#open = false;
    await this.#last;
    if (this.#doomed) throw new RolledBackError();
    // COMMIT of a failed transaction is answered with the tag ROLLBACK and no error.
    const { command } = await this.#client.query('COMMIT');
    if (command !== 'COMMIT') throw new RolledBackError();
  }

  /** Never throws: a connection that cannot roll back is closed by the pool on release. */
  async rollback(): Promise<void> {
    this.#open = false;
    await this.#last;
    await this.#client.query('ROLLBACK').catch(() => undefined);
  }

  readonly #query = (...query: unknown[]): unknown => {
    const callback = query.at(-1);
    if (typeof callback === 'function') {
      const answer = callback as (error: unknown, result?: pg.QueryResult) => void;
      this.#enqueue(query.slice(0, -1)).then(
        (result) => {
          answer(undefined, result);
        },
        (error: unknown) => {
          answer(error);
        },
      );
      return undefined;
    }
    return this.#enqueue(query);
  };

  #enqueue(query: unknown[]): Promise<pg.QueryResult> {
    const sent = this.#last.then(() => this.#send(query));
    this.#last = sent.catch(() => undefined);
    return sent;
  }

  #send(query: unknown[]): Promise<pg.QueryResult> {
    const verb = typeof query[0] === 'string' ? transactionVerb(query[0]) : undefined;
    if (verb === 'ROLLBACK') this.#doomed = true;
    if (verb) return Promise.resolve({ ...NOTHING, command: verb });
    return (this.#client.query as unknown as Query).apply(this.#client, query);
  }
}

/** BEGIN, COMMIT or ROLLBACK of a whole transaction; savepoints are none of them. */
function transactionVerb(sql: string): 'BEGIN' | 'COMMIT' | 'ROLLBACK' | undefined {
  const words = sql.trim().toUpperCase().replace(/;$/, '');
  if (/^(BEGIN|START TRANSACTION)\b/.test(words)) return 'BEGIN';
  if (/^(COMMIT|END)$/.test(words)) return 'COMMIT';
  if (/^(ROLLBACK|ABORT)$/.test(words)) return 'ROLLBACK';
  return undefined;
}
