import { SECONDS_HELD, type ExchangeRates } from './rate-buckets.js';

/** What a process lets in before it told the others, in requests: of a second's, so much. */
const CREDIT_SECONDS = 0.1;
/** The others are told after so long at the latest: sooner when more than half of the bucket is gone. */
const TELL_AFTER_MS = 1_000;
const TELL_SOON_AFTER_MS = 100;

export interface SharedBucketSetup {
  readonly tenantId: string;
  /** Requests per second. */
  readonly rate: number;
  /** Requests that may be sent now; absent: the bucket is full. */
  readonly known: number | undefined;
  /** Absent: nobody else takes from it. */
  readonly exchange: ExchangeRates | undefined;
  /** Milliseconds that only go on. */
  readonly now: () => number;
}

/** The bucket of one tenant, as this process knows it. */
export class SharedBucket {
  #rate: number;
  /** Requests that might be sent at `#at`, less those that were let in here since the others were last heard. */
  #tokens: number;
  #at: number;
  /** Let in, and not known to the others, those they are being told of included. */
  #untold = 0;
  #waiting: ((isAdmitted: boolean) => void)[] = [];
  #telling: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(private readonly setup: SharedBucketSetup) {
    this.#rate = setup.rate;
    this.#tokens = setup.known ?? setup.rate * SECONDS_HELD;
    this.#at = setup.now();
  }

  /**
   * Takes one request out of the bucket, if there is one.
   * @param rate requests per second from now on
   */
  take(rate: number): boolean | Promise<boolean> {
    this.#fill(rate);
    if (this.#tokens - this.#waiting.length < 1) return false;
    const { exchange } = this.setup;
    if (exchange && this.#untold >= this.#credit) {
      const admitted = new Promise<boolean>((fulfil) => this.#waiting.push(fulfil));
      void this.tell();
      return admitted;
    }
    this.#tokens -= 1;
    if (exchange) {
      this.#untold += 1;
      if (this.#untold >= this.#credit) void this.tell();
      else this.#tellLater();
    }
    return true;
  }

  /** Whole seconds until there is a request in it; 1 at least. */
  retryAfter(): number {
    return Math.max(1, Math.ceil((1 - this.#tokens) / this.#rate));
  }

  /** Tells the others, and hears of them; one exchange at a time, until nothing is untold and nobody waits. */
  tell(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#telling ??= this.#tellAll().finally(() => (this.#telling = undefined));
    return this.#telling;
  }

  get #credit(): number {
    return Math.max(1, this.#rate * CREDIT_SECONDS);
  }

  #tellLater(): void {
    const isHalfEmpty = this.#tokens < this.#rate * (SECONDS_HELD / 2);
    this.#timer ??= setTimeout(
      () => void this.tell(),
      isHalfEmpty ? TELL_SOON_AFTER_MS : TELL_AFTER_MS,
    ).unref();
  }

  async #tellAll(): Promise<void> {
    const { exchange, tenantId } = this.setup;
    // What is let in meanwhile is told by the next one.
    while (exchange && (this.#untold > 0 || this.#waiting.length > 0)) {
      const told = this.#untold;
      const asked = this.#waiting.splice(0);
      try {
        const { tokens, granted } = await exchange({
          tenantId,
          rate: this.#rate,
          admitted: told,
          waiting: asked.length,
        });
        this.#untold -= told;
        this.#tokens = tokens - this.#untold;
        this.#at = this.setup.now();
        asked.forEach((answer, index) => {
          answer(index < granted);
        });
      } catch {
        // The database is away, which requests report; here they are judged by what this process knows, those who came
        // meanwhile too: nobody would tell for them before the timer.
        asked.push(...this.#waiting.splice(0));
        this.#tokens -= asked.length;
        this.#untold += asked.length;
        for (const answer of asked) answer(true);
        this.#tellLater();
        return;
      }
    }
  }

  #fill(rate: number): void {
    const now = this.setup.now();
    const filled = this.#tokens + (Math.max(now - this.#at, 0) / 1_000) * rate;
    this.#rate = rate;
    this.#tokens = Math.min(rate * SECONDS_HELD, filled);
    this.#at = now;
  }
}
