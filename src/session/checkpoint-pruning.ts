import type { Database } from '../database/database.js';
import { NotFoundError } from '../errors.js';
import type { AuditLog } from '../tenancy/audit-log.js';
import { threadKey } from '../tenancy/thread-key.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import * as sql from './checkpoint-pruning.sql.js';
import { checkpointsToKeep, type RetainedCheckpoint } from './checkpoint-retention.js';
import { REFERENCE } from './checkpoint-serializer.js';
import type { SessionRows } from './held-session.js';

/** How many rows of each kind were deleted. */
export interface PrunedRows {
  checkpoints: number;
  /** What tasks wrote for those checkpoints. */
  writes: number;
  /** Values of channels that no checkpoint names any more. */
  blobs: number;
  /** Replaced and removed messages that nothing refers to any more; never one that the thread shows. */
  messages: number;
}

export interface PruningParts {
  readonly database: Database;
  readonly sessions: SessionRows;
  readonly tenants: TenantContext;
  readonly audit: Pick<AuditLog, 'record'>;
}

/** Drops old checkpoints of a thread; what the thread holds and what its newest state is stay as they are. */
export class CheckpointPruning {
  constructor(private readonly parts: PruningParts) {}

  /**
   * @param keep how many of the newest checkpoints of the thread's own graph stay
   * @throws NotFoundError when there is no such thread; SessionBusyError while somebody has it for himself
   */
  async prune(threadId: string, keep: number): Promise<PrunedRows> {
    const { database, sessions, tenants, audit } = this.parts;
    const tenantId = tenants.require();
    const key = threadKey(tenantId, threadId);
    const work = async (): Promise<PrunedRows> => {
      // Asked first: to hold a thread that is not there would begin it.
      if ((await sessions.keep(tenantId, threadId)) === undefined) throw new NotFoundError('thread');
      const { sessionId, headId, version } = await sessions.hold(tenantId, threadId);
      if (version === 0 && headId === null) throw new NotFoundError('thread');
      const checkpoints = await database.query<RetainedCheckpoint>(sql.FIND_CHECKPOINTS, [key]);
      const kept = checkpointsToKeep(checkpoints, headId, keep);
      const old = checkpoints.filter((checkpoint) => !kept.has(checkpoint));
      const pruned: PrunedRows = { checkpoints: 0, writes: 0, blobs: 0, messages: 0 };
      const steps: [string, unknown[]][] = [
        [sql.DELETE_CHECKPOINTS, [key, old.map(({ namespace }) => namespace), old.map(({ id }) => id)]],
        [sql.DELETE_BLOBS, [key]],
        [sql.DELETE_MESSAGES, [key, tenantId, sessionId, REFERENCE]],
      ];
      // One after the other: each looks at what the one before has left.
      for (const [statement, parameters] of steps)
        Object.assign(pruned, ...(await database.query(statement, parameters)));
      const details = { ...pruned, keep };
      await audit.record({ action: 'session.prune', objectType: 'session', objectId: threadId, details });
      return pruned;
    };
    return database.unitOfWork(work, { isLong: true });
  }
}
