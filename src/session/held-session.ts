import { v7 as uuidv7 } from 'uuid';
import type { Database } from '../database/database.js';
import { SessionBusyError, SessionConflictError } from '../errors.js';
import { countRows, type Run } from './message-reference.js';
import type { SessionLeases } from './session-leases.js';
import * as sql from './session.sql.js';

/** A session whose row this transaction holds: nobody else writes to it until the commit. */
export interface HeldSession {
  readonly tenantId: string;
  readonly threadId: string;
  readonly sessionId: string;
  readonly version: number;
  readonly messageCount: number;
  /** The highest `seq` given so far. */
  readonly lastSeq: number;
  /** The highest `seq` that the newest checkpoint knows of. */
  readonly checkpointedSeq: number;
  /** Messages after it are shown with the newest checkpoint and stand in none; null when there are none. */
  readonly laidOverAfter: number | null;
  /** The newest checkpoint; null before there is one. */
  readonly headId: string | null;
  /** The messages that the newest checkpoint holds. */
  readonly runs: readonly Run[];
  /** The messages that the thread holds: those, and what was appended since. */
  readonly liveRuns: readonly Run[];
}

export interface SessionState extends Pick<HeldSession, 'sessionId' | 'headId'> {
  /** Messages were appended that no checkpoint holds yet. */
  readonly isAhead?: boolean;
  /** The conversation, when the newest checkpoint is shown with messages that it does not hold. */
  readonly laidOver?: readonly Run[] | null;
}

export const CLEARED = 'The thread was cleared meanwhile.';
/** Of a session that others clear again and again before it is held. */
const MAX_ATTEMPTS = 100;

type Row = Omit<HeldSession, 'tenantId' | 'threadId' | 'liveRuns'> & { isTaken: boolean };

/** Takes hold of the rows of sessions. All of it belongs into a unit of work. */
export class SessionRows {
  constructor(
    private readonly database: Database,
    private readonly leases: SessionLeases,
  ) {}

  /**
   * Holds the thread's session, and begins one if there is none.
   * @param evenIfTaken for what does no harm to somebody who has the thread for himself
   * @throws SessionBusyError while somebody else has the thread for himself; SessionConflictError when the
   *   caller's own lease is of a session that was cleared
   */
  async hold(tenantId: string, threadId: string, { evenIfTaken = false } = {}): Promise<HeldSession> {
    const lease = this.leases.current(tenantId, threadId);
    const find = (): Promise<Row[]> =>
      this.database.query<Row>(sql.HOLD_SESSION, [tenantId, threadId, lease?.holder ?? null]);
    let [row] = await find();
    // Somebody else may begin the session and end it again between the two: as often as somebody does.
    for (let attempt = 0; !row && attempt < MAX_ATTEMPTS; attempt += 1) {
      if (lease) throw new SessionConflictError(CLEARED);
      await this.database.query(sql.BEGIN_SESSION, [tenantId, threadId, uuidv7()]);
      [row] = await find();
    }
    if (!row) throw new SessionConflictError(CLEARED);
    if (row.isTaken && !evenIfTaken) throw new SessionBusyError();
    if (lease && lease.sessionId !== row.sessionId) throw new SessionConflictError(CLEARED);
    return { ...row, tenantId, threadId, liveRuns: liveRunsOf(row) };
  }

  /** Keeps the thread's session from being cleared until the commit; undefined when there is none. */
  async keep(tenantId: string, threadId: string): Promise<string | undefined> {
    const [row] = await this.database.query<{ sessionId: string }>(sql.KEEP_SESSION, [tenantId, threadId]);
    return row?.sessionId;
  }

  /** Begins a session, if there is none, and keeps it. */
  async beginAndKeep(tenantId: string, threadId: string): Promise<string> {
    await this.database.query(sql.BEGIN_SESSION, [tenantId, threadId, uuidv7()]);
    const sessionId = await this.keep(tenantId, threadId);
    if (sessionId === undefined) throw new SessionConflictError(CLEARED);
    return sessionId;
  }

  /** The session as it is, held by nobody; undefined when there is none. */
  async peek(tenantId: string, threadId: string): Promise<SessionState | undefined> {
    const [row] = await this.database.query<SessionState>(sql.PEEK_SESSION, [tenantId, threadId]);
    return row;
  }

  /** A new checkpoint, with what the thread holds from now on. */
  async saveConversation(session: HeldSession, headId: string, runs: readonly Run[]): Promise<void> {
    const { tenantId, threadId, version, lastSeq } = session;
    const last = runs.reduce((highest, [, to]) => Math.max(highest, to), lastSeq);
    await this.database.query(sql.SAVE_CONVERSATION, [
      tenantId,
      threadId,
      version + 1,
      countRows(runs),
      last,
      JSON.stringify(runs),
      headId,
    ]);
  }

  /**
   * A new checkpoint of the conversation as it is.
   * @param isWhole it holds all of that, and not just what the one before held
   */
  async saveHead({ tenantId, threadId }: HeldSession, headId: string, isWhole: boolean): Promise<void> {
    await this.database.query(sql.SAVE_HEAD, [tenantId, threadId, headId, isWhole]);
  }

  /** Shows what was appended with the newest checkpoint, which stays the newest. */
  async layOver({ tenantId, threadId, liveRuns }: HeldSession): Promise<void> {
    await this.database.query(sql.LAY_OVER, [tenantId, threadId, JSON.stringify(liveRuns)]);
  }

  /** A new checkpoint, which holds what was appended since the last one. */
  async saveCheckpointed(session: HeldSession, headId: string): Promise<void> {
    const { tenantId, threadId, liveRuns } = session;
    await this.database.query(sql.SAVE_CHECKPOINTED, [tenantId, threadId, headId, JSON.stringify(liveRuns)]);
  }

  /** Ends the session with all its messages; false when no reader would have seen one. */
  async end(tenantId: string, threadId: string): Promise<boolean> {
    const [gone] = await this.database.query<{ wasSeen: boolean }>(sql.DELETE_SESSION, [tenantId, threadId]);
    return gone?.wasSeen ?? false;
  }
}

function liveRunsOf({ runs, checkpointedSeq, lastSeq }: Row): readonly Run[] {
  if (lastSeq === checkpointedSeq) return runs;
  const last = runs.at(-1);
  if (last?.[1] === checkpointedSeq && last[2] === 0) return [...runs.slice(0, -1), [last[0], lastSeq, 0]];
  return [...runs, [checkpointedSeq + 1, lastSeq, 0]];
}
