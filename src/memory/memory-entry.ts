/** Where a memory came from; every field is optional. */
export interface MemorySource {
  threadId?: string;
  /** Place of the message in its thread. */
  seq?: number;
  speaker?: string;
  role?: string;
  /** ISO 8601: when it was said, which may be long before it was stored. */
  occurredAt?: string;
}

/** One thing known to a tenant's agent. Its embedding is stored beside it and never sent. */
export interface MemoryEntry {
  memoryId: string;
  tenantId: string;
  agentId: string;
  content: string;
  metadata: Record<string, unknown>;
  source: MemorySource | null;
  /** ISO 8601, UTC. */
  createdAt: string;
  updatedAt: string;
}

/** A memory found by a search; `score` is the cosine similarity, from -1 to 1, higher is nearer. */
export interface ScoredMemory {
  memory: MemoryEntry;
  score: number;
}
