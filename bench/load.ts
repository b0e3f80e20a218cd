import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** A request as it is sent again and again. */
export interface LoadRequest {
  /** Under what name its times are kept. */
  readonly operation: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** JSON. */
  readonly body?: string;
}

/** A load at a constant rate, whether answers come or not: an open loop. */
export interface LoadOrder {
  readonly url: string;
  readonly apiKey: string;
  /** Sent in turn. */
  readonly requests: readonly LoadRequest[];
  /** Requests per second. */
  readonly rate: number;
  readonly seconds: number;
  /** At most so many wait for an answer; what would be due beyond that is left out, and counted. */
  readonly connections: number;
}

export interface LoadResult {
  /** Milliseconds from sending to the end of the answer, by operation, for answers below 400. */
  readonly times: Readonly<Record<string, readonly number[]>>;
  /** Answers by status; `error` for none. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly sent: number;
  readonly leftOut: number;
  readonly seconds: number;
}

/** A process of its own that sends requests, so that it takes no time from whoever else measures. */
export class LoadProcess {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(join(import.meta.dirname, 'load-process.js'), { stdio: 'inherit' });
  }

  /** One load at a time. */
  async run(order: LoadOrder): Promise<LoadResult> {
    const ended = new AbortController();
    const answered = once(this.#process, 'message', { signal: ended.signal });
    const exited = once(this.#process, 'exit', { signal: ended.signal }).then(([code]) => {
      throw new Error(`The process that makes the load ended with ${String(code)}.`);
    });
    answered.catch(() => undefined);
    exited.catch(() => undefined);
    try {
      this.#process.send(order);
      const [result] = (await Promise.race([answered, exited])) as [LoadResult];
      return result;
    } finally {
      ended.abort();
    }
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, 'exit');
    this.#process.disconnect();
    await exited;
  }
}
