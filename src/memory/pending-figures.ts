import { Inject, Injectable, Logger } from '@nestjs/common';
import { Database } from '../database/database.js';
import { COUNT_ALL } from './embedding-backlog.sql.js';

/** Memories of all tenants that wait for vectors. */
export interface PendingFigure {
  /** Those that are found by their words alone, and of them those that were given up. */
  readonly pending: number;
  readonly parked: number;
  /** Those that a migration is to give vectors of another model, and of them those that were given up. */
  readonly migrating: number;
  readonly migratingParked: number;
  /** For how long the memory that was due first has been due; 0 when none is. */
  readonly overdueSeconds: number;
}

/** They are counted again when they are asked for and older than this. */
const MAX_AGE_MS = 10_000;

/** How many memories wait for their vectors, counted in the background and never while somebody waits. */
@Injectable()
export class PendingFigures {
  readonly #logger = new Logger(PendingFigures.name);
  #figure: PendingFigure | undefined;
  #countedAt = -Infinity;
  #underWay: Promise<void> | undefined;

  constructor(@Inject(Database) private readonly database: Database) {}

  /** As it was counted last, at once; undefined while it was not. What is too old is counted meanwhile, for the next time. */
  read(): PendingFigure | undefined {
    if (performance.now() - this.#countedAt >= MAX_AGE_MS) void this.refresh();
    return this.#figure;
  }

  /** Counts them now. Never rejects: what cannot be counted is not known. */
  refresh(): Promise<void> {
    return (this.#underWay ??= this.#count().finally(() => {
      this.#underWay = undefined;
    }));
  }

  async #count(): Promise<void> {
    this.#countedAt = performance.now();
    try {
      [this.#figure] = await this.database.queryAsWorker<PendingFigure & Record<string, unknown>>(COUNT_ALL);
    } catch (error) {
      this.#figure = undefined;
      this.#logger.warn({ event: 'pending_embeddings_not_counted', reason: String(error) });
    }
  }
}
