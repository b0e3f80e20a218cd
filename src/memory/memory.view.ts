import { ApiProperty, ApiPropertyOptional, ApiSchema, PickType } from '@nestjs/swagger';

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

  @ApiProperty({ minimum: 1, description: '1 when it was stored, and 1 more with each change.' })
  revision: number;

  @ApiProperty({ type: 'string', nullable: true, description: 'Who stored this revision.' })
  storedBy: string | null;

  @ApiProperty({ minimum: 1, description: 'How often it was said, if copies were folded.' })
  copies: number;

  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Since when it is out of recall.',
  })
  retractedAt: string | null;
}

@ApiSchema({ name: 'MemoryRevision' })
export class MemoryRevisionView extends PickType(MemoryEntryView, [
  'memoryId',
  'agentId',
  'content',
  'metadata',
  'source',
  'revision',
  'storedBy',
] as const) {
  @ApiProperty({ description: 'Whether it was out of recall.' })
  retracted: boolean;

  @ApiProperty({ format: 'date-time' })
  validFrom: string;

  @ApiProperty({ type: 'string', format: 'date-time', nullable: true, description: 'Null: valid now.' })
  validTo: string | null;
}

@ApiSchema({ name: 'MemoryHistory' })
export class MemoryHistoryView {
  @ApiProperty({ type: [MemoryRevisionView], description: 'Newest first.' })
  revisions: MemoryRevisionView[];
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

@ApiSchema({ name: 'ChannelScores' })
export class ChannelScoresView {
  @ApiProperty({ type: 'number', nullable: true, minimum: 0, description: 'BM25 of the best chunk.' })
  lexical: number | null;

  @ApiProperty({
    type: 'number',
    nullable: true,
    description: 'Cosine similarity of the nearest chunk, -1 to 1.',
  })
  semantic: number | null;
}

@ApiSchema({ name: 'ScoredMemory' })
export class ScoredMemoryView {
  @ApiProperty({ type: MemoryEntryView })
  memory: MemoryEntryView;

  @ApiProperty({ minimum: 0, description: 'Higher is better; comparable within one answer alone.' })
  score: number;

  @ApiProperty({ type: ChannelScoresView })
  scores: ChannelScoresView;
}

@ApiSchema({ name: 'Degradation' })
export class DegradationView {
  @ApiProperty({ example: 'embeddings_unavailable' })
  code: string;

  @ApiProperty()
  detail: string;
}
