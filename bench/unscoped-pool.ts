import { AsyncLocalStorage } from 'node:async_hooks';
import pg from 'pg';
import { lentClient, transactionVerb, type Query } from '../src/database/wire.js';

type Done = (release?: Error | boolean) => void;
type Callback = (error: Error | undefined, client: pg.PoolClient | undefined, done: Done) => void;

interface Pin {
  readonly client: pg.PoolClient;
  readonly statements: Query[];
  readonly afterCommit: (() => void)[];
}

const NOTHING: Omit<pg.QueryResult, 'command'> = { rows: [], rowCount: null, oid: 0, fields: [] };

/**
 * What the product's pool would be without isolation: node-postgres as it comes, with the unit of work that
 * the tiers need, in its simplest form. No role, no tenant, one round trip a statement.
 */
export class UnscopedPool extends pg.Pool {
  readonly #pins = new AsyncLocalStorage<Pin>();

  override connect(): Promise<pg.PoolClient>;
  override connect(callback: Callback): void;
  override connect(callback?: Callback): Promise<pg.PoolClient> | undefined {
    const pin = this.#pins.getStore();
    if (!pin) {
      if (!callback) return super.connect();
      super.connect(callback);
      return undefined;
    }
    const client = lentClient(
      pin.client,
      (query) => run(pin, query),
      () => undefined,
    );
    if (!callback) return Promise.resolve(client);
    callback(undefined, client, () => undefined);
    return undefined;
  }

  async unitOfWork<T>(work: () => Promise<T>): Promise<T> {
    if (this.#pins.getStore()) return work();
    return (await this.#pinned(work)).result;
  }

  afterCommit(callback: () => void): void {
    this.#pins.getStore()?.afterCommit.push(callback);
  }

  /** The statements that `work` sends, with their parameters. */
  async record(work: () => Promise<unknown>): Promise<readonly Query[]> {
    return (await this.#pinned(work)).statements;
  }

  async #pinned<T>(work: () => Promise<T>): Promise<{ result: T; statements: readonly Query[] }> {
    const client = await super.connect();
    const pin: Pin = { client, statements: [], afterCommit: [] };
    try {
      await client.query('BEGIN');
      const result = await this.#pins.run(pin, work);
      await client.query('COMMIT');
      for (const callback of pin.afterCommit) callback();
      return { result, statements: pin.statements };
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }
}

type Send = (...query: Query) => Promise<pg.QueryResult>;

/** The transaction is the unit of work's, as in the product. */
function run({ client, statements }: Pin, query: Query): Promise<pg.QueryResult> {
  const verb = transactionVerb(query);
  if (verb) return Promise.resolve({ ...NOTHING, command: verb });
  statements.push(query);
  return (client.query as unknown as Send).apply(client, query as unknown[]);
}
