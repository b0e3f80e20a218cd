// Over 200 lines: one loop, and how it begins, waits and ends.
import { Logger } from '@nestjs/common';
import { AsyncResource } from 'node:async_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../database/database.js';
import { INSUFFICIENT_PRIVILEGE } from '../database/sql-states.js';
import type { Embedder } from '../embeddings/embedder.js';
import { vectorSpaceOf } from '../embeddings/vector-space.js';
import { inLinkedSpan } from '../telemetry/spans.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { embedEach, reasonOf, type EmbeddingRound } from './embedding-rounds.js';
import { PendingEmbeddings, type Claim } from './pending-embeddings.js';
import { ProviderProbe } from '../embeddings/provider-probe.js';

/** How the worker works; injected in place of the default where one is provided. Times in milliseconds. */
export interface BacklogPace {
  /** Between two looks at what is due, when nothing was. */
  readonly pollMs: number;
  /** After the provider was found to be away; twice as long after each further time. */
  readonly firstPauseMs: number;
  readonly longestPauseMs: number;
  /** See `ClaimTerms`. */
  readonly firstRetryMs: number;
  readonly attempts: number;
  /** Memories that are embedded together: two requests of 128 texts, as long as each is one. */
  readonly memories: number;
}
export const DEFAULT_PACE: BacklogPace = {
  pollMs: 5_000,
  firstPauseMs: 1_000,
  longestPauseMs: 30_000,
  firstRetryMs: 10_000,
  attempts: 5,
  memories: 256,
};
/** UTF-16 units of one claim, so that a lease is long enough for it: some five requests. */
const UNITS = 400_000;
/** A claim comes back by itself after so many of the provider's deadlines, and is renewed at half of that. */
const LEASE_DEADLINES = 12;
/** Tenants that are looked up at once. */
const TENANTS = 50;
/** How long a shutdown waits for statements that are under way. */
export const SHUTDOWN_MS = 3_000;

/** What came of a claim, or of several. */
interface Turn {
  readonly outcome: 'nothing' | 'done' | 'away';
  readonly reason?: string;
}

/** What the worker has done in this process. */
export interface BacklogCounts {
  readonly finished: number;
  readonly retried: number;
  readonly parked: number;
}

export interface EmbeddingWorkerParts {
  readonly database: Database;
  readonly tenants: TenantContext;
  /** Of the space in which it works. */
  readonly embedder: Embedder;
  /** The deadline of one request to the provider, in milliseconds. */
  readonly timeoutMs: number;
  readonly pace?: BacklogPace | undefined;
}

/**
 * Gives memories that wait for vectors of one space theirs, in the background. Workers of several processes share the work
 * by claims of a few hundred memories at a time. Each tenant gets one claim in its turn. A provider that is away is left
 * alone for a while, and nothing counts as failed.
 */
export class EmbeddingWorker {
  readonly #logger = new Logger('EmbeddingBacklog');
  readonly #stop = new AbortController();
  readonly #stopped: Promise<undefined>;
  readonly #outside = new AsyncResource('EmbeddingWorker');
  readonly #queue: PendingEmbeddings;
  readonly #embedder: Embedder;
  readonly #probe: ProviderProbe;
  readonly #tenants: TenantContext;
  readonly #leaseMs: number;
  readonly #pace: BacklogPace;
  /** Tenants of which this process has just learned that something is due. */
  readonly #hinted = new Set<string>();
  /** In a process that may not look for tenants: those of which it left something that may wait still, by their turns. */
  readonly #remembered = new Set<string>();
  readonly #counts = { finished: 0, retried: 0, parked: 0 };
  #lastTenant = '';
  #mayDiscover = true;
  #rest: { readonly isAway: boolean; readonly end: AbortController } | undefined;
  #running: Promise<void> | undefined;

