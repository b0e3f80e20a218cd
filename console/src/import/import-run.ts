// Over 200 lines: one class sends the conversations, with all that can come between.
import { asProblem, type ApiProblem } from '../api/problem.js';
import { type Batch } from './batches.js';
import { type ImportMessage } from './conversation.js';
import { importKey } from './idempotency-key.js';

/** What is to become of one conversation. */
export interface ImportPlan {
  /** In the file, from 0 on. */
  readonly index: number;
  readonly title: string;
  readonly threadId: string;
  readonly messages: number;
}

export type ThreadState = 'waiting' | 'sending' | 'done' | 'failed';

export interface ThreadProgress extends ImportPlan {
  state: ThreadState;
  /** Whether it may be added to a thread that is there already, whatever holds for the others. */
  isAdded?: boolean;
  /** Messages that the service has confirmed. */
  sent: number;
  /** Why it failed. */
  problem?: ApiProblem;
}

export type RunState = 'running' | 'stopped' | 'finished';

export interface ImportProgress {
  readonly state: RunState;
  readonly threads: readonly ThreadProgress[];
  readonly sent: number;
  readonly messages: number;
  /** Why all of it was stopped: the service is away, or does not accept the credential any more. */
  readonly problem?: ApiProblem | undefined;
  /** The service asked to be left alone for so many seconds. */
  readonly waitingFor?: number | undefined;
}

/** Where the messages are: the file, read in a worker. */
export interface ImportSource {
  /** What its messages say, from the first to the last. */
  digest(index: number): Promise<string>;
  batches(index: number): Promise<readonly Batch[]>;
  messages(index: number, batch: Batch): Promise<ImportMessage[]>;
}

export interface AppendRequest {
  readonly threadId: string;
  readonly messages: readonly ImportMessage[];
  readonly idempotencyKey: string;
  /** The thread must not be there yet. */
  readonly onlyNew: boolean;
  readonly signal: AbortSignal;
}

interface ImportOptions {
  readonly source: ImportSource;
  /** @throws ApiProblem; the abort of the signal as it comes */
  readonly append: (request: AppendRequest) => Promise<void>;
  /** Waits, or rejects when the signal is aborted. */
  readonly wait: (seconds: number, signal: AbortSignal) => Promise<void>;
  /** Whether a thread that is there already is added to, or its conversation refused. */
  readonly addToThreads: boolean;
}

/** A conversation on its way. */
interface Sending {
  readonly thread: ThreadProgress;
  readonly digest: string;
  readonly signal: AbortSignal;
}

/** What would meet every other conversation too: no answer, no sign-in, no right, no more today, not now. */
const STOPS_ALL = new Set([0, 401, 403, 429, 503]);
/** How what failed is tried again. */
export interface Retrying {
  /** By the index of the conversation. */
  threadIds?: ReadonlyMap<number, string>;
  isAdded?: boolean;
}

const NONE: ReadonlyMap<number, string> = new Map();
/** Tries of one request that the service put off. */
const TRIES = 6;
/** And of one that got no answer: the client has tried it several times by itself already. */
const TRIES_WITHOUT_ANSWER = 2;
/** Longer than this nobody watches a progress bar, in seconds: a daily quota asks for hours. */
const LONGEST_WAIT = 60;
const PUT_OFF = new Set([
  'rate_limited',
  'idempotency_in_progress',
  'session_busy',
  'database_busy',
  'database_unavailable',
  'shutting_down',
  'embeddings_unavailable',
  'unreachable',
  'timeout',
]);

/**
 * Sends conversations one after the other, each in batches. Every batch has a key made of what the conversation says, so one
 * whose answer was lost is sent again without being stored twice. What is refused fails alone; when the service is away or wants a new
 * sign-in everything stops, and `start` goes on where it stopped.
 */
export class ImportRun {
  readonly #options: ImportOptions;
  readonly #listeners = new Set<() => void>();
  #threads: ThreadProgress[];
  /** Batches of each conversation that were confirmed. */
  readonly #confirmed = new Map<number, number>();
  #progress: ImportProgress;
  #abort: AbortController | undefined;

  constructor(plans: readonly ImportPlan[], options: ImportOptions) {
    this.#options = options;
    this.#threads = plans.map((plan) => ({ ...plan, state: 'waiting', sent: 0 }));
    this.#progress = this.#snapshot('stopped');
  }

