import type pg from 'pg';
import { DatabaseUnavailableError } from '../errors.js';
import { limitSession, type ServerLimits } from './server-limits.js';
import { destroy, StatementWatch } from './statement-watch.js';
import { troubleOf } from './unavailable.js';

/** What the server needs to say that it ended a statement, before the client gives it up, in milliseconds. */
const MARGIN_MS = 2_000;
/** For so long a failure that the next write would meet too is remembered, in milliseconds. */
const TROUBLE_LASTS_MS = 3_000;

/**
 * The connections of a pool to a server: which are lent, which still hear from it, and what it said last that concerns
 * everybody. One that goes silent is ended, and with it those that nobody uses: they took the same way.
 */
export class ServerConnections {
  readonly #all = new Set<pg.PoolClient>();
  readonly #lent = new Set<pg.PoolClient>();
  #trouble: { readonly detail: string; readonly until: number } | undefined;

  constructor(pool: pg.Pool, limits: ServerLimits) {
    pool.on('connect', (client) => {
      this.#all.add(client);
      const watcher = {
        silent: () => {
          this.#dropIdle();
        },
        failed: (error: unknown) => {
          this.#note(error);
        },
      };
      new StatementWatch(client, limits.statementTimeoutMs + MARGIN_MS, watcher);
    });
    pool.on('acquire', (client) => this.#lent.add(client));
    pool.on('release', (_error, client) => this.#lent.delete(client));
    pool.on('remove', (client) => this.#all.delete(client));
  }

  /** Why writes of anybody fail, as of a moment ago. */
  get trouble(): string | undefined {
    return this.#trouble && performance.now() < this.#trouble.until ? this.#trouble.detail : undefined;
  }

  /** The watches of connections that are lent. */
  get lent(): StatementWatch[] {
    return [...this.#lent].flatMap((client) => StatementWatch.of(client) ?? []);
  }

  /** Ends every connection that is lent. */
  abandonLent(): void {
    for (const client of this.#lent) destroy(client, new DatabaseUnavailableError('the service is stopping'));
  }

  #dropIdle(): void {
    for (const client of this.#all)
      if (!this.#lent.has(client)) destroy(client, new Error('Another connection went silent.'));
  }

  #note(error: unknown): void {
    const detail = troubleOf(error);
    if (detail !== undefined) this.#trouble = { detail, until: performance.now() + TROUBLE_LASTS_MS };
  }
}

/**
 * Gives a new connection its limits; ends it when that takes too long.
 * @param withinMs milliseconds
 */
export async function openSession(
  client: pg.ClientBase,
  limits: ServerLimits,
  withinMs: number,
): Promise<void> {
  const late = setTimeout(() => {
    destroy(client, new DatabaseUnavailableError('it did not answer a new connection'));
  }, withinMs);
  try {
    await limitSession(client, limits);
  } finally {
    clearTimeout(late);
  }
}
