import type pg from 'pg';
import { RolledBackError } from '../errors.js';
import { entryOf, type Scope } from './scope.js';
import { ScopedQuery } from './scoped-query.js';
import { againIfUndone, type Patience } from './undone.js';
import { lentClient, transactionVerb, Wire, type Query } from './wire.js';

/** Opens a transaction in a scope: two statements, one round trip where the connection pipelines. */
export async function begin(wire: Wire, scope: Scope, sql: Query = ['BEGIN']): Promise<pg.QueryResult> {
  const { text, values } = entryOf(scope);
  const [begun] = await Promise.all([wire.send(...sql), wire.send(text, values)]);
  return begun;
}

/**
 * A connection lent to one borrower. Nothing that says for whom it works outlives a transaction: each
 * statement outside of one gets its own, in the same round trip, and each transaction of the borrower's own
 * begins with the scope. So there is nothing to carry over to the next borrower, even where that is another
 * process behind PgBouncer.
 */
export class ScopedConnection {
  readonly #wire: Wire;
  #inTransaction = false;

  constructor(
    private readonly client: pg.PoolClient,
    private readonly scope: Scope,
    private readonly pipelined: boolean,
    private readonly patience?: Patience,
  ) {
    this.#wire = new Wire(client, pipelined);
  }

  lend(): pg.PoolClient {
    return lentClient(this.client, (query) => this.#run(query), this.client.release.bind(this.client));
  }

  #run(query: Query): Promise<pg.QueryResult> {
    const verb = transactionVerb(query);
    if (verb === 'BEGIN') {
      this.#inTransaction = true;
      const begun = begin(this.#wire, this.scope, query);
      // A BEGIN with a mistake opens no transaction, and the scope set with it held for no statement.
      begun.catch(() => (this.#inTransaction = false));
      return begun;
    }
    if (verb) {
      this.#inTransaction = false;
      return this.#wire.send(...query);
    }
    if (this.#inTransaction) return this.#wire.send(...query);
    return againIfUndone(() => this.#alone(query), this.patience);
  }

  async #alone(query: Query): Promise<pg.QueryResult> {
    if (this.pipelined) return ScopedQuery.send(this.client, this.scope, query);
    const steps = [
      begin(this.#wire, this.scope),
      this.#wire.send(...query),
      this.#wire.send('COMMIT'),
    ] as const;
    const [begun, answered, committed] = await Promise.allSettled(steps);
    if (begun.status === 'rejected') throw begun.reason;
    if (answered.status === 'rejected') throw answered.reason;
    if (committed.status === 'rejected') throw committed.reason;
    if (committed.value.command !== 'COMMIT') throw new RolledBackError();
    return answered.value;
  }
}
