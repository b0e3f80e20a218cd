import type pg from 'pg';
import { watched } from './statement-watch.js';

/** The arguments of `client.query`, without its callback. */
export type Query = readonly unknown[];

type Send = (...query: Query) => Promise<pg.QueryResult>;

/**
 * Sends the queries of a connection in order. A connection that pipelines gets each at once, so that many
 * take one round trip; the embedded engine gets one after the other.
 */
export class Wire {
  #last: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly client: pg.PoolClient,
    private readonly pipelined: boolean,
  ) {}

  send(...query: Query): Promise<pg.QueryResult> {
    const sent = this.pipelined ? this.#query(query) : this.#last.then(() => this.#query(query));
    this.#last = Promise.allSettled([this.#last, sent]);
    return sent;
  }

  /** Resolves when everything that was sent has been answered, well or not. */
  async idle(): Promise<void> {
    await this.#last;
  }

  #query(query: Query): Promise<pg.QueryResult> {
    const sent = (this.client.query as unknown as Send).apply(this.client, query as unknown[]);
    return watched(this.client, sent);
  }
}

/** Connections whose backend has said goodbye; the wire is cut a moment later. */
const ended = new WeakSet<pg.PoolClient>();

/** Takes note of a backend that said goodbye with this error. */
export function noteEnd(client: pg.PoolClient, error: unknown): void {
  if ((error as { severity?: string }).severity === 'FATAL') ended.add(client);
}

/** Whether the backend of a connection was terminated, so that nobody else must get it. */
export function isEnded(client: pg.PoolClient): boolean {
  return ended.has(client);
}

/**
 * A client as a borrower sees it, every query of which goes through `query`; so it does for the callbacks of
 * node-postgres. The pool looks after the errors of a connection itself, for all of its borrowers.
 */
export function lentClient(
  client: pg.PoolClient,
  query: (query: Query) => Promise<pg.QueryResult>,
  release: (error?: Error | boolean) => void,
): pg.PoolClient {
  const noted = (sent: Query): Promise<pg.QueryResult> => {
    const answered = query(sent);
    answered.catch((error: unknown) => {
      noteEnd(client, error);
    });
    return answered;
  };
  const overridden: Readonly<Record<string | symbol, unknown>> = {
    query: callable(noted),
    release,
    on: () => client,
    once: () => client,
    removeListener: () => client,
  };
  return new Proxy(client, {
    get: (target, key) => {
      if (Object.hasOwn(overridden, key)) return overridden[key];
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
}

function callable(run: (query: Query) => Promise<pg.QueryResult>): (...given: unknown[]) => unknown {
  return (...given) => {
    const callback = given.at(-1);
    if (typeof callback !== 'function') return run(given);
    const answer = callback as (error: unknown, result?: pg.QueryResult) => void;
    run(given.slice(0, -1)).then(
      (result) => {
        answer(undefined, result);
      },
      (error: unknown) => {
        answer(error);
      },
    );
    return undefined;
  };
}

const LEADING_COMMENTS = /^(\s|--.*|\/\*[^]*?\*\/)*/;

/**
 * BEGIN, COMMIT or ROLLBACK of a whole transaction, however it is spelled; savepoints are none of them. An
 * end that is not recognised would leave its borrower outside of every scope, so whatever follows the first
 * word (`WORK`, `AND CHAIN`) does not matter.
 */
export function transactionVerb([query]: Query): 'BEGIN' | 'COMMIT' | 'ROLLBACK' | undefined {
  const text = typeof query === 'string' ? query : (query as { text?: unknown } | undefined)?.text;
  if (typeof text !== 'string') return undefined;
  const words = text.replace(LEADING_COMMENTS, '').toUpperCase();
  if (/^(BEGIN|START\s+TRANSACTION)\b/.test(words)) return 'BEGIN';
  if (/^(COMMIT|END)\b(?!\s+PREPARED)/.test(words)) return 'COMMIT';
  if (/^(ROLLBACK|ABORT)\b(?!\s+((WORK|TRANSACTION)\s+)?TO\b|\s+PREPARED)/.test(words)) return 'ROLLBACK';
  return undefined;
}
