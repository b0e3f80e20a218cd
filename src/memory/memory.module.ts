import { Module } from '@nestjs/common';
import { EmbeddingBacklog } from './embedding-backlog.js';
import { PendingFigures } from './pending-figures.js';
import { LongTermMemory } from './long-term-memory.js';

/** Tier 2: what is known. */
@Module({ providers: [EmbeddingBacklog, LongTermMemory, PendingFigures], exports: [LongTermMemory] })
export class MemoryModule {}
