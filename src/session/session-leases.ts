import { Mutex, withTimeout } from 'async-mutex';
import { AsyncLocalStorage } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { v4 as uuidv4, v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import { SessionBusyError } from '../errors.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import * as sql from './session.sql.js';

/** A process that dies leaves its lease behind; it is over after this long. */
const LEASE_MS = 30_000;
const RENEW_EVERY_MS = 10_000;
/** Between two attempts to get what another process has; both ends of a random choice. */
const RETRY_MS = [20, 120] as const;
/** For so long a process leaves a thread alone that another one waits for: longer than between two attempts. */
const LET_OTHERS_MS = 200;

/** A thread that the caller has for himself. */
export interface Lease {
  readonly holder: string;
  /** The session it is of. After `SessionStore.clearSession` in its scope: the one that came then. */
  sessionId: string;
}

interface Line {
  readonly mutex: Mutex;
  waiting: number;
  /** In ms since the epoch: another process waits for the thread. */
  letOthersUntil: number;
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
    return this.#inLine(tenantId, threadId, deadline, async (line) => {
      const holder = uuidv4();
      const sessionId = await this.#untilFree(tenantId, threadId, deadline, () =>
        this.#tryToTake(tenantId, threadId, holder),
      );
      const lease: Lease = { holder, sessionId };
      const renewing = this.#keepRenewing(tenantId, threadId, lease);
      try {
        const held = new Map(this.#held.getStore());
        return await this.#held.run(held.set(keyOf(tenantId, threadId), lease), work);
      } finally {
        clearInterval(renewing);
        line.letOthersUntil = await this.#giveBack(tenantId, threadId, lease);
      }
    });
  }

  /** Takes the thread again in the session that follows the one which the holder has just ended. */
  async resume(tenantId: string, threadId: string, lease: Lease): Promise<void> {
    lease.sessionId = await this.#tryToTake(tenantId, threadId, lease.holder);
  }

  /** Repeats what is refused because somebody has the thread for himself, until `waitMs` are over. */
  async whenFree<T>(tenantId: string, threadId: string, waitMs: number, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      // Inside a unit of work waiting would keep a connection, and the transaction may be lost already.
      if (!(error instanceof SessionBusyError) || this.database.isInUnitOfWork) throw error;
    }
    const deadline = Date.now() + waitMs;
    return betweenTurns(() =>
      this.#inLine(tenantId, threadId, deadline, () => this.#untilFree(tenantId, threadId, deadline, work)),
    );
  }

  /** Runs `work` when everybody of this process who came before is done with the thread. */
  async #inLine<T>(
    tenantId: string,
    threadId: string,
    deadline: number,
    work: (line: Line) => Promise<T>,
  ): Promise<T> {
    const key = keyOf(tenantId, threadId);
    const line = this.#lines.get(key) ?? { mutex: new Mutex(), waiting: 0, letOthersUntil: 0 };
    this.#lines.set(key, line);
    line.waiting += 1;
    const waitMs = Math.max(deadline - Date.now(), 1);
    try {
      return await withTimeout(line.mutex, waitMs, new SessionBusyError()).runExclusive(async () => {
        await sleep(Math.max(line.letOthersUntil - Date.now(), 0));
        return work(line);
      });
    } finally {
      line.waiting -= 1;
      if (line.waiting === 0) this.#lines.delete(key);
    }
  }

  /** Repeats what another process is in the way of, and lets it know that somebody waits. */
  async #untilFree<T>(
    tenantId: string,
    threadId: string,
    deadline: number,
    work: () => Promise<T>,
  ): Promise<T> {
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof SessionBusyError) || Date.now() >= deadline) throw error;
      }
      await this.database.query(sql.WANT_SESSION, [tenantId, threadId, LET_OTHERS_MS]);
      const [shortest, longest] = RETRY_MS;
      const pause = shortest + Math.random() * (longest - shortest);
      await sleep(Math.max(Math.min(pause, deadline - Date.now()), 0));
    }
  }

  /**
   * Ends a lease. Should that fail, it ends by itself; what was done under it is done.
   * @returns until when this process must leave the thread to another one which waits for it
   */
  async #giveBack(tenantId: string, threadId: string, { holder }: Lease): Promise<number> {
    try {
      const [row] = await this.database.query<{ isWanted: boolean }>(sql.GIVE_LEASE_BACK, [
        tenantId,
        threadId,
        holder,
      ]);
      return row?.isWanted ? Date.now() + LET_OTHERS_MS : 0;
    } catch {
      return 0;
    }
  }

  /** @throws SessionBusyError when somebody else has the thread */
  async #tryToTake(tenantId: string, threadId: string, holder: string): Promise<string> {
    const [row] = await this.database.query<{ sessionId: string }>(sql.TAKE_LEASE, [
      tenantId,
      threadId,
      holder,
      LEASE_MS,
      uuidv7(),
    ]);
    if (!row) throw new SessionBusyError();
    return row.sessionId;
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

function keyOf(tenantId: string, threadId: string): string {
  return JSON.stringify([tenantId, threadId]);
}
