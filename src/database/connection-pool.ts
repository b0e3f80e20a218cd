import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { PinnedConnection } from './pinned-connection.js';

/** Names the tenant in whose scope the caller runs; `undefined` outside any scope. */
export type TenantOfCaller = () => string | undefined;

export interface ConnectionPoolConfig extends pg.PoolConfig {
  tenantOfCaller?: TenantOfCaller;
}

type Done = (release?: Error | boolean) => void;
type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: Done) => void;

/**
 * The only place that hands out connections. Every connection carries the tenant of its borrower in the
 * setting `app.tenant_id` ('' when there is none), whether TypeORM, LangGraph's saver or our own
 * statement borrows it; row-level security reads that setting. Inside {@link unitOfWork} every borrower
 * gets the one pinned connection, so that all of them commit or roll back together and nobody waits
 * for a second connection, which starves a small pool (measured: 3 transactions on a pool of 3 hang).
 */
export class ConnectionPool extends pg.Pool {
  readonly #pins = new AsyncLocalStorage<PinnedConnection>();
  readonly #stamps = new WeakMap<pg.PoolClient, string>();
  readonly #tenantOfCaller: TenantOfCaller;

  constructor({ tenantOfCaller = () => undefined, ...config }: ConnectionPoolConfig = {}) {
    super(config);
    this.#tenantOfCaller = tenantOfCaller;
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
   * Runs `work` with one connection in one transaction: committed when it resolves, rolled back when it
   * rejects or when anything inside rolled back. A nested call joins the one under way. Queries issued in
   * parallel inside it are sent one after the other.
   */
  async unitOfWork<T>(work: () => Promise<T>): Promise<T> {
    const tenant = this.#tenant();
    const outer = this.#pins.getStore();
    if (outer?.isOpen) {
      outer.refuseOtherTenant(tenant);
      return work();
    }
    const client = await this.#checkout(tenant);
    const pin = new PinnedConnection(client, tenant);
    try {
      await client.query('BEGIN');
      const result = await this.#pins.run(pin, work);
      await pin.commit();
      return result;
    } catch (error) {
      await pin.rollback();
      throw error;
    } finally {
      client.release();
    }
  }

  async #lend(): Promise<pg.PoolClient> {
    const tenant = this.#tenant();
    const pin = this.#pins.getStore();
    if (!pin?.isOpen) return this.#checkout(tenant);
    pin.refuseOtherTenant(tenant);
    return pin.lend();
  }

  #tenant(): string {
    return this.#tenantOfCaller() ?? '';
  }

  async #checkout(tenant: string): Promise<pg.PoolClient> {
    const client = await super.connect();
    guard(client);
    try {
      if (this.#stamps.get(client) !== tenant) {
        await client.query("SELECT set_config('app.tenant_id', $1, false)", [tenant]);
        this.#stamps.set(client, tenant);
      }
      return client;
    } catch (error) {
      client.release(error as Error);
      throw error;
    }
  }
}

/**
 * Looks after a connection while it is lent. An error on the wire between two queries is an event, and an
 * event nobody listens to ends the process; the next query reports it. A connection given back in
 * mid-transaction is closed: its next borrower would inherit that transaction.
 */
function guard(client: pg.PoolClient): void {
  const release = client.release.bind(client);
  client.on('error', ignore);
  client.release = (error) => {
    client.off('error', ignore);
    release(error ?? (client.getTransactionStatus() === 'I' ? undefined : true));
  };
}

function ignore(): void {
  // reported by the next query
}
