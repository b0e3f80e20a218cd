import type pg from 'pg';
import { RolledBackError } from '../errors.js';
import type { Scope } from './scope.js';
import { begin } from './scoped-connection.js';
import { isUndone } from './undone.js';
import { lentClient, transactionVerb, Wire, type Query } from './wire.js';

const NOTHING: Omit<pg.QueryResult, 'command'> = { rows: [], rowCount: null, oid: 0, fields: [] };

/**
 * One connection with one open transaction, lent to everybody who asks inside a unit of work. A borrower's
 * own BEGIN and COMMIT mean nothing here, and its ROLLBACK dooms the whole: savepoints would let two
 * parallel borrowers undo each other's work.
 */
export class PinnedConnection {
  readonly #client: pg.PoolClient;
  readonly #scope: Scope;
  readonly #wire: Wire;
  readonly #afterCommit: (() => void)[] = [];
  #doomed = false;
  #undoneBy: unknown;
  #open = true;

  private constructor(client: pg.PoolClient, scope: Scope, wire: Wire) {
    this.#client = client;
    this.#scope = scope;
    this.#wire = wire;
  }

  static async begin(client: pg.PoolClient, scope: Scope, pipelined: boolean): Promise<PinnedConnection> {
    const wire = new Wire(client, pipelined);
    await begin(wire, scope);
    return new PinnedConnection(client, scope, wire);
  }

  /** False once the unit of work has ended: what still runs then is outside of it. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** What PostgreSQL said when it undid the transaction for another's sake, whatever came out of the work since. */
  get undoneBy(): unknown {
    return this.#undoneBy;
  }

  /** A unit of work belongs to one tenant. */
  refuseOtherTenant(tenant: string): void {
    if (tenant !== this.#scope.tenant) throw new Error('The tenant changed inside a unit of work.');
  }

  /** The connection as a borrower sees it: to release it does nothing. */
  lend(): pg.PoolClient {
    return lentClient(
      this.#client,
      (query) => this.#run(query),
      () => undefined,
    );
  }

  /** Keeps `callback` for the time after a successful commit. */
  afterCommit(callback: () => void): void {
    this.#afterCommit.push(callback);
  }

  /** @throws RolledBackError when something inside rolled back, or a swallowed error left nothing to commit */
  async commit(): Promise<void> {
    this.#open = false;
    await this.#wire.idle();
    if (this.#doomed) throw new RolledBackError();
    // COMMIT of a failed transaction is answered with the tag ROLLBACK and no error.
    const { command } = await this.#send(['COMMIT']);
    if (command !== 'COMMIT') throw new RolledBackError();
  }

  /** Calls, in their order, what waits for the commit that has just succeeded. */
  committed(): void {
    for (const callback of this.#afterCommit) callback();
  }

  /** Never throws: a connection that cannot roll back is closed by the pool on release. */
  async rollback(): Promise<void> {
    this.#open = false;
    await this.#wire.idle();
    await this.#wire.send('ROLLBACK').catch(() => undefined);
  }

  #run(query: Query): Promise<pg.QueryResult> {
    const verb = transactionVerb(query);
    if (verb === 'ROLLBACK') this.#doomed = true;
    return verb ? Promise.resolve({ ...NOTHING, command: verb }) : this.#send(query);
  }

  #send(query: Query): Promise<pg.QueryResult> {
    const answered = this.#wire.send(...query);
    answered.catch((error: unknown) => {
      if (isUndone(error)) this.#undoneBy ??= error;
    });
    return answered;
  }
}
