// Over 200 lines: every way to borrow a connection, so that none begins or ends a transaction by rules of its own.
import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { DatabaseBusyError, DatabaseUnavailableError } from '../errors.js';
import type { Meter } from '../telemetry/meter.js';
import { inClientSpan } from '../telemetry/spans.js';
import type { ConnectionSlots } from './connection-slots.js';
import { PinnedConnection } from './pinned-connection.js';
import type { Scope } from './scope.js';
import { ScopedConnection } from './scoped-connection.js';
import { ScopedQuery } from './scoped-query.js';
import { openSession, ServerConnections } from './server-connections.js';
import { isLimited, NO_LIMITS, type ServerLimits } from './server-limits.js';
import { StatementWatch } from './statement-watch.js';
import { isDatabaseUnavailable } from './unavailable.js';
import { againIfUndone, type Patience } from './undone.js';
import { isEnded, noteEnd } from './wire.js';

/** Names the tenant in whose scope the caller runs; `undefined` outside any scope. */
export type TenantOfCaller = () => string | undefined;

export interface ConnectionPoolConfig extends pg.PoolConfig {
  tenantOfCaller?: TenantOfCaller;
  /** The role that every transaction takes on; absent: the connection's own. */
  role?: string;
  /** Whether a connection takes a query before it has answered the one before. */
  pipeline?: boolean;
  /** Of statements and transactions; absent: none, as on the embedded engine. */
  limits?: ServerLimits | undefined;
  /** Is told how long each connection was waited for. */
  meter?: Meter | undefined;
}

export interface UnitOfWorkOptions {
  /** Whether its statements may take longer than {@link ServerLimits} say. */
  readonly isLong?: boolean;
}

/** Of the connections, what some work may have at a time. */
interface Share {
  readonly slots: ConnectionSlots;
  readonly givenUp: AbortSignal;
}

type Done = (release?: Error | boolean) => void;
type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: Done) => void;

/** How long a connection is waited for unless the settings say otherwise, in milliseconds. */
const CONNECT_MS = 10_000;
/** Of pg-pool, about a connection that did not become free. */
const TOOK_TOO_LONG = /^timeout exceeded when trying to connect/;
/** When the pool is closed, borrowers have this long to give their connections back, in milliseconds. */
const END_MS = 5_000;

/**
 * The only place that hands out connections. Every transaction on them, whether of TypeORM, LangGraph's
 * saver or a statement of our own, runs with the rights of the runtime role and for the tenant of its
 * borrower (`app.tenant_id`), which row-level security reads. Inside {@link unitOfWork} every borrower gets
 * the one pinned connection, so that all of them commit or roll back together and nobody waits for a
 * second connection, which starves a small pool (measured: 3 transactions on a pool of 3 hang).
 */
export class ConnectionPool extends pg.Pool {
  readonly #pins = new AsyncLocalStorage<PinnedConnection>();
  readonly #shares = new AsyncLocalStorage<Share>();
  readonly #tenantOfCaller: TenantOfCaller;
  readonly #role: string | undefined;
  readonly #pipelined: boolean;
  readonly #limits: ServerLimits | undefined;
  readonly #connections: ServerConnections | undefined;
  readonly #waitMs: number;
  readonly #meter: Meter | undefined;

