import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  PrimaryColumn,
  UpdateDateColumn,
  type ValueTransformer,
} from 'typeorm';
import type { Degradation } from '../recall/degradation.js';

/**
 * Whether a memory is found by its vectors as well as by its words: `pending`, not yet; `parked`, given up until
 * somebody retries. One that is out of recall waits for nothing and is `ready`.
 */
export type EmbeddingStatus = 'ready' | 'pending' | 'parked';
export const EMBEDDING_STATUSES: readonly EmbeddingStatus[] = ['ready', 'pending', 'parked'];

/** Why a memory that is not ready could not be embedded last. */
export interface EmbeddingFailure {
  /** What the provider said, without the text and without a secret. */
  reason: string;
  /** How often it failed for its own sake; a provider that is away does not count. */
  attempts: number;
  at: Date;
}

/** A column in which `ready` is null, so that only what is not takes room in its index. */
const READY_IS_NULL: ValueTransformer = {
  from: (status: EmbeddingStatus | null) => status ?? 'ready',
  to: (status: unknown) => (status === 'ready' ? null : status),
};

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
@Index('agent_memories_changed', ['tenantId', 'updatedAt'])
@Index('agent_memories_not_embedded', ['tenantId', 'embeddingStatus', 'createdAt', 'memoryId'], {
  where: 'embedding_status IS NOT NULL',
})
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

  /** 1 when it was stored, and 1 more with each change. */
  @Column({ type: 'int', default: 1 })
  revision: number;

  /** Who stored this revision: an API key, a token's subject, or the host application; null before this was kept. */
  @Column({ name: 'stored_by', type: 'text', nullable: true })
  storedBy: string | null;

  /** How often it was said, if copies were folded. */
  @Column({ type: 'int', default: 1 })
  copies: number;

  /** When it was taken out of recall; null for one that can be found. */
  @Column({ name: 'retracted_at', type: 'timestamptz', precision: 3, nullable: true })
  retractedAt: Date | null;

  @Column({ name: 'embedding_status', type: 'text', nullable: true, transformer: READY_IS_NULL })
  embeddingStatus: EmbeddingStatus;

  /** Read along by `get` and `list` alone; left out where nothing failed. */
  embeddingFailure?: EmbeddingFailure;

  /** Of its line in a prompt (`memoryLine`); no part of what a memory is, and read by a search alone. */
  @Column({ type: 'int', nullable: true, select: false })
  tokens?: number | null;

  /** In which encoding that is counted. */
  @Column({ name: 'token_encoding', type: 'text', nullable: true, select: false })
  tokenEncoding?: string | null;
}

/** What a memory was from one moment to another. */
export interface MemoryRevision extends Pick<
  MemoryEntry,
  'memoryId' | 'agentId' | 'content' | 'metadata' | 'source' | 'revision' | 'storedBy'
> {
  /** Whether it was out of recall. */
  retracted: boolean;
  validFrom: Date;
  /** Null for the one that is valid now. */
  validTo: Date | null;
}

/** A memory found by a search, best first. */
export interface ScoredMemory {
  memory: MemoryEntry;
  /** Higher is better; comparable within one answer alone. */
  score: number;
  /** What each channel found, before they were joined and weighed; null from one that did not find it. */
  scores: ChannelScores;
  /**
   * Tokens of the memory's line in a prompt, as counted when it was written; left out where it was in another encoding
   * than the one in force, before this was kept, or as of a moment before its last change.
   */
  tokens?: number;
}

export interface ChannelScores {
  /** BM25 of the best chunk, from 0 on. */
  lexical: number | null;
  /** Cosine similarity of the nearest chunk, from -1 to 1. */
  semantic: number | null;
}

/** What a search found. */
export interface FoundMemories {
  results: ScoredMemory[];
  /** False when so many vectors are equally near that not all of them could be compared. */
  exhaustive: boolean;
  /** Why it was found by words alone although more was asked for, such as a provider that is away; else empty. */
  degraded: Degradation[];
}
