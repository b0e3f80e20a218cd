import type { Link } from '@opentelemetry/api';
import { Inject, Injectable, Logger, Optional, type BeforeApplicationShutdown } from '@nestjs/common';
import { AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { TriptychError } from '../errors.js';
import { SessionSummaries } from '../session/session-summaries.js';
import { Summarizer, SummaryFailedError } from '../summaries/summarizer.js';
import { activeLink, inLinkedSpan } from '../telemetry/spans.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { TokenCounter } from '../tokens/token-counter.js';
import { isEnough, MAX_MESSAGES, withoutLeading } from './folding-batch.js';
import { KeyedQueue } from './keyed-queue.js';
import { SummaryWriter } from './summary-writer.js';

/** Threads that are folded at once, and that wait for it. */
const AT_ONCE = 2;
const MAX_WAITING = 1_000;
/** How long a shutdown waits for statements that are under way. */
const SHUTDOWN_MS = 5_000;

/** How a fold that fails is tried again; injected in place of the default where one is provided. */
export interface FoldingPace {
  /** Tries of one batch, the first included. The next compile offers the thread again. */
  readonly attempts: number;
  /** Before the second try, in milliseconds; four times as long before each further one. */
  readonly firstDelayMs: number;
}
export const FOLDING_PACE = Symbol('FOLDING_PACE');
const DEFAULT_PACE: FoldingPace = { attempts: 3, firstDelayMs: 1_000 };

interface Offer {
  readonly tenantId: string;
  readonly threadId: string;
  readonly throughSeq: number;
  /** Of which the first batch was: another life of the thread has another history. */
  readonly sessionId?: string;
  /** To the compile that offered it. */
  readonly link?: Link | undefined;
}

/**
 * Folds what the history of a thread no longer shows into the thread's summary, in the background: nobody waits for
 * it and nothing fails with it. Messages stay in the log whatever happens; what a summary does not tell of yet is
 * found again by the place that it reaches to. Without a model configured it does nothing.
 */
@Injectable()
export class HistoryFolding implements BeforeApplicationShutdown {
  readonly #logger = new Logger(HistoryFolding.name);
  readonly #queue: KeyedQueue<Offer>;
  readonly #stop = new AbortController();
  /** Outside of any request: its tenant, its turn and its unit of work are not for what goes on after it. */
  readonly #outside = new AsyncResource('HistoryFolding');
  readonly #writer: SummaryWriter | undefined;

  constructor(
    private readonly summaries: SessionSummaries,
    @Inject(Summarizer) private readonly summarizer: Summarizer | null,
    private readonly counter: TokenCounter,
    private readonly tenants: TenantContext,
    @Inject(TRIPTYCH_OPTIONS) { summary: { maxTokens } }: TriptychOptions,
    @Optional() @Inject(FOLDING_PACE) private readonly pace: FoldingPace = DEFAULT_PACE,
  ) {
    const { signal } = this.#stop;
    if (summarizer) this.#writer = new SummaryWriter({ summarizer, counter, maxTokens, signal });
    this.#queue = new KeyedQueue({
      atOnce: AT_ONCE,
      maxWaiting: MAX_WAITING,
      work: (offer) => this.#fold(offer),
    });
  }

  /**
   * Says that the history of a thread of the tenant in scope begins after the message `throughSeq`. Returns at once.
   * @throws TenantRequiredError
   */
  offer(threadId: string, throughSeq: number): void {
    const tenantId = this.tenants.require();
    if (!this.#writer || throughSeq < 1) return;
    const offer = { tenantId, threadId, throughSeq, link: activeLink() };
    // A tenant id holds no line end.
    this.#outside.runInAsyncScope(() => {
      this.#queue.offer(`${tenantId}\n${threadId}`, offer);
    });
  }

  /** Resolves when every thread that was offered is folded or given up. */
  settled(): Promise<void> {
    return this.#queue.settled();
  }

  /** Ends what is under way; nothing is lost, since the next compile offers it again. */
  async beforeApplicationShutdown(): Promise<void> {
    this.#queue.stop();
    this.#stop.abort();
    await Promise.race([this.settled(), sleep(SHUTDOWN_MS, undefined, { ref: false })]);
  }

  /** @returns the offer again when more is left to fold. Never rejects. */
  async #fold(offer: Offer): Promise<Offer | undefined> {
    const { attempts, firstDelayMs } = this.pace;
    for (let attempt = 1; !this.#isStopping(); attempt++) {
      try {
        return await inLinkedSpan('fold history', [offer.link], () =>
          this.tenants.run(offer.tenantId, () => this.#foldBatch(offer)),
        );
      } catch (error) {
        if (this.#isStopping()) break;
        const isLast = attempt >= attempts || (error instanceof SummaryFailedError && !error.isRetryable);
        const { tenantId } = offer;
        this.#logger.warn({
          event: 'summary_failed',
          tenantId,
          attempt,
          givenUp: isLast,
          reason: reasonOf(error),
        });
        if (isLast) break;
        await this.#pause(firstDelayMs * 4 ** (attempt - 1) * (1 - Math.random() / 4));
      }
    }
    return undefined;
  }

  /** @returns the offer again where there may be more to fold */
  async #foldBatch(offer: Offer): Promise<Offer | undefined> {
    const { tenantId, threadId, throughSeq } = offer;
    const found = await this.summaries.unsummarized(threadId, throughSeq, MAX_MESSAGES);
    if (!found || found.sessionId !== (offer.sessionId ?? found.sessionId)) return undefined;
    const { sessionId, summary } = found;
    const messages = summary ? found.messages : withoutLeading(found.messages);
    if (!isEnough(messages)) return undefined;
    const written = await this.#writer?.write(summary?.text, messages);
    if (!written) return undefined;
    const { text, tokens, batch } = written;
    const reached = batch.at(-1)?.seq ?? 0;
    const isWritten = await this.summaries.write(threadId, {
      sessionId,
      expectedThroughSeq: summary?.throughSeq ?? 0,
      throughSeq: reached,
      text,
      tokens,
      encoding: this.counter.encoding,
      model: this.summarizer?.model ?? '',
    });
    if (isWritten)
      this.#logger.log({
        event: 'summary_written',
        tenantId,
        messages: batch.length,
        throughSeq: reached,
        tokens,
      });
    // One that was not written has been overtaken: what the other left is looked at anew.
    const isMore = batch.length < messages.length || found.messages.length === MAX_MESSAGES;
    return !isWritten || isMore ? { ...offer, sessionId } : undefined;
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  async #pause(delayMs: number): Promise<void> {
    await sleep(delayMs, undefined, { signal: this.#stop.signal }).catch(() => undefined);
  }
}

/** Nothing that a message or an answer said: other errors may quote one. */
function reasonOf(error: unknown): string {
  if (error instanceof SummaryFailedError || error instanceof TriptychError) return error.message;
  const { name, code } = Object(error) as { name?: unknown; code?: unknown };
  return [name, code].filter((part) => typeof part === 'string').join(' ') || 'unknown';
}
