import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { PinnedConnection } from './pinned-connection.js';
import type { Scope } from './scope.js';
import { ScopedConnection } from './scoped-connection.js';
import { ScopedQuery } from './scoped-query.js';
import { isEnded, noteEnd } from './wire.js';

/** Names the tenant in whose scope the caller runs; `undefined` outside any scope. */
export type TenantOfCaller = () => string | undefined;

export interface ConnectionPoolConfig extends pg.PoolConfig {
  tenantOfCaller?: TenantOfCaller;
  /** The role that every transaction takes on; absent: the connection's own. */
  role?: string;
  /** Whether a connection takes a query before it has answered the one before. */
  pipeline?: boolean;
}

type Done = (release?: Error | boolean) => void;
type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: Done) => void;

/**
 * The only place that hands out connections. Every transaction on them, whether of TypeORM, LangGraph's
 * saver or a statement of our own, runs with the rights of the runtime role and for the tenant of its
 * borrower (`app.tenant_id`), which row-level security reads. Inside {@link unitOfWork} every borrower gets
 * the one pinned connection, so that all of them commit or roll back together and nobody waits for a
 * second connection, which starves a small pool (measured: 3 transactions on a pool of 3 hang).
 */
export class ConnectionPool extends pg.Pool {
  readonly #pins = new AsyncLocalStorage<PinnedConnection>();
  readonly #tenantOfCaller: TenantOfCaller;
  readonly #role: string | undefined;
  readonly #pipelined: boolean;

  constructor({
    tenantOfCaller = () => undefined,
    role,
    pipeline = false,
    ...config
  }: ConnectionPoolConfig = {}) {
    super({ ...config, pipeline });
    // For good: before it is lent and after it is closed, a connection may hear that its backend was killed.
    this.on('connect', (client) => client.on('error', ignore));
    this.#tenantOfCaller = tenantOfCaller;
    this.#role = role;
    this.#pipelined = pipeline;
  }

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const lent = this.#lend();
    if (!callback) return lent;
    lent.then(
      (client) => {
        callback(undefined, client, client.release.bind(client));
      },
      (error: unknown) => {
        callback(error as Error, undefined, () => undefined);
      },
    );
    return undefined;
  }

  /**
   * Runs one statement that neither begins nor ends a transaction; inside a unit of work, in its transaction. Not
   * `query`: that closes the connection after any error, a unique violation too, and whoever asks next gets
   * the free place before those who wait.
   */
  async run<Row extends pg.QueryResultRow>(text: string, values: unknown[]): Promise<pg.QueryResult<Row>> {
    if (!this.#pipelined || this.isInUnitOfWork) {
      const lent = await this.#lend();
      try {
        return await lent.query<Row>(text, values);
      } finally {
        lent.release();
      }
    }
    const scope = this.#scope();
    const client = await this.#checkout();
    try {
      return await ScopedQuery.send(client, scope, [text, values]);
    } catch (error) {
      noteEnd(client, error);
      throw error;
    } finally {
      client.release();
    }
  }

  /**
   * Runs `work` with one connection in one transaction: committed when it resolves, rolled back when it
   * rejects or when anything inside rolled back. A nested call joins the one under way. Queries issued in
   * parallel inside it are sent in order.
   */
  async unitOfWork<T>(work: () => Promise<T>): Promise<T> {
    const scope = this.#scope();
    const outer = this.#pins.getStore();
    if (outer?.isOpen) {
      outer.refuseOtherTenant(scope.tenant);
      return work();
    }
    const client = await this.#checkout();
    try {
      const pin = await PinnedConnection.begin(client, scope, this.#pipelined);
      let result: T;
      try {
        result = await this.#pins.run(pin, work);
        await pin.commit();
      } catch (error) {
        await pin.rollback();
        throw error;
      }
      pin.committed();
      return result;
    } finally {
      client.release();
    }
  }

  /** Whether the caller runs inside a unit of work. */
  get isInUnitOfWork(): boolean {
    return this.#pins.getStore()?.isOpen ?? false;
  }

  /**
   * Calls `callback`, which must not throw, once the unit of work under way has been committed; never when
   * it is rolled back.
   */
  afterCommit(callback: () => void): void {
    const pin = this.#pins.getStore();
    if (!pin?.isOpen) throw new Error('There is no unit of work under way.');
    pin.afterCommit(callback);
  }

  async #lend(): Promise<pg.PoolClient> {
    const scope = this.#scope();
    const pin = this.#pins.getStore();
    if (!pin?.isOpen) return new ScopedConnection(await this.#checkout(), scope, this.#pipelined).lend();
    pin.refuseOtherTenant(scope.tenant);
    return pin.lend();
  }

  #scope(): Scope {
    return { role: this.#role, tenant: this.#tenantOfCaller() ?? '' };
  }

  async #checkout(): Promise<pg.PoolClient> {
    const client = await super.connect();
    guard(client);
    return client;
  }
}

/**
 * Looks after a connection while it is lent. An error on the wire between two queries is an event, and an
 * event nobody listens to ends the process; the next query reports it. A connection given back in
 * mid-transaction is closed: its next borrower would inherit that transaction. So is one whose backend was
 * terminated, before its wire is cut under the next borrower.
 */
function guard(client: pg.PoolClient): void {
  const release = client.release.bind(client);
  client.release = (error) => {
    const isUseless = isEnded(client) || client.getTransactionStatus() !== 'I';
    release(error === undefined || error === false ? isUseless : error);
  };
}

function ignore(): void {
  // reported by the next query
}