  constructor({ database, tenants, embedder, timeoutMs, pace = DEFAULT_PACE }: EmbeddingWorkerParts) {
    this.#embedder = embedder;
    this.#probe = new ProviderProbe(embedder);
    this.#tenants = tenants;
    this.#pace = pace;
    this.#leaseMs = LEASE_DEADLINES * timeoutMs;
    const { memories, attempts, firstRetryMs } = pace;
    const terms = { memories, units: UNITS, leaseMs: this.#leaseMs, attempts, firstRetryMs };
    this.#queue = new PendingEmbeddings(database, tenants, vectorSpaceOf(embedder), terms);
    this.#stopped = new Promise((resolve) => {
      this.#stop.signal.addEventListener('abort', () => {
        resolve(undefined);
      });
    });
  }

  /** Begins, unless it has. */
  start(): void {
    this.#running ??= this.#outside.runInAsyncScope(() => this.#run());
  }

  /** Says that something of a tenant is due, once it is committed. Returns at once. */
  wake(tenantId: string): void {
    this.#hinted.add(tenantId);
    if (this.#rest && !this.#rest.isAway) this.#rest.end.abort();
  }

  /** Says that the provider has just answered somebody else, so that it need not be left alone any longer. */
  providerAnswered(): void {
    if (this.#rest?.isAway) this.#rest.end.abort();
  }

  get counts(): BacklogCounts {
    return this.#counts;
  }

  /** Does not wait for the provider, and gives back what it has, while the database is still open. */
  async stop(): Promise<void> {
    this.#stop.abort();
    this.#rest?.end.abort();
    await Promise.race([this.#running, sleep(SHUTDOWN_MS, undefined, { ref: false })]);
  }

  /** Never rejects. */
  async #run(): Promise<void> {
    const { pollMs, firstPauseMs, longestPauseMs } = this.#pace;
    let timesAway = 0;
    while (!this.#stop.signal.aborted) {
      const { outcome, reason } = await this.#safeRound();
      if (outcome !== 'away') {
        timesAway = 0;
        if (outcome === 'nothing') await this.#pause(pollMs, false);
        continue;
      }
      timesAway += 1;
      if (timesAway === 1) this.#tell('embeddings_backlog_waits', { reason });
      await this.#pause(Math.min(longestPauseMs, firstPauseMs * 2 ** (timesAway - 1)), true);
    }
  }

  /** A database that is away is waited for as the provider is. */
  async #safeRound(): Promise<Turn> {
    try {
      return await this.#round();
    } catch (error) {
      return { outcome: 'away', reason: reasonOf(error) };
    }
  }

  /** One claim of each tenant that has something due. */
  async #round(): Promise<Turn> {
    let outcome: Turn['outcome'] = 'nothing';
    const { hinted, due } = await this.#nextTenants();
    for (const tenantId of new Set([...hinted, ...due])) {
      if (this.#stop.signal.aborted) break;
      // Whatever comes of this turn, the next one is another tenant's.
      if (due.includes(tenantId)) this.#lastTenant = tenantId;
      if (this.#remembered.delete(tenantId)) this.#remembered.add(tenantId);
      const turn = await this.#tenants.run(tenantId, () => this.#turn());
      if (turn.outcome === 'nothing' && !this.#mayDiscover) await this.#forgetIfFinished(tenantId);
      if (turn.outcome === 'away') return turn;
      if (turn.outcome === 'done') outcome = 'done';
    }
    return { outcome };
  }

  /** From the tenant that had the last turn on, and from the beginning where there is none after it. */
  async #nextTenants(): Promise<{ hinted: readonly string[]; due: readonly string[] }> {
    const after = await this.#dueTenants(this.#lastTenant);
    const due = after.length > 0 || this.#lastTenant === '' ? after : await this.#dueTenants('');
    if (due.length === 0) this.#lastTenant = '';
    const hinted = [...this.#hinted];
    this.#hinted.clear();
    if (this.#mayDiscover) return { hinted, due };
    for (const tenantId of hinted) this.#remembered.add(tenantId);
    return { hinted: [...this.#remembered], due };
  }

  /** Who leaves something meanwhile says so after its commit, and has the tenant remembered anew. */
  async #forgetIfFinished(tenantId: string): Promise<void> {
    const isWaiting = await this.#tenants.run(tenantId, () => this.#queue.isWaiting());
    if (!isWaiting) this.#remembered.delete(tenantId);
  }

  /** A login that may not become the worker's role is told so once; it goes on with what this process itself left. */
  async #dueTenants(after: string): Promise<string[]> {
    if (!this.#mayDiscover) return [];
    try {
      return await this.#queue.dueTenants(after, TENANTS);
    } catch (error) {
      if ((error as { code?: unknown }).code !== INSUFFICIENT_PRIVILEGE) throw error;
      this.#mayDiscover = false;
      this.#tell('embeddings_backlog_blind', {
        remedy:
          'As a superuser run GRANT triptych_worker TO the login of DATABASE_URL, and start again. Until then this ' +
          'process finishes only what it left pending itself.',
      });
      return [];
    }
  }

  async #turn(): Promise<Turn> {
    const claim = await this.#queue.claim();
    if (!claim) return { outcome: 'nothing' };
    try {
      return await inLinkedSpan('embed pending memories', [], (span) => {
        span.setAttribute('triptych.memories', claim.memories.length);
        return this.#work(claim);
      });
    } catch (error) {
      await this.#queue.release(claim, claim.memories).catch(() => undefined);
      throw error;
    }
  }

  async #work(claim: Claim): Promise<Turn> {
    const round = await this.#embedded(claim);
    if (!round) {
      await this.#queue.release(claim, claim.memories);
      return { outcome: 'away' };
    }
    const finished = await this.#queue.finish(claim, round.vectors);
    const { retried, parked } = await this.#queue.fail(claim, round.refused);
    this.#counts.finished += finished;
    this.#counts.retried += retried;
    this.#counts.parked += parked;
    if (parked > 0) this.#tell('embeddings_parked', { tenantId: this.#tenants.require(), memories: parked });
    // What is left, and what somebody else held just then, if it is still there.
    if (finished + retried + parked < claim.memories.length) await this.#queue.release(claim, claim.memories);
    return round.left.length > 0 ? { outcome: 'away', reason: reasonOf(round.away) } : { outcome: 'done' };
  }

  /** Undefined when the worker was stopped meanwhile: what comes of it later, nobody waits for. */
  async #embedded(claim: Claim): Promise<EmbeddingRound | undefined> {
    const { signal } = this.#stop;
    let renewAt = Date.now() + this.#leaseMs / 2;
    const beforeEach = async (): Promise<void> => {
      signal.throwIfAborted();
      if (Date.now() < renewAt) return;
      await this.#queue.renew(claim);
      renewAt = Date.now() + this.#leaseMs / 2;
    };
    const round = embedEach(this.#embedder, claim.memories, beforeEach, this.#probe);
    round.catch(() => undefined);
    return Promise.race([round, this.#stopped]);
  }

  async #pause(ms: number, isAway: boolean): Promise<void> {
    const end = new AbortController();
    this.#rest = { isAway, end };
    if (this.#stop.signal.aborted || (!isAway && this.#hinted.size > 0)) end.abort();
    const jittered = ms * (0.75 + Math.random() / 2);
    await sleep(jittered, undefined, { signal: end.signal, ref: false }).catch(() => undefined);
    this.#rest = undefined;
  }

  #tell(event: string, more: object): void {
    this.#logger.warn({ event, space: this.#queue.space, ...more });
  }
}
