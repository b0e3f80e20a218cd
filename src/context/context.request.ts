import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsObject, IsOptional, IsString, Max, Min } from 'class-validator';
import { NOT_BLANK } from '../http/document-schema.js';
import type { MemoryFilter } from '../memory/memory-filter.js';
import { MemoryFilterView } from '../memory/memory-filter.view.js';
import { MAX_AGENT_ID } from '../memory/memory-input.js';
import { THREAD_ID } from '../session/session.view.js';
import { PROMPT_FORMATS, type PromptFormat } from '../working-context/prompt-format.js';
import { SECTIONS, type BudgetChange } from '../working-context/token-budget.js';
import { OVERFLOWS, type Overflow, type Task } from '../working-context/working-context.js';
import { MAX_MEMORIES, MAX_MODEL, MAX_PROMPT, MAX_TIER, type CompileRequest } from './compile-request.js';
import { SEARCH_SCOPES, type SearchScope } from './context-search.js';

export class CompileContextRequest implements CompileRequest {
  @ApiProperty({ ...THREAD_ID, example: 'trip-to-lisbon' })
  @IsString()
  threadId: string;

  @ApiProperty({ maxLength: MAX_PROMPT, example: 'You are a travel agent.' })
  @IsString()
  systemPrompt: string;

  @ApiProperty({
    type: 'object',
    required: ['description'],
    selfRequired: true,
    properties: {
      description: {
        ...{ type: 'string', minLength: 1, maxLength: MAX_PROMPT, pattern: NOT_BLANK },
        example: 'Book the flight.',
      },
    },
    additionalProperties: true,
    description: 'What the model is to do now. Its description is also what memories are searched by.',
  })
  @IsObject()
  task: Task;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: MAX_TIER,
    example: 'reasoning',
    description: 'One of `GET /v1/context/budgets`.',
  })
  @IsOptional()
  @IsString()
  modelTier?: string;

  @ApiPropertyOptional({ minLength: 1, maxLength: MAX_AGENT_ID, description: 'Only memories of this agent.' })
  @IsOptional()
  @IsString()
  agentId?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: MAX_MEMORIES, default: 10 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(MAX_MEMORIES)
  memoryLimit?: number;

  @ApiPropertyOptional({ description: 'What a section leaves unused goes to the next that needs it.' })
  @IsOptional()
  @IsBoolean()
  spillOver?: boolean;

  @ApiPropertyOptional({
    minLength: 1,
    maxLength: MAX_MODEL,
    example: 'gpt-4o',
    description: 'The model whose tokens are counted. Without a public tokenizer a safety factor is applied.',
  })
  @IsOptional()
  @IsString()
  model?: string;

  @ApiPropertyOptional({
    type: 'object',
    properties: {
      total: { type: 'integer', minimum: 1, description: 'Not more than the largest tier has.' },
      shares: {
        type: 'object',
        required: [...SECTIONS],
        properties: Object.fromEntries(
          SECTIONS.map((section) => [section, { type: 'number', minimum: 0, maximum: 1 }]),
        ),
        additionalProperties: false,
        description: 'They add up to 1.',
      },
    },
    additionalProperties: false,
    description: 'Another size or other shares than the tier’s, for this request.',
  })
  @IsOptional()
  @IsObject()
  budget?: BudgetChange;

  @ApiPropertyOptional({
    type: MemoryFilterView,
    description: 'Only memories that match: see docs/filters.md.',
  })
  @IsOptional()
  filter?: MemoryFilter;

  @ApiPropertyOptional({
    enum: SEARCH_SCOPES,
    default: 'memories',
    description: 'Memories, messages of the thread that fell out of its history, or both.',
  })
  @IsOptional()
  @IsIn(SEARCH_SCOPES)
  recallScope?: SearchScope;

  @ApiPropertyOptional({
    enum: OVERFLOWS,
    default: 'truncate',
    description: 'What becomes of a system prompt or a task that is more than its share.',
  })
  @IsOptional()
  @IsIn(OVERFLOWS)
  overflow?: Overflow;

  @ApiPropertyOptional({
    enum: PROMPT_FORMATS,
    description: 'Adds `prompt`: the context as messages of this form, ready to send.',
  })
  @IsOptional()
  @IsIn(PROMPT_FORMATS)
  format?: PromptFormat;
}
