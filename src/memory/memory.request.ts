import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsBoolean, IsIn, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { EMBEDDING_STATUSES, type EmbeddingStatus, type MemorySource } from './memory-entry.entity.js';
import { MAX_AGENT_ID, MAX_BATCH, MAX_CONTENT, type NewMemory } from './memory-input.js';
import { MAX_RESULTS } from './memory-query.js';
import { NOT_BLANK } from '../http/document-schema.js';
import { ISO_8601 } from '../recall/instant.js';
import { RECALL_MODES, type RecallMode } from '../recall/rank.js';
import type { MemoryFilter } from './memory-filter.js';
import { MemoryFilterView } from './memory-filter.view.js';
import { MemorySourceView } from './memory.view.js';

const DEDUPLICATE =
  'A memory that says what another one of its agent says already is counted there (`copies`) and not stored again.';

const AS_OF_EXAMPLE = '2026-05-08T13:56:00Z';

export class StoreMemoryRequest implements NewMemory {
  @ApiProperty({ minLength: 1, maxLength: MAX_AGENT_ID, example: 'travel-agent' })
  @IsString()
  agentId: string;

  @ApiProperty({
    minLength: 1,
    maxLength: MAX_CONTENT,
    pattern: NOT_BLANK,
    example: 'The user prefers window seats.',
  })
  @IsString()
  content: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IsOptional()
  metadata?: Record<string, unknown>;

  @ApiPropertyOptional({ type: MemorySourceView, nullable: true })
  @IsOptional()
  source?: MemorySource | null;
}

/** One memory over HTTP: what is stored, and how. */
export class StoreOneMemoryRequest extends StoreMemoryRequest {
  @ApiPropertyOptional({ default: false, description: DEDUPLICATE })
  @IsOptional()
  @IsBoolean()
  deduplicate?: boolean;
}

export class StoreMemoriesRequest {
  @ApiProperty({ type: [StoreMemoryRequest], minItems: 1, maxItems: MAX_BATCH })
  @IsArray()
  memories: NewMemory[];

  @ApiPropertyOptional({ default: false, description: DEDUPLICATE })
  @IsOptional()
  @IsBoolean()
  deduplicate?: boolean;
}

export class ChangeMemoryRequest {
  @ApiPropertyOptional({ minLength: 1, maxLength: MAX_CONTENT, pattern: NOT_BLANK })
  @IsOptional()
  @IsString()
  content?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IsOptional()
  metadata?: Record<string, unknown>;

  @ApiPropertyOptional({ type: MemorySourceView, nullable: true })
  @IsOptional()
  source?: MemorySource | null;

  @ApiPropertyOptional({
    description: 'True takes it out of recall without deleting it, false brings it back.',
  })
  @IsOptional()
  @IsBoolean()
  retracted?: boolean;
}

export class GetMemoryQuery {
  @ApiPropertyOptional({
    pattern: ISO_8601.source,
    description: 'ISO 8601: as it was at this moment.',
    example: AS_OF_EXAMPLE,
  })
  @IsOptional()
  @IsString()
  asOf?: string;
}

export class SearchMemoriesRequest {
  @ApiProperty({
    minLength: 1,
    maxLength: MAX_CONTENT,
    pattern: NOT_BLANK,
    example: 'Where does the user like to sit?',
  })
  @IsString()
  query: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_RESULTS, default: 10 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RESULTS)
  limit?: number;

  @ApiPropertyOptional({ minLength: 1, maxLength: MAX_AGENT_ID, description: 'Only memories of this agent.' })
  @IsOptional()
  @IsString()
  agentId?: string;

  @ApiPropertyOptional({
    type: MemoryFilterView,
    description: 'Only memories that match: see docs/filters.md.',
    example: {
      speaker: 'Ada',
      occurredAt: { gte: '2026-05-01' },
      'metadata.kind': { in: ['preference', 'fact'] },
    },
  })
  @IsOptional()
  filter?: MemoryFilter;

  @ApiPropertyOptional({
    enum: RECALL_MODES,
    default: 'hybrid',
    description: 'By words and vectors, by vectors alone, or by words alone.',
  })
  @IsOptional()
  @IsIn(RECALL_MODES)
  mode?: RecallMode;

  @ApiPropertyOptional({
    pattern: ISO_8601.source,
    description: 'ISO 8601: memories as they were at this moment.',
    example: AS_OF_EXAMPLE,
  })
  @IsOptional()
  @IsString()
  asOf?: string;
}

export class ListMemoriesQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_RESULTS, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RESULTS)
  limit?: number;

  @ApiPropertyOptional({ maxLength: 2_048, description: '`nextCursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  cursor?: string;

  @ApiPropertyOptional({ minLength: 1, maxLength: MAX_AGENT_ID, description: 'Only memories of this agent.' })
  @IsOptional()
  @IsString()
  agentId?: string;

  @ApiPropertyOptional({
    enum: EMBEDDING_STATUSES,
    description: 'Only those that are found by their vectors, wait for them, or were given up.',
  })
  @IsOptional()
  @IsIn(EMBEDDING_STATUSES)
  embeddingStatus?: EmbeddingStatus;
}
