import { Mutex, withTimeout } from 'async-mutex';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import { SessionBusyError } from '../errors.js';
import * as sql from './session.sql.js';

/** A process that dies leaves its lease behind; it is over after this long. */
const LEASE_MS = 30_000;
const RENEW_EVERY_MS = 10_000;
/** Between two attempts to get what another process has; both ends of a random choice. */
const RETRY_MS = [20, 120] as const;

/** A thread that the caller has for himself. */
export interface Lease {
  readonly holder: string;
  /** The session it is of. After `SessionStore.clearSession` in its scope: the one that came then. */
  sessionId: string;
}

interface Line {
  readonly mutex: Mutex;
  waiting: number;
}

/**
 * Gives one caller at a time a thread for himself: within a process in the order of asking, between processes
 * by a lease in the session's row. Not an advisory lock: a run of a graph takes as long as its model does, and
 * would keep a connection all the time, which behind PgBouncer is somebody else's after the next commit.
 */
export class SessionLeases {
  readonly #lines = new Map<string, Line>();
  readonly #held = new AsyncLocalStorage<ReadonlyMap<string, Lease>>();

  constructor(private readonly database: Database) {}

  /** The lease in whose scope the caller runs. */
  current(tenantId: string, threadId: string): Lease | undefined {
    return this.#held.getStore()?.get(keyOf(tenantId, threadId));
  }

  /**
   * Runs `work` while nobody else writes to the thread. Inside a scope that has the thread already, `work` runs
   * at once.
   * @param waitMs how long to wait for others
   * @throws SessionBusyError when that was not enough; Error inside a unit of work
   */
  async exclusive<T>(tenantId: string, threadId: string, work: () => Promise<T>, waitMs: number): Promise<T> {
    if (this.current(tenantId, threadId)) return work();
    if (this.database.isInUnitOfWork)
      throw new Error('SessionStore.exclusive must not be called inside a unit of work.');
    const deadline = Date.now() + waitMs;
    const key = keyOf(tenantId, threadId);
    const line = this.#lineUp(key);
    try {
      return await withTimeout(line.mutex, Math.max(waitMs, 1), new SessionBusyError()).runExclusive(
        async () => {
          const lease = await this.#take(tenantId, threadId, deadline);
          const renewing = this.#keepRenewing(tenantId, threadId, lease);
          try {
            const held = new Map(this.#held.getStore());
            return await this.#held.run(held.set(key, lease), work);
          } finally {
            clearInterval(renewing);
            // If this fails the lease ends by itself; what `work` did is done.
            await this.database
              .query(sql.GIVE_LEASE_BACK, [tenantId, threadId, lease.holder])
              .catch(() => undefined);
          }
        },
      );
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(key);
    }
  }

  /** Takes the thread again in the session that follows the one which the holder has just ended. */
  async resume(tenantId: string, threadId: string, lease: Lease): Promise<void> {
    const sessionId = await this.#tryToTake(tenantId, threadId, lease.holder);
    if (sessionId === undefined) throw new SessionBusyError();
    lease.sessionId = sessionId;
  }

  /** Repeats what is refused because somebody has the thread for himself, until `waitMs` are over. */
  async whenFree<T>(waitMs: number, work: () => Promise<T>): Promise<T> {
    const deadline = Date.now() + waitMs;
    for (;;)
      try {
        return await work();
      } catch (error) {
        // Inside a unit of work waiting would keep a connection, and the transaction may be lost already.
        if (!(error instanceof SessionBusyError) || this.database.isInUnitOfWork) throw error;
        await pauseUntil(deadline);
      }
  }

  #lineUp(key: string): Line {
    const line = this.#lines.get(key) ?? { mutex: new Mutex(), waiting: 0 };
    this.#lines.set(key, line);
    line.waiting += 1;
    return line;
  }

  async #take(tenantId: string, threadId: string, deadline: number): Promise<Lease> {
    const holder = uuidv4();
    for (;;) {
      const sessionId = await this.#tryToTake(tenantId, threadId, holder);
      if (sessionId !== undefined) return { holder, sessionId };
      await pauseUntil(deadline);
    }
  }

  async #tryToTake(tenantId: string, threadId: string, holder: string): Promise<string | undefined> {
    const [row] = await this.database.query<{ sessionId: string }>(sql.TAKE_LEASE, [
      tenantId,
      threadId,
      holder,
      LEASE_MS,
      uuidv7(),
    ]);
    return row?.sessionId;
  }

  /** A renewal that fails is tried again; should the lease be lost, the next write of its holder is refused. */
  #keepRenewing(tenantId: string, threadId: string, { holder }: Lease): NodeJS.Timeout {
    const renew = (): void => {
      void this.database
        .query(sql.RENEW_LEASE, [tenantId, threadId, holder, LEASE_MS])
        .catch(() => undefined);
    };
    return setInterval(renew, RENEW_EVERY_MS).unref();
  }
}

/** @throws SessionBusyError when the time is over */
async function pauseUntil(deadline: number): Promise<void> {
  const left = deadline - Date.now();
  if (left <= 0) throw new SessionBusyError();
  const [shortest, longest] = RETRY_MS;
  await sleep(Math.min(left, shortest + Math.random() * (longest - shortest)));
}

function keyOf(tenantId: string, threadId: string): string {
  return JSON.stringify([tenantId, threadId]);
}
