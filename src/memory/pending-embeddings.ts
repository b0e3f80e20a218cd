import { v7 as uuidv7 } from 'uuid';
import { halfvecArray, uuidArray, varbitArray } from '../database/binary-parameters.js';
import type { Database } from '../database/database.js';
import type { DocumentVectors } from '../recall/document-vectors.js';
import type { RecallDocument } from '../recall/recall-rows.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import * as sql from './embedding-backlog.sql.js';

/** Memories that one worker has for a while. */
export interface Claim {
  readonly id: string;
  readonly memories: readonly RecallDocument[];
}

/** A memory that could not be embedded for its own sake. */
export interface RefusedMemory {
  readonly memoryId: string;
  readonly reason: string;
}

/** How long a claim holds, and how a memory that fails is tried again. */
export interface ClaimTerms {
  /** Memories of one claim at most, and UTF-16 units of their contents together. */
  readonly memories: number;
  readonly units: number;
  readonly leaseMs: number;
  /** Failures after which a memory is parked. */
  readonly attempts: number;
  /** From the first failure to the second attempt; four times as long before each further one. */
  readonly firstRetryMs: number;
}

type Due = Readonly<{ memoryId: string; units: number }>;

/**
 * The queue of memories that wait for vectors of one space: rows of `shared.pending_embeddings`. Each method but
 * `dueTenants` is for the tenant in scope, and is one statement or one unit of work, so that whatever dies in the middle
 * leaves a row that comes back when its lease is over.
 */
export class PendingEmbeddings {
  constructor(
    private readonly database: Database,
    private readonly tenants: TenantContext,
    /** What `vectorSpaceOf` names. */
    readonly space: string,
    private readonly terms: ClaimTerms,
  ) {}

  /** Tenants with something due, in their order, after `tenantId`; of all tenants, so outside of any scope. */
  async dueTenants(tenantId: string, most: number): Promise<string[]> {
    const rows = await this.database.queryAsWorker<{ tenantId: string }>(sql.DUE_TENANTS, [
      this.space,
      tenantId,
      most,
    ]);
    return rows.map((row) => row.tenantId);
  }

  /** Takes some of what is due; undefined when nothing is, or others have it. */
  claim(): Promise<Claim | undefined> {
    const id = uuidv7();
    const tenantId = this.tenants.require();
    const { memories: most, units, leaseMs } = this.terms;
    return this.database.unitOfWork(async () => {
      const due = await this.database.query<Due>(sql.HOLD_DUE, [tenantId, this.space, most]);
      const memoryIds = fitting(due, units);
      if (memoryIds.length === 0) return undefined;
      const [, memories] = await Promise.all([
        this.database.query(sql.CLAIM, [tenantId, this.space, memoryIds, id, leaseMs]),
        this.database.query<RecallDocument>(sql.READ_CLAIMED, [tenantId, memoryIds]),
      ]);
      return { id, memories };
    });
  }

  /** Whether anything of the tenant is left to do, now or later: parked memories are not. */
  async isWaiting(): Promise<boolean> {
    const rows = await this.database.query(sql.READ_WAITING, [this.tenants.require(), this.space]);
    return rows.length > 0;
  }

  /** @returns how many of the memories got their vectors: not those that somebody else changed or finished meanwhile */
  async finish({ id, memories }: Claim, vectors: DocumentVectors): Promise<number> {
    const embedded = memories.filter(({ memoryId }) => vectors.has(memoryId));
    if (embedded.length === 0) return 0;
    const chunks = embedded.flatMap(({ memoryId }) =>
      (vectors.get(memoryId) ?? []).map((vector, chunk) => ({ memoryId, chunk, ...vector })),
    );
    const finished = await this.#query(sql.FINISH, id, embedded, [
      uuidArray(chunks.map(({ memoryId }) => memoryId)),
      chunks.map(({ chunk }) => chunk),
      varbitArray(chunks.map(({ signs }) => signs)),
      halfvecArray(chunks.map(({ embedding }) => embedding)),
    ]);
    return finished.length;
  }

  /** Counts a failure of each. @returns how many are tried again, and how many are parked now */
  async fail({ id }: Claim, refused: readonly RefusedMemory[]): Promise<{ retried: number; parked: number }> {
    if (refused.length === 0) return { retried: 0, parked: 0 };
    const { attempts, firstRetryMs } = this.terms;
    const reasons = refused.map(({ reason }) => reason);
    const failed = await this.#query<{ parked: boolean }>(sql.FAIL, id, refused, [
      reasons,
      attempts,
      firstRetryMs,
    ]);
    const parked = failed.filter((row) => row.parked).length;
    return { retried: failed.length - parked, parked };
  }

  /** Gives memories of a claim back, to be tried at once; those that it has no longer stay as they are. */
  async release({ id }: Claim, memories: readonly { readonly memoryId: string }[]): Promise<void> {
    if (memories.length > 0) await this.#query(sql.RELEASE, id, memories, []);
  }

  /** Keeps a claim for another lease. */
  async renew({ id, memories }: Claim): Promise<void> {
    await this.#query(sql.RENEW, id, memories, [this.terms.leaseMs]);
  }

  #query<Row extends object>(
    text: string,
    claimId: string,
    memories: readonly { readonly memoryId: string }[],
    more: readonly unknown[],
  ): Promise<Row[]> {
    const ids = memories.map(({ memoryId }) => memoryId);
    return this.database.query<Row>(text, [this.tenants.require(), this.space, claimId, ids, ...more]);
  }
}

/** The first of them, as many as have `units` together, and one in any case. */
function fitting(due: readonly Due[], units: number): string[] {
  let sum = 0;
  const end = due.findIndex((memory, index) => (sum += memory.units) > units && index > 0);
  return due.slice(0, end < 0 ? undefined : end).map(({ memoryId }) => memoryId);
}
