import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsArray, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import type { MemorySource } from './memory-entry.entity.js';
import { MAX_AGENT_ID, MAX_BATCH, MAX_CONTENT, type NewMemory } from './memory-input.js';
import { MAX_RESULTS } from './long-term-memory.js';
import { MemorySourceView } from './memory.view.js';

export class StoreMemoryRequest implements NewMemory {
  @ApiProperty({ minLength: 1, maxLength: MAX_AGENT_ID, example: 'travel-agent' })
  @IsString()
  agentId: string;

  @ApiProperty({ minLength: 1, maxLength: MAX_CONTENT, example: 'The user prefers window seats.' })
  @IsString()
  content: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IsOptional()
  metadata?: Record<string, unknown>;

  @ApiPropertyOptional({ type: MemorySourceView, nullable: true })
  @IsOptional()
  source?: MemorySource | null;
}

export class StoreMemoriesRequest {
  @ApiProperty({ type: [StoreMemoryRequest], minItems: 1, maxItems: MAX_BATCH })
  @IsArray()
  memories: NewMemory[];
}

export class ChangeMemoryRequest {
  @ApiPropertyOptional({ minLength: 1, maxLength: MAX_CONTENT })
  @IsOptional()
  @IsString()
  content?: string;

  @ApiPropertyOptional({ type: 'object', additionalProperties: true })
  @IsOptional()
  metadata?: Record<string, unknown>;

  @ApiPropertyOptional({ type: MemorySourceView, nullable: true })
  @IsOptional()
  source?: MemorySource | null;
}

export class SearchMemoriesRequest {
  @ApiProperty({ minLength: 1, maxLength: MAX_CONTENT, example: 'Where does the user like to sit?' })
  @IsString()
  query: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_RESULTS, default: 10 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RESULTS)
  limit?: number;

  @ApiPropertyOptional({ description: 'Only memories of this agent.' })
  @IsOptional()
  @IsString()
  agentId?: string;
}

export class ListMemoriesQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_RESULTS, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_RESULTS)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  cursor?: string;

  @ApiPropertyOptional({ description: 'Only memories of this agent.' })
  @IsOptional()
  @IsString()
  agentId?: string;
}
