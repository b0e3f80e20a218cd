import { Logger } from '@nestjs/common';
import {
  BrokenCircuitError,
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleWhen,
  type CircuitBreakerPolicy,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel';
import { EmbeddingsUnavailableError } from '../errors.js';

export interface BreakerOptions {
  /** In a row, until the provider is left alone. Each has had its retries. Default 3. */
  readonly failures?: number;
  /** How long it is left alone the first time; twice as long each time after that. Default 2,000. */
  readonly firstPauseMs?: number;
  /** The longest pause but for a `Retry-After`. Default 30,000. */
  readonly maxPauseMs?: number;
}

/** Closed: requests pass · open: none does, until `nextAttempt` · half-open: one tries whether the provider is back. */
export type BreakerStateName = 'closed' | 'open' | 'half-open';

export interface BreakerState {
  readonly name: BreakerStateName;
  readonly since: Date;
  /** From when on one request may try; null while the breaker is closed. */
  readonly nextAttempt: Date | null;
}

/** The longest that a `Retry-After` is believed: a slip of the provider's must not shut it out for days. */
const MAX_RETRY_AFTER_MS = 600_000;

/**
 * Leaves a provider alone that failed several times in a row, so that nobody waits for what will not come and the
 * provider can recover. Only what says that it is away counts: no answer, a deadline, 429, 5xx, and what it refuses
 * whatever the texts are (401, 403, 404, a redirect). It does not count when it refuses texts for what they are, nor when
 * its vectors are unusable: it answers then, at once, and one text that a model turns into NaN must not shut out others.
 */
export class ProviderBreaker {
  readonly #logger = new Logger('Embeddings');
  readonly #policy: CircuitBreakerPolicy;
  #since = new Date();
  #nextAttempt: Date | null = null;
  #pauseMs = 0;
  #reason = '';

  constructor({ failures = 3, firstPauseMs = 2_000, maxPauseMs = 30_000 }: BreakerOptions = {}) {
    this.#policy = circuitBreaker(handleWhen(saysProviderIsAway), {
      breaker: new ConsecutiveBreaker(failures),
      halfOpenAfter: new DelegateBackoff(({ attempt, result }: IHalfOpenAfterBackoffContext) => {
        const error = 'error' in result ? result.error : undefined;
        this.#reason = error instanceof EmbeddingsUnavailableError ? error.detail : '';
        const pause = Math.min(maxPauseMs, firstPauseMs * 2 ** (attempt - 1));
        // Up to a quarter off, lest all processes come back in one moment; never before the provider allows it.
        return (this.#pauseMs = Math.max(pause * (1 - Math.random() / 4), retryAfterMs(error)));
      }),
    });
    this.#policy.onStateChange((state) => {
      this.#since = new Date();
      if (state === CircuitState.Closed) this.#nextAttempt = null;
      if (state === CircuitState.Open) this.#nextAttempt = new Date(Date.now() + this.#pauseMs);
      this.#tell();
    });
  }

  get state(): BreakerState {
    return { name: NAMES[this.#policy.state], since: this.#since, nextAttempt: this.#nextAttempt };
  }

  /** @throws EmbeddingsUnavailableError while the provider is left alone, or another request tries whether it is back */
  check(): void {
    const { name, nextAttempt } = this.state;
    if (name === 'half-open' || (name === 'open' && nextAttempt && nextAttempt.getTime() > Date.now()))
      throw this.#refusal();
  }

  /** Asks the provider, if it may be asked. */
  async run<T>(ask: () => Promise<T>): Promise<T> {
    // A request beside the one that tries is refused here: the policy would let it wait for the outcome.
    this.check();
    try {
      return await this.#policy.execute(ask);
    } catch (error) {
      throw error instanceof BrokenCircuitError ? this.#refusal() : error;
    }
  }

  #refusal(): EmbeddingsUnavailableError {
    const left = (this.#nextAttempt?.getTime() ?? 0) - Date.now();
    const retryAfter = Math.max(1, Math.ceil(left / 1_000));
    return new EmbeddingsUnavailableError(
      `it failed several times, so it is asked again in ${retryAfter} s (${this.#reason})`,
      { retryAfter },
    );
  }

  #tell(): void {
    const { name, nextAttempt } = this.state;
    const event = { event: 'embeddings_breaker', state: name };
    if (name === 'open') this.#logger.warn({ ...event, reason: this.#reason, nextAttempt });
    if (name === 'closed') this.#logger.log(event);
  }
}

const NAMES: Readonly<Record<CircuitState, BreakerStateName>> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

function saysProviderIsAway(error: unknown): boolean {
  return error instanceof EmbeddingsUnavailableError && !error.isOfContent;
}

function retryAfterMs(error: unknown): number {
  const seconds = error instanceof EmbeddingsUnavailableError ? (error.extensions.retryAfter ?? 0) : 0;
  return Math.min(MAX_RETRY_AFTER_MS, seconds * 1_000);
}
