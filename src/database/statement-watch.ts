import type pg from 'pg';
import { DatabaseUnavailableError } from '../errors.js';
import { isLimited } from './server-limits.js';

/**
 * A process that was stopped for a while finds its timers due before it has read what came meanwhile, so a
 * connection has this long to show it, in milliseconds.
 */
const GRACE_MS = 250;
/** For so long what the server said of itself holds, in milliseconds. */
const SAID_HOLDS_MS = 2_000;

const watches = new WeakMap<pg.ClientBase, StatementWatch>();

/** Who is told of a connection. */
export interface StatementWatcher {
  /** It was destroyed because the server did not answer in time. */
  silent(): void;
  /** A statement failed. */
  failed(error: unknown): void;
}

/**
 * The deadline of the client's own for each statement of a connection. PostgreSQL ends a statement that takes too long,
 * but not one whose answer is lost on the way, or never arrives there; TCP takes up to a quarter of an hour to
 * notice. When nothing is answered for that long, the connection is destroyed: everything that waits on it fails at once,
 * and nobody gets it again.
 */
export class StatementWatch {
  /** For work that may take long: its statements have no deadline. */
  isSuspended = false;
  #unanswered = 0;
  /** Counts answers, and statements sent when there was none to wait for. */
  #progress = 0;
  #since = 0;
  #atWorkUntil = 0;
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param limitMs for one statement, from the answer of the one before it or, when there is none, from when it was sent
   */
  constructor(
    private readonly client: pg.ClientBase,
    private readonly limitMs: number,
    private readonly watcher: StatementWatcher,
  ) {
    watches.set(client, this);
  }

  static of(client: pg.ClientBase): StatementWatch | undefined {
    return watches.get(client);
  }

  /** For how long the server has owed an answer, in milliseconds; 0 when it owes none. */
  get silentMs(): number {
    return this.#unanswered === 0 ? 0 : performance.now() - this.#since;
  }

  /** Changes with every answer. */
  get progress(): number {
    return this.#progress;
  }

  /** Bytes that came from the server so far. */
  get bytesRead(): number {
    return streamOf(this.client).bytesRead;
  }

  /** Whether the connection leads to one process of PostgreSQL, and not to a pooler. */
  get isDirect(): boolean {
    return isLimited(this.client);
  }

  /** That process, by its number. */
  get processId(): number {
    return (this.client as unknown as { processID: number }).processID;
  }

  /** The server said that it is at work for this connection. */
  noteAtWork(): void {
    this.#atWorkUntil = performance.now() + SAID_HOLDS_MS;
  }

  /** Whether it is known to work, as of the last `withinMs` milliseconds. */
  isAlive(withinMs: number): boolean {
    return this.silentMs < withinMs || performance.now() < this.#atWorkUntil;
  }

  /** Watches a statement that has just been sent. */
  watch(answer: Promise<unknown>): void {
    this.#unanswered += 1;
    if (this.#unanswered === 1) this.#restart();
    const answered = (): void => {
      this.#unanswered -= 1;
      if (this.#unanswered > 0) this.#restart();
    };
    answer.then(answered, (error: unknown) => {
      answered();
      this.watcher.failed(error);
    });
  }

  /** Ends the connection: whoever waits for it is told why. */
  destroy(error: Error): void {
    destroy(this.client, error);
  }

  #restart(): void {
    this.#progress += 1;
    this.#since = performance.now();
    // One timer for the life of the connection: a new one for each statement costs more than to postpone it.
    if (this.#timer) this.#timer.refresh();
    else this.#timer = setTimeout(this.#expire.bind(this), this.limitMs).unref();
  }

  #expire(): void {
    if (this.#unanswered === 0 || this.isSuspended) return;
    const before = this.#progress;
    setTimeout(() => {
      if (this.#unanswered === 0 || this.#progress !== before || this.isSuspended) return;
      this.destroy(new DatabaseUnavailableError(`it did not answer for ${this.limitMs} ms`));
      this.watcher.silent();
    }, GRACE_MS).unref();
  }
}

/** Watches a statement of a connection that has a watch; the embedded engine has none. */
export function watched<T>(client: pg.ClientBase, answer: Promise<T>): Promise<T> {
  watches.get(client)?.watch(answer);
  return answer;
}

/** Cuts the wire of a connection. Every statement on it fails with `error`, now. */
export function destroy(client: pg.ClientBase, error: Error): void {
  streamOf(client).destroy(error);
}

/** What is used here of a connection's socket, which the types of node-postgres leave out. */
interface Stream {
  readonly bytesRead: number;
  destroy(error: Error): void;
}

function streamOf(client: pg.ClientBase): Stream {
  return (client as unknown as { connection: { stream: Stream } }).connection.stream;
}
