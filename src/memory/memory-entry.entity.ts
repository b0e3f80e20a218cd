import { Column, CreateDateColumn, Entity, Index, PrimaryColumn, UpdateDateColumn } from 'typeorm';

/** Where a memory came from; every field is optional. */
export interface MemorySource {
  threadId?: string;
  /** Place of the message in its thread: 1, 2, 3 … */
  seq?: number;
  speaker?: string;
  role?: string;
  /** ISO 8601: when it was said, which may be long before it was stored. */
  occurredAt?: string;
}

/** One thing known to a tenant's agent: a row of `shared.agent_memories`. */
@Entity({ schema: 'shared', name: 'agent_memories' })
@Index('agent_memories_newest', ['tenantId', 'createdAt', 'memoryId'])
@Index('agent_memories_newest_of_agent', ['tenantId', 'agentId', 'createdAt', 'memoryId'])
export class MemoryEntry {
  @PrimaryColumn({ name: 'tenant_id', type: 'text', primaryKeyConstraintName: 'agent_memories_pkey' })
  tenantId: string;

  /** UUIDv7, so that ids sort by the time of storing. */
  @PrimaryColumn({ name: 'memory_id', type: 'uuid', primaryKeyConstraintName: 'agent_memories_pkey' })
  memoryId: string;

  @Column({ name: 'agent_id', type: 'text' })
  agentId: string;

  @Column({ type: 'text' })
  content: string;

  @Column({ type: 'jsonb', default: {} })
  metadata: Record<string, unknown>;

  @Column({ type: 'jsonb', nullable: true })
  source: MemorySource | null;

  @CreateDateColumn({ name: 'created_at', type: 'timestamptz', precision: 3 })
  createdAt: Date;

  @UpdateDateColumn({ name: 'updated_at', type: 'timestamptz', precision: 3 })
  updatedAt: Date;
}

/** A memory found by a search; `score` is the cosine similarity, from -1 to 1, higher is nearer. */
export interface ScoredMemory {
  memory: MemoryEntry;
  score: number;
}
