import { Module } from '@nestjs/common';
import { LongTermMemory } from './long-term-memory.js';

/** Tier 2: what is known. */
@Module({ providers: [LongTermMemory], exports: [LongTermMemory] })
export class MemoryModule {}
