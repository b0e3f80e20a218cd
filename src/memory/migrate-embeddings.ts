// Over 200 lines: one command, from the first probe to the last tenant.
import { setTimeout as sleep } from 'node:timers/promises';
import type { TriptychOptions } from '../config/options.js';
import type { Database } from '../database/database.js';
import { isDatabaseUnavailable, unavailabilityOf } from '../database/unavailable.js';
import { createEmbedder, createEmbedders } from '../embeddings/create-embedder.js';
import type { Embedder } from '../embeddings/embedder.js';
import { vectorSpaceOf } from '../embeddings/vector-space.js';
import {
  EmbeddingsUnavailableError,
  InvalidEmbeddingError,
  NotFoundError,
  StartupError,
  TriptychError,
} from '../errors.js';
import { AuditLog } from '../tenancy/audit-log.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { EmbeddingWorker, type BacklogPace } from './embedding-worker.js';
import { PROBE_TEXT } from '../embeddings/provider-probe.js';
import { SpaceMigration } from './space-migration.js';

/** Whose doing it is in the audit log: of whoever may run commands on the database. */
const OPERATOR = 'operator';
/** Tenants whose memories wait in the queue at once, so that it stays small. */
const AT_ONCE = 16;
const LOOK_EVERY_MS = 250;
const REPORT_EVERY_MS = 2_000;
/** How long a database that is away is waited for. */
const DATABASE_AWAY_MS = 300_000;

export interface MigrateRequest {
  readonly model: string;
  readonly dimensions: number;
  /** Undefined: all of them. */
  readonly tenantId: string | undefined;
  /** A tenant with memories that cannot be embedded goes over too. */
  readonly allowParked: boolean;
  /** Only counts. */
  readonly dryRun: boolean;
}

export interface MigrateAnswer {
  /** The target, as `model/dimensions`. */
  space: string;
  /** Those that were asked for. */
  tenants: number;
  /** Those that are in the target now. */
  done: number;
  /** Memories that had no vectors of the target when their tenant's turn came; in a dry run, that have none. */
  memories: number;
  dryRun: boolean;
  /** Tenants that stay where they are, since some of their memories could not be embedded. */
  blocked: { tenantId: string; parked: number }[];
}

export interface MigrateRoom {
  readonly options: TriptychOptions;
  readonly database: Database;
  /** All tenants that have memories. */
  readonly tenantIds: () => Promise<string[]>;
  readonly pace?: BacklogPace | undefined;
  /** Takes a line about how far it is, for a person. */
  readonly tell: (line: string) => void;
  /** Ends it at the next step, with its reason. */
  readonly signal: AbortSignal;
}

/**
 * Brings memories into another space of vectors, one tenant after the other, and does so again from where it ended. The
 * work is in the queue, so services that run share it.
 * @throws StartupError, before anything is changed, when the provider has no such model; NotFoundError
 */
export async function migrateEmbeddings(room: MigrateRoom, command: MigrateRequest): Promise<MigrateAnswer> {
  const embedder = await probedEmbedder(room.options, command);
  return new Migration(room, command, embedder).run();
}

class Migration {
  readonly #tenants = new TenantContext();
  readonly #migration: SpaceMigration;
  readonly #answer: MigrateAnswer;
  #left = new Map<string, number>();
  #startedAt = performance.now();
  #reportedAt = -Infinity;

  constructor(
    private readonly room: MigrateRoom,
    private readonly command: MigrateRequest,
    private readonly embedder: Embedder,
  ) {
    const { database } = room;
    const space = vectorSpaceOf(embedder);
    this.#migration = new SpaceMigration(
      database,
      this.#tenants,
      new AuditLog(database, this.#tenants),
      space,
    );
    this.#answer = { space, tenants: 0, done: 0, memories: 0, dryRun: command.dryRun, blocked: [] };
  }