  constructor({
    tenantOfCaller = () => undefined,
    role,
    pipeline = false,
    limits,
    meter,
    ...config
  }: ConnectionPoolConfig = {}) {
    const waitMs = config.connectionTimeoutMillis ?? CONNECT_MS;
    const onConnect = limits && ((client: pg.ClientBase) => openSession(client, limits, waitMs));
    // pg-pool waits for the promise; its types do not say so.
    // eslint-disable-next-line @typescript-eslint/no-misused-promises
    super({ ...config, pipeline, ...(onConnect && { onConnect }) });
    this.#limits = limits;
    this.#meter = meter;
    this.#waitMs = waitMs;
    this.#connections = limits && new ServerConnections(this, limits);
    // An idle connection that breaks is replaced; nobody needs to be told.
    this.on('error', () => meter?.tell('connection', { outcome: 'lost', ms: 0 }));
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
    if (this.isInUnitOfWork) return this.#runLent(text, values);
    return this.#inTurn(() =>
      this.#pipelined ? this.#runAlone(this.#scope(), text, values) : this.#runLent(text, values),
    );
  }

  /**
   * Runs `work`, whose statements and units of work borrow connections through `slots` alone, and none any more once it
   * is `givenUp`: then they are refused with a {@link GivenUpError}.
   */
  through<T>(slots: ConnectionSlots, givenUp: AbortSignal, work: () => Promise<T>): Promise<T> {
    return this.#shares.run({ slots, givenUp }, work);
  }

  /** Runs `work` to its end also when what surrounds it is given up: as {@link through} the same slots, if through any. */
  evenIfGivenUp<T>(work: () => Promise<T>): Promise<T> {
    const share = this.#shares.getStore();
    return share ? this.through(share.slots, new AbortController().signal, work) : work();
  }

  #inTurn<T>(borrow: () => Promise<T>): Promise<T> {
    const share = this.#shares.getStore();
    return share ? share.slots.run(borrow, share.givenUp) : borrow();
  }

  async #runLent<Row extends pg.QueryResultRow>(
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    const lent = await this.#lend();
    try {
      return await lent.query<Row>(text, values);
    } finally {
      lent.release();
    }
  }

  /**
   * Runs one statement for no tenant and with the rights of another role than that of requests, outside of any unit of
   * work. It sees what the policies show that role.
   */
  async runAs<Row extends pg.QueryResultRow>(
    role: string,
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    const scope = { role, tenant: '' };
    if (this.#pipelined) return this.#runAlone(scope, text, values);
    const lent = new ScopedConnection(await this.#checkout(), scope, false).lend();
    try {
      return await lent.query<Row>(text, values);
    } finally {
      lent.release();
    }
  }

  /** Scope and statement in one round trip, on a connection that pipelines. */
  async #runAlone<Row extends pg.QueryResultRow>(
    scope: Scope,
    text: string,
    values: unknown[],
  ): Promise<pg.QueryResult<Row>> {
    const client = await this.#checkout();
    try {
      const limited = this.#limited(client, scope);
      return await againIfUndone(() => ScopedQuery.send(client, limited, [text, values]), this.#patience);
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
   * parallel inside it are sent in order. Where PostgreSQL undid the transaction for another's sake, a deadlock or a
   * conflict, `work` is done again from its beginning, for as long as a lock is waited for, unless it is long.
   */
  async unitOfWork<T>(work: () => Promise<T>, { isLong = false }: UnitOfWorkOptions = {}): Promise<T> {
    const scope = this.#scope();
    const outer = this.#pins.getStore();
    if (outer?.isOpen) {
      outer.refuseOtherTenant(scope.tenant);
      return work();
    }
    return inClientSpan('database unit of work', { 'db.system.name': 'postgresql' }, () =>
      this.#inTurn(() => this.#transaction(scope, work, isLong)),
    );
  }

  async #transaction<T>(scope: Scope, work: () => Promise<T>, isLong: boolean): Promise<T> {
    const client = await this.#checkout();
    try {
      if (!isLong)
        return await againIfUndone(
          () => this.#attempt(client, this.#limited(client, scope), work),
          this.#patience,
        );
      const unlimited = this.#limits ? { ...scope, limits: NO_LIMITS } : scope;
      return await this.#attempt(client, unlimited, () => withoutDeadline(client, work));
    } finally {
      client.release();
    }
  }

  async #attempt<T>(client: pg.PoolClient, scope: Scope, work: () => Promise<T>): Promise<T> {
    const pin = await PinnedConnection.begin(client, scope, this.#pipelined);
    let result: T;
    try {
      result = await this.#pins.run(pin, work);
      await pin.commit();
    } catch (error) {
      await pin.rollback();
      throw pin.undoneBy ?? error;
    }
    pin.committed();
    return result;
  }

  /** Why writes fail at present, for all and not for one; undefined as far as is known. */
  get trouble(): string | undefined {
    return this.#connections?.trouble;
  }

  /** The watches of the connections to a server that are lent at present. */
  get lent(): StatementWatch[] {
    return this.#connections?.lent ?? [];
  }

  override end(): Promise<void>;
  override end(callback: () => void): void;
  override end(callback?: () => void): Promise<void> | undefined {
    // Whoever waits for an answer that does not come must not keep the process from ending.
    setTimeout(() => this.#connections?.abandonLent(), END_MS).unref();
    if (!callback) return super.end();
    super.end(callback);
    return undefined;
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
    if (!pin?.isOpen) {
      const client = await this.#checkout();
      const limited = this.#limited(client, scope);
      return new ScopedConnection(client, limited, this.#pipelined, this.#patience).lend();
    }
    pin.refuseOtherTenant(scope.tenant);
    return pin.lend();
  }

  /** Whoever waits so long for a lock may begin again for as long. */
  get #patience(): Patience {
    return { withinMs: this.#limits?.lockTimeoutMs, givenUp: this.#shares.getStore()?.givenUp };
  }

  #scope(): Scope {
    return { role: this.#role, tenant: this.#tenantOfCaller() ?? '' };
  }

  /** The scope of a transaction on this connection: with limits of its own where the session has none. */
  #limited(client: pg.PoolClient, scope: Scope): Scope {
    return this.#limits && !isLimited(client) ? { ...scope, limits: this.#limits } : scope;
  }

  async #checkout(): Promise<pg.PoolClient> {
    const tell = this.#meter?.start('connection');
    try {
      const client = await (this.#limits && this.idleCount === 0 ? this.#connectInTime() : super.connect());
      guard(client);
      tell?.({ outcome: 'lent' });
      return client;
    } catch (error) {
      const reason = this.#limits ? this.#reasonOf(error) : error;
      tell?.({ outcome: reason instanceof DatabaseBusyError ? 'timeout' : 'unavailable' });
      throw reason;
    }
  }

  /** What pg-pool bounds is each step; this bounds the wait for a place and a new connection as a whole. */
  #connectInTime(): Promise<pg.PoolClient> {
    const connecting = super.connect();
    return new Promise((resolve, reject) => {
      const late = setTimeout(() => {
        reject(new Error('timeout exceeded when trying to connect'));
        connecting.then(
          (client) => {
            client.release();
          },
          () => undefined,
        );
      }, this.#waitMs);
      void connecting.then(resolve, reject).finally(() => {
        clearTimeout(late);
      });
    });
  }

  /** Whatever keeps a connection from being opened, a changed password too, is no mistake of who asked for it. */
  #reasonOf(error: unknown): unknown {
    if (TOOK_TOO_LONG.test((error as Error).message)) {
      const { lent } = this;
      if (lent.length >= this.options.max && lent.some((watch) => watch.isAlive(this.#waitMs)))
        return new DatabaseBusyError(lent.length, this.#waitMs);
      return new DatabaseUnavailableError(`there was no connection for ${this.#waitMs} ms`, { cause: error });
    }
    if (isDatabaseUnavailable(error)) return error;
    // Its code tells the operator, and its message may be none of a user's business.
    const { code = 'no code' } = error as { code?: string };
    return new DatabaseUnavailableError(`a connection could not be opened (${code})`, { cause: error });
  }
}

async function withoutDeadline<T>(client: pg.PoolClient, work: () => Promise<T>): Promise<T> {
  const watch = StatementWatch.of(client);
  if (watch) watch.isSuspended = true;
  try {
    return await work();
  } finally {
    if (watch) watch.isSuspended = false;
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
    // Who waits for its place would wait for its goodbye too, which a dead link never carries.
    if (isUseless) StatementWatch.of(client)?.destroy(new Error('This connection was of no more use.'));
    release(error === undefined || error === false ? isUseless : error);
  };
}

function ignore(): void {
  // reported by the next query
}
