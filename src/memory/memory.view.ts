import { ApiProperty, ApiPropertyOptional, ApiSchema, PickType } from '@nestjs/swagger';
import { EMBEDDING_STATUSES, type EmbeddingStatus } from './memory-entry.entity.js';
import { ISO_8601 } from '../recall/instant.js';
import { MAX_LABEL } from './memory-input.js';

const LABEL = { minLength: 1, maxLength: MAX_LABEL };

@ApiSchema({ name: 'MemorySource' })
export class MemorySourceView {
  @ApiPropertyOptional(LABEL)
  threadId?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: Number.MAX_SAFE_INTEGER })
  seq?: number;

  @ApiPropertyOptional(LABEL)
  speaker?: string;

  @ApiPropertyOptional(LABEL)
  role?: string;

  @ApiPropertyOptional({
    pattern: ISO_8601.source,
    description: 'ISO 8601: when it was said.',
    example: '2026-05-08T13:56:00Z',
  })
  occurredAt?: string;
}

@ApiSchema({ name: 'EmbeddingFailure' })
export class EmbeddingFailureView {
  @ApiProperty({ description: 'What the embedding provider said; never the text.' })
  reason: string;

  @ApiProperty({ minimum: 1, description: 'How often it failed; a provider that is away does not count.' })
  attempts: number;

  @ApiProperty({ format: 'date-time' })
  at: string;
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

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: '1 when it was stored, and 1 more with each change.',
  })
  revision: number;

  @ApiProperty({ type: 'string', nullable: true, description: 'Who stored this revision.' })
  storedBy: string | null;

  @ApiProperty({ type: 'integer', minimum: 1, description: 'How often it was said, if copies were folded.' })
  copies: number;

  @ApiProperty({
    type: 'string',
    format: 'date-time',
    nullable: true,
    description: 'Since when it is out of recall.',
  })
  retractedAt: string | null;

  @ApiProperty({
    enum: EMBEDDING_STATUSES,
    description:
      'Whether it is found by its vectors as well as by its words: not yet, or given up until retried.',
  })
  embeddingStatus: EmbeddingStatus;

  @ApiPropertyOptional({
    type: EmbeddingFailureView,
    description: 'Of one memory or a list: why it is not ready, once something failed.',
  })
  embeddingFailure?: EmbeddingFailureView;
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