  /** A new object after each change. */
  get progress(): ImportProgress {
    return this.#progress;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Sends what waits; does nothing while it is running. Never rejects: what goes wrong stands in `progress`. */
  async start(): Promise<void> {
    if (this.#abort) return;
    const { signal } = (this.#abort = new AbortController());
    this.#tell('running');
    let stoppedBy: ApiProblem | undefined;
    for (const thread of this.#threads) {
      if (signal.aborted || stoppedBy) break;
      if (thread.state === 'waiting') stoppedBy = await this.#send(thread.index, signal);
    }
    this.#abort = undefined;
    const isOver = this.#threads.every(({ state }) => state === 'done' || state === 'failed');
    this.#tell(isOver ? 'finished' : 'stopped', { problem: stoppedBy });
  }

  /** For whoever signs out: nothing more is sent in his name. */
  close(): void {
    this.cancel();
  }

  /** Gives up the request that is under way, which is sent again when it goes on; what was sent stays. */
  cancel(): void {
    this.#abort?.abort();
  }

  /** Has what failed wait again: under other ids where they are given, or added to threads that are there. */
  retry(indexes: readonly number[], { threadIds = NONE, isAdded = false }: Retrying = {}): void {
    this.#threads = this.#threads.map((thread) => {
      if (thread.state !== 'failed' || !indexes.includes(thread.index)) return thread;
      const { problem: _, isAdded: wasAdded = false, ...rest } = thread;
      const threadId = threadIds.get(thread.index) ?? thread.threadId;
      const isSame = threadId === thread.threadId;
      if (!isSame) this.#confirmed.delete(thread.index);
      // A leave to add is one for that thread alone.
      const mayAdd = isAdded || (isSame && wasAdded);
      return {
        ...rest,
        threadId,
        state: 'waiting',
        sent: isSame ? thread.sent : 0,
        ...(mayAdd && { isAdded: true }),
      };
    });
    this.#tell(this.#progress.state);
  }

  /** @returns what stops all others too; undefined to go on with the next */
  async #send(index: number, signal: AbortSignal): Promise<ApiProblem | undefined> {
    const thread = this.#change(index, { state: 'sending' });
    try {
      const sending = { thread, digest: await this.#options.source.digest(index), signal };
      const batches = await this.#options.source.batches(index);
      for (let at = this.#confirmed.get(index) ?? 0; at < batches.length; at++) {
        signal.throwIfAborted();
        const batch = batches[at] as Batch;
        const messages = await this.#options.source.messages(index, batch);
        await this.#append(sending, batch.from, messages);
        this.#confirmed.set(index, at + 1);
        this.#change(index, { sent: batch.to });
      }
      this.#change(index, { state: 'done' });
      return undefined;
    } catch (error) {
      if (signal.aborted) {
        this.#change(index, { state: 'waiting' });
        return undefined;
      }
      const problem = asProblem(error);
      const stopsAll = isPutOff(problem) || STOPS_ALL.has(problem.status);
      this.#change(index, stopsAll ? { state: 'waiting' } : { state: 'failed', problem });
      return stopsAll ? problem : undefined;
    }
  }

  /** One batch; in halves where it is more than the service takes at once. */
  async #append(sending: Sending, from: number, messages: readonly ImportMessage[]): Promise<void> {
    try {
      await this.#appendPatiently(sending, from, messages);
    } catch (error) {
      if (asProblem(error).code !== 'body_too_large' || messages.length < 2) throw error;
      const middle = Math.ceil(messages.length / 2);
      await this.#append(sending, from, messages.slice(0, middle));
      await this.#append(sending, from + middle, messages.slice(middle));
    }
  }

  async #appendPatiently(
    { thread, digest, signal }: Sending,
    from: number,
    messages: readonly ImportMessage[],
  ): Promise<void> {
    const { threadId, isAdded = this.#options.addToThreads } = thread;
    const idempotencyKey = importKey(threadId, digest, from, from + messages.length);
    const onlyNew = from === 0 && !isAdded;
    for (let tried = 1; ; tried++) {
      try {
        await this.#options.append({ threadId, messages, idempotencyKey, onlyNew, signal });
        return;
      } catch (error) {
        signal.throwIfAborted();
        const problem = asProblem(error);
        const seconds = problem.retryAfter ?? Math.min(2 ** (tried - 1), 8);
        const tries = problem.status === 0 ? TRIES_WITHOUT_ANSWER : TRIES;
        if (!isPutOff(problem) || tried >= tries || seconds > LONGEST_WAIT) throw error;
        this.#tell('running', { waitingFor: seconds });
        await this.#options.wait(seconds, signal);
        this.#tell('running');
      }
    }
  }

  #change(index: number, change: Partial<ThreadProgress>): ThreadProgress {
    this.#threads = this.#threads.map((thread) =>
      thread.index === index ? { ...thread, ...change } : thread,
    );
    this.#tell(this.#progress.state);
    return this.#threads.find((thread) => thread.index === index) as ThreadProgress;
  }

  #tell(state: RunState, more: Pick<ImportProgress, 'problem' | 'waitingFor'> = {}): void {
    this.#progress = this.#snapshot(state, more);
    for (const listener of this.#listeners) listener();
  }

  #snapshot(state: RunState, more: Pick<ImportProgress, 'problem' | 'waitingFor'> = {}): ImportProgress {
    const sum = (of: (thread: ThreadProgress) => number): number =>
      this.#threads.reduce((total, thread) => total + of(thread), 0);
    return {
      state,
      threads: this.#threads,
      sent: sum(({ sent }) => sent),
      messages: sum(({ messages }) => messages),
      ...more,
    };
  }
}

function isPutOff({ code }: ApiProblem): boolean {
  return PUT_OFF.has(code);
}
