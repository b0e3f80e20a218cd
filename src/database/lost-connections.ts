import { DatabaseUnavailableError } from '../errors.js';
import type { ConnectionPool } from './connection-pool.js';
import type { ServerProbe } from './server-probe.js';
import type { StatementWatch } from './statement-watch.js';

/** How long a connection owes an answer before the server is asked about it, in milliseconds. */
const SUSPECT_AFTER_MS = 1_000;
/** Between two looks, in milliseconds. */
const EVERY_MS = 500;

/** Backends that are at work for us, and are not stuck in sending what nobody takes. */
const AT_WORK = `
  SELECT pid FROM pg_stat_activity
   WHERE pid = ANY($1::int[]) AND state IN ('active', 'fastpath function call')
     AND wait_event IS DISTINCT FROM 'ClientWrite'`;

interface Suspect {
  readonly progress: number;
  readonly bytesRead: number;
}

/**
 * Finds connections whose statement or answer was lost on the way, once the server can be reached again: no byte comes
 * from them, and the server itself, asked on another connection, is not at work for them, twice in a row. They are
 * ended, so that whoever waits need not do so until the deadline of a statement. Behind a pooler, whose
 * numbers mean nothing to the server, it finds none.
 */
export class LostConnections {
  readonly #suspects = new Map<StatementWatch, Suspect>();
  readonly #timer: NodeJS.Timeout;
  #isLooking = false;

  constructor(
    private readonly pool: Pick<ConnectionPool, 'lent'>,
    private readonly probe: Pick<ServerProbe, 'query'>,
  ) {
    this.#timer = setInterval(() => void this.#lookQuietly(), EVERY_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #lookQuietly(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      await this.#look();
    } catch {
      // It cannot be asked: then nothing is known of anybody.
      this.#suspects.clear();
    } finally {
      this.#isLooking = false;
    }
  }

  async #look(): Promise<void> {
    const silent = this.pool.lent.filter(
      ({ silentMs, isDirect }) => isDirect && silentMs >= SUSPECT_AFTER_MS,
    );
    for (const watch of this.#suspects.keys()) if (!silent.includes(watch)) this.#suspects.delete(watch);
    if (silent.length === 0) return;
    const before = silent.map((watch) => [watch, stateOf(watch)] as const);
    const rows = await this.probe.query<{ pid: number }>(AT_WORK, [silent.map(({ processId }) => processId)]);
    const atWork = new Set(rows.map(({ pid }) => pid));
    for (const [watch, state] of before) {
      const earlier = this.#suspects.get(watch);
      this.#suspects.delete(watch);
      if (!isSame(state, stateOf(watch))) continue;
      if (atWork.has(watch.processId)) watch.noteAtWork();
      else if (isSame(state, earlier)) watch.destroy(new DatabaseUnavailableError('its answer was lost'));
      else this.#suspects.set(watch, state);
    }
  }
}

function stateOf({ progress, bytesRead }: StatementWatch): Suspect {
  return { progress, bytesRead };
}

function isSame(one: Suspect, other: Suspect | undefined): boolean {
  return one.progress === other?.progress && one.bytesRead === other.bytesRead;
}
