import type { Database } from '../database/database.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { HOLD_INDEX } from '../recall/lexical-index.sql.js';
import * as sql from './space-migration.sql.js';

/** Memories that are looked at together. */
const BATCH = 500;
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** Spaces of a tenant, each as `model/dimensions`. */
export interface TenantSpaceRow {
  /** In which its memories are found; null until the first of them has vectors. */
  readonly space: string | null;
  /** Into which they are being migrated. */
  readonly nextSpace: string | null;
}

/** How far a tenant is: its memories are all in the target, or so many wait, or some were given up and none waits. */
export type MigrationState =
  | { readonly name: 'done' }
  | { readonly name: 'working'; readonly pending: number }
  | { readonly name: 'blocked'; readonly parked: number };

/**
 * Brings the memories of the tenant in scope into another space of vectors, while others read and write them. Each method is
 * one unit of work, or several of which each leaves a state to go on from: what is left to do is what has neither vectors
 * of the target nor a row in the queue.
 */
export class SpaceMigration {
  constructor(
    private readonly database: Database,
    private readonly tenants: TenantContext,
    private readonly audit: AuditLog,
    /** `model/dimensions`. */
    readonly target: string,
  ) {}

  /** Undefined for a tenant that never had a memory. */
  async spaces(): Promise<TenantSpaceRow | undefined> {
    const [row] = await this.#query<TenantSpaceRow & Record<string, unknown>>(sql.READ_SPACES);
    return row;
  }

  /** How many memories have no vectors of the target. */
  async lacking(): Promise<number> {
    const { pending, parked } = await this.#waiting();
    return pending + parked + (await this.#pass(sql.COUNT_LACKING));
  }

  /**
   * Whatever is stored from here on gets vectors of the target, and what is there is put into the queue. Another migration
   * that is under way ends. Also the way to give one up: the target is the tenant's own space then.
   */
  async begin(): Promise<void> {
    await this.#alone(async () => {
      await this.#query(sql.NOTE_TARGET, this.target);
      await this.#query(sql.DROP_OTHERS, this.target);
    });
    await this.#pass(sql.QUEUE_LACKING);
  }

  /**
   * Switches to the target once all memories have its vectors.
   * @param options.allowParked also where some were given up, which are found by their words then
   */
  async advance({ allowParked }: { allowParked: boolean }): Promise<MigrationState> {
    const { pending, parked } = await this.#waiting();
    if (pending > 0) return { name: 'working', pending };
    // Who wrote beside the queue: a process of a former version, or one that held a memory as it was put there.
    const lacking = await this.#pass(sql.QUEUE_LACKING);
    if (lacking > 0) return { name: 'working', pending: lacking };
    if (parked > 0 && !allowParked) return { name: 'blocked', parked };
    return this.#alone(async (): Promise<MigrationState> => {
      const last = await this.#waiting();
      if (last.pending > 0) return { name: 'working', pending: last.pending };
      if (last.parked > 0 && !allowParked) return { name: 'blocked', parked: last.parked };
      const before = await this.spaces();
      if (before?.nextSpace === null && before.space === this.target) return { name: 'done' };
      // Somebody gave another target meanwhile.
      if (before?.nextSpace !== this.target) return { name: 'blocked', parked: last.parked };
      await this.#query(sql.SWITCH, this.target);
      await this.#query(sql.DROP_WAITING, this.target);
      await this.#query(sql.MARK_MEMORIES, this.target);
      const objectId = this.tenants.require();
      const details = { fields: ['space'] };
      await this.audit.record({ action: 'tenant.update', objectType: 'tenant', objectId, details });
      return { name: 'done' };
    });
  }

  /** @returns how many memories had neither vectors of the target nor a place in the queue */
  async #pass(statement: string): Promise<number> {
    let lacking = 0;
    for (let last: string | null = NO_ID; last !== null;) {
      const [row]: { last: string | null; lacking: number }[] = await this.#query(
        statement,
        this.target,
        last,
        BATCH,
      );
      lacking += row?.lacking ?? 0;
      last = row?.last ?? null;
    }
    return lacking;
  }

  async #waiting(): Promise<{ pending: number; parked: number }> {
    const [row] = await this.#query<{ pending: number; parked: number }>(sql.COUNT_WAITING, this.target);
    return row ?? { pending: 0, parked: 0 };
  }

  /** Nobody writes to the tenant's index meanwhile. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.database.unitOfWork(async () => {
      await this.database.query(sql.WAIT_BRIEFLY);
      await this.#query(HOLD_INDEX);
      return work();
    });
  }

  #query<Row extends object>(text: string, ...parameters: readonly unknown[]): Promise<Row[]> {
    return this.database.query<Row>(text, [this.tenants.require(), ...parameters]);
  }
}
