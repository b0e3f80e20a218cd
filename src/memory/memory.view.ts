import { ApiProperty, ApiPropertyOptional, ApiSchema } from '@nestjs/swagger';

@ApiSchema({ name: 'MemorySource' })
export class MemorySourceView {
  @ApiPropertyOptional()
  threadId?: string;

  @ApiPropertyOptional({ minimum: 0 })
  seq?: number;

  @ApiPropertyOptional()
  speaker?: string;

  @ApiPropertyOptional()
  role?: string;

  @ApiPropertyOptional({ description: 'ISO 8601: when it was said.', example: '2026-05-08T13:56:00Z' })
  occurredAt?: string;
}

@ApiSchema({ name: 'MemoryEntry' })
export class MemoryEntryView {
  @ApiProperty({ format: 'uuid' })
  memoryId: string;

  @ApiProperty()
  tenantId: string;

  @ApiProperty()
  agentId: string;

  @ApiProperty()
  content: string;

  @ApiProperty({ type: 'object', additionalProperties: true })
  metadata: Record<string, unknown>;

  @ApiProperty({ type: MemorySourceView, nullable: true })
  source: MemorySourceView | null;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt: string;
}

@ApiSchema({ name: 'MemoryBatch' })
export class MemoryBatchView {
  @ApiProperty({ type: [MemoryEntryView] })
  memories: MemoryEntryView[];
}

@ApiSchema({ name: 'MemoryPage' })
export class MemoryPageView extends MemoryBatchView {
  @ApiProperty({ type: 'string', nullable: true, description: 'Pass as `cursor` for the next page.' })
  nextCursor: string | null;
}

@ApiSchema({ name: 'ScoredMemory' })
export class ScoredMemoryView {
  @ApiProperty({ type: MemoryEntryView })
  memory: MemoryEntryView;

  @ApiProperty({ description: 'Cosine similarity, from -1 to 1; higher is nearer.' })
  score: number;
}

@ApiSchema({ name: 'Degradation' })
export class DegradationView {
  @ApiProperty({ example: 'embeddings_unavailable' })
  code: string;

  @ApiProperty()
  detail: string;
}

@ApiSchema({ name: 'SearchResult' })
export class SearchResultView {
  @ApiProperty({ type: [ScoredMemoryView], description: 'Nearest first.' })
  results: ScoredMemoryView[];

  @ApiProperty({ type: [DegradationView], description: 'What could not be used for this answer.' })
  degraded: DegradationView[];
}
