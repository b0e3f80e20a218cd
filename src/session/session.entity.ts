import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, Unique, UpdateDateColumn } from 'typeorm';
import type { Run } from './message-reference.js';

/** One life of a thread: a row of `shared.sessions`. Clearing the thread ends it. */
@Entity({ schema: 'shared', name: 'sessions' })
@Unique('sessions_session_id_key', ['tenantId', 'sessionId'])
@Index('sessions_last_changed', ['tenantId', 'updatedAt', 'threadId'])
export class Session {
  @PrimaryColumn({ name: 'tenant_id', type: 'text', primaryKeyConstraintName: 'sessions_pkey' })
  tenantId: string;

  @PrimaryColumn({ name: 'thread_id', type: 'text', primaryKeyConstraintName: 'sessions_pkey' })
  threadId: string;

  @Column({ name: 'session_id', type: 'uuid' })
  sessionId: string;

  /** Grows by one with each change of the messages; the ETag of the thread. */
  @Column({ type: 'integer', default: 0 })
  version: number;

  @Column({ name: 'message_count', type: 'integer', default: 0 })
  messageCount: number;

  /** The highest `seq` given so far. */
  @Column({ name: 'last_seq', type: 'integer', default: 0 })
  lastSeq: number;

  /** The last `seq` that `headId` knows of; messages after it came from outside a graph. */
  @Column({ name: 'checkpointed_seq', type: 'integer', default: 0 })
  checkpointedSeq: number;

  /** The newest checkpoint of the thread; null before there is one. */
  @Column({ name: 'head_id', type: 'text', nullable: true })
  headId: string | null;

  /** The messages that the newest checkpoint holds. */
  @Column({ type: 'jsonb', default: [] })
  runs: Run[];

  /** Who has the thread for himself, and until when unless he renews it. */
  @Column({ name: 'held_by', type: 'uuid', nullable: true })
  heldBy: string | null;

  @Column({ name: 'held_until', type: 'timestamptz', precision: 3, nullable: true })
  heldUntil: Date | null;

  /** Another process waits for the thread. */
  @Column({ name: 'wanted_until', type: 'timestamptz', precision: 3, nullable: true })
  wantedUntil: Date | null;

  /** Messages after it are shown with the newest checkpoint and stand in none; null when there are none. */
  @Column({ name: 'laid_over_after', type: 'integer', nullable: true })
  laidOverAfter: number | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt: Date;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt: Date;
}
