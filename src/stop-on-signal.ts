import { Logger, type INestApplicationContext } from '@nestjs/common';
import { constants } from 'node:os';
import type { TriptychOptions } from './config/options.js';
import { RequestDrain } from './http/request-drain.js';
import type { Tracing } from './telemetry/start-tracing.js';

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
type Signal = (typeof SIGNALS)[number];
/** `npm start` passes on the SIGINT of Ctrl+C, which the terminal has sent to its child already. */
const SAME_PRESS_MS = 100;
/** The longest that spans which are not sent yet hold up the end, and what of the time to stop is not for them, in milliseconds. */
const SEND_SPANS_MS = 3_000;
const MARGIN_MS = 250;

/**
 * Ends the process on SIGTERM and SIGINT: the application is closed, and the exit code is 0; when that is not over in
 * time, the log says what it waited for, and the exit code is 1. A second signal ends the process at once, with
 * 128 and the signal's number, as a shell would say of a process that it killed.
 */
export class StopOnSignal {
  readonly #logger = new Logger('Shutdown');
  #app: INestApplicationContext | undefined;
  #timeoutMs = 10_000;
  #tracing: Tracing | undefined;
  #first: { signal: Signal; at: number } | undefined;

  constructor() {
    for (const signal of SIGNALS)
      process.on(signal, () => {
        this.#receive(signal);
      });
  }

  /** Whether the application is being closed, and the process ends with it: what fails on that account is no news. */
  get isClosing(): boolean {
    return this.#first !== undefined && this.#app !== undefined;
  }

  /** From now on, there is an application to be closed. */
  started(
    app: INestApplicationContext,
    { shutdownTimeoutMs }: TriptychOptions['http'],
    tracing?: Tracing,
  ): void {
    this.#app = app;
    this.#tracing = tracing;
    this.#timeoutMs = shutdownTimeoutMs;
  }

  #receive(signal: Signal): void {
    if (this.#first) {
      const isSamePress =
        signal === 'SIGINT' && this.#first.signal === signal && Date.now() - this.#first.at < SAME_PRESS_MS;
      if (!isSamePress) process.exit(128 + constants.signals[signal]);
      return;
    }
    this.#first = { signal, at: Date.now() };
    this.#logger.log({ event: 'shutdown_begun', signal });
    // While it starts nothing was acknowledged, and either engine takes back a migration that it is in the middle of.
    if (!this.#app) process.exit(0);
    setTimeout(() => {
      this.#giveUp();
    }, this.#timeoutMs);
    void this.#close(this.#app);
  }

  async #close(app: INestApplicationContext): Promise<void> {
    try {
      await app.close();
      const left = (this.#first?.at ?? 0) + this.#timeoutMs - MARGIN_MS - Date.now();
      await this.#tracing?.stop(Math.max(0, Math.min(SEND_SPANS_MS, left)));
    } catch (error) {
      this.#logger.error({ event: 'shutdown_failed', stack: (error as Error).stack });
      process.exit(1);
    }
    process.exit(0);
  }

  #giveUp(): never {
    const waitsFor = this.#app?.get(RequestDrain).waitsFor ?? '';
    this.#logger.error({ event: 'shutdown_timed_out', afterMs: this.#timeoutMs, waitsFor });
    process.exit(1);
  }
}