  async run(): Promise<MigrateAnswer> {
    const { tenantId } = this.command;
    const tenantIds = tenantId === undefined ? await this.room.tenantIds() : [tenantId];
    if (tenantId !== undefined && !(await this.#as(tenantId, () => this.#migration.spaces())))
      throw new NotFoundError('tenant with memories');
    this.#answer.tenants = tenantIds.length;
    if (this.command.dryRun) return this.#counted(tenantIds);
    const { database, options, pace } = this.room;
    const worker = new EmbeddingWorker({
      ...{ database, tenants: this.#tenants, embedder: this.embedder, pace },
      timeoutMs: options.embeddings.timeoutMs,
    });
    worker.start();
    try {
      await this.#migrate(tenantIds, worker);
    } finally {
      await worker.stop();
    }
    return this.#answer;
  }

  async #counted(tenantIds: readonly string[]): Promise<MigrateAnswer> {
    for (const tenantId of tenantIds) {
      this.room.signal.throwIfAborted();
      const { isThere, lacking } = await this.#as(tenantId, async () => {
        const spaces = await this.#migration.spaces();
        return {
          isThere: spaces?.space === this.#migration.target,
          lacking: await this.#migration.lacking(),
        };
      });
      this.#answer.memories += lacking;
      if (isThere && lacking === 0) this.#answer.done += 1;
    }
    return this.#answer;
  }

  async #migrate(tenantIds: readonly string[], worker: EmbeddingWorker): Promise<void> {
    const waiting = [...tenantIds];
    const active = new Set<string>();
    while (waiting.length > 0 || active.size > 0) {
      this.room.signal.throwIfAborted();
      for (; active.size < AT_ONCE && waiting.length > 0; waiting.shift()) {
        const tenantId = waiting[0] as string;
        const lacking = await this.#patiently(tenantId, () => this.#begin());
        this.#answer.memories += lacking;
        this.#left.set(tenantId, lacking);
        active.add(tenantId);
      }
      for (const tenantId of active) {
        const { allowParked } = this.command;
        const state = await this.#patiently(tenantId, () => this.#migration.advance({ allowParked }));
        if (state.name === 'working') {
          this.#left.set(tenantId, state.pending);
          worker.wake(tenantId);
          continue;
        }
        active.delete(tenantId);
        this.#left.delete(tenantId);
        if (state.name === 'done') this.#answer.done += 1;
        else this.#answer.blocked.push({ tenantId, parked: state.parked });
      }
      if (performance.now() - this.#reportedAt >= REPORT_EVERY_MS) this.#report();
      if (active.size > 0) await this.#rest();
    }
    this.#report();
  }

  async #begin(): Promise<number> {
    const lacking = await this.#migration.lacking();
    await this.#migration.begin();
    return lacking;
  }

  /** A database that is away, or whose locks others hold, is waited for: each step can be done again. */
  async #patiently<T>(tenantId: string, step: () => Promise<T>): Promise<T> {
    for (const until = performance.now() + DATABASE_AWAY_MS; ;) {
      this.room.signal.throwIfAborted();
      try {
        return await this.#as(tenantId, step);
      } catch (error) {
        if (!isDatabaseUnavailable(error) || performance.now() > until) throw error;
        this.room.tell(`waiting for the database: ${unavailabilityOf(error) ?? ''}`);
        await this.#rest(4);
      }
    }
  }

  #as<T>(tenantId: string, work: () => Promise<T>): Promise<T> {
    return this.#tenants.run(tenantId, work, { actor: OPERATOR });
  }

  async #rest(times = 1): Promise<void> {
    await sleep(times * LOOK_EVERY_MS, undefined, { signal: this.room.signal }).catch(() => undefined);
  }

  #report(): void {
    this.#reportedAt = performance.now();
    const { tenants, done, memories } = this.#answer;
    const embedded = memories - [...this.#left.values()].reduce((sum, left) => sum + left, 0);
    const seconds = (performance.now() - this.#startedAt) / 1_000;
    const rate = Math.max(0, Math.round(embedded / Math.max(1, seconds)));
    this.room.tell(
      `${done} of ${tenants} tenants; of those begun ${Math.max(0, embedded)} of ${memories} memories, ${rate} a second`,
    );
  }
}

/** Asked for one text first, so that a mistake is told before anything is changed. */
async function probedEmbedder(
  options: TriptychOptions,
  { model, dimensions }: MigrateRequest,
): Promise<Embedder> {
  const { embeddings } = options;
  const space = vectorSpaceOf({ model, dimensions });
  try {
    const embedder = createEmbedders(createEmbedder(embeddings), embeddings).of(space);
    await embedder.embed([PROBE_TEXT], 'document');
    return embedder;
  } catch (error) {
    if (!(error instanceof TriptychError)) throw error;
    const reason = error instanceof EmbeddingsUnavailableError ? `${error.detail}.` : error.message;
    const hint = error instanceof InvalidEmbeddingError ? ' --dimensions is the length of its vectors.' : '';
    throw new StartupError(`${space} cannot be had, so nothing was changed: ${reason}${hint}`, {
      cause: error,
    });
  }
}
