import { EmbeddingsUnavailableError } from '../errors.js';

export interface BulkheadOptions {
  /** What runs at once; at least 1. */
  readonly atOnce: number;
  /** What may wait for that. */
  readonly waiting: number;
  /** For so long, each. */
  readonly waitMs: number;
}

interface Waiter {
  readonly enter: () => void;
  readonly refuse: (error: Error) => void;
}

/** What one party has here. */
interface Line {
  readonly party: string;
  running: number;
  /** Who waits longest comes first. */
  readonly waiters: Set<Waiter>;
}

/**
 * Lets so much run at once and so much wait, and refuses the rest at once: a provider that hangs holds this much of the
 * process and no more. A place goes to the party that has the fewest, and of its own to who waits longest; when the line is
 * full, who has little in it takes the place of the newest of who has most. So no party, however much it asks, keeps
 * another one out (max-min fairness: Bertsekas and Gallager, «Data Networks», 1992, 6.5.2).
 */
export class Bulkhead {
  /** Of those who have something here. Who gives a place back goes last; of two with as few places the first comes next. */
  readonly #lines = new Map<string, Line>();
  #running = 0;
  #waiting = 0;

  constructor(private readonly options: BulkheadOptions) {}

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting;
  }

  /**
   * @param party for whom: a tenant
   * @throws EmbeddingsUnavailableError when too many wait, or when it has waited too long
   */
  async run<T>(work: () => Promise<T>, party = ''): Promise<T> {
    const line = this.#lines.get(party) ?? { party, running: 0, waiters: new Set() };
    if (this.#running < this.options.atOnce) this.#take(line);
    else await this.#turn(line);
    try {
      return await work();
    } finally {
      this.#leave(line);
    }
  }

  /** Waits for a place and takes it. */
  async #turn(line: Line): Promise<void> {
    const { waitMs } = this.options;
    const atWork = `${this.#running} requests to it are under way`;
    this.#makeRoomFor(line, atWork);
    await new Promise<void>((resolve, reject) => {
      const stepOut = (): void => {
        clearTimeout(timer);
        this.#waiting -= 1;
        line.waiters.delete(waiter);
        this.#forgetIfEmpty(line);
      };
      const waiter: Waiter = {
        enter: () => {
          stepOut();
          this.#take(line);
          resolve();
        },
        refuse: (error) => {
          stepOut();
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        waiter.refuse(unavailable(`${atWork}, and none ended within ${waitMs} ms`));
      }, waitMs);
      this.#waiting += 1;
      line.waiters.add(waiter);
      this.#lines.set(line.party, line);
    });
  }

  #makeRoomFor(line: Line, atWork: string): void {
    if (this.#waiting < this.options.waiting) return;
    const full = unavailable(`${atWork} and ${this.#waiting} wait in line`);
    const longest = [...this.#lines.values()].reduce((one, other) =>
      other.waiters.size > one.waiters.size ? other : one,
    );
    // One place more is no reason to push anybody out.
    if (longest.waiters.size <= line.waiters.size + 1) throw full;
    [...longest.waiters].at(-1)?.refuse(full);
  }

  #take(line: Line): void {
    this.#running += 1;
    line.running += 1;
    this.#lines.set(line.party, line);
  }

  #leave(line: Line): void {
    this.#running -= 1;
    line.running -= 1;
    this.#lines.delete(line.party);
    this.#lines.set(line.party, line);
    this.#forgetIfEmpty(line);
    let next: Line | undefined;
    for (const other of this.#lines.values())
      if (other.waiters.size > 0 && other.running < (next?.running ?? Infinity)) next = other;
    const [waiter] = next?.waiters ?? [];
    waiter?.enter();
  }

  #forgetIfEmpty(line: Line): void {
    if (line.running === 0 && line.waiters.size === 0) this.#lines.delete(line.party);
  }
}

function unavailable(reason: string): EmbeddingsUnavailableError {
  return new EmbeddingsUnavailableError(reason, { retryAfter: 1 });
}
