import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, IsObject, IsOptional, IsString, Max, Min } from 'class-validator';
import type { Task } from '../working-context/working-context.js';
import type { CompileRequest } from './context-manager.js';

export class CompileContextRequest implements CompileRequest {
  @ApiProperty({ example: 'trip-to-lisbon' })
  @IsString()
  threadId: string;

  @ApiProperty({ example: 'You are a travel agent.' })
  @IsString()
  systemPrompt: string;

  @ApiProperty({
    type: 'object',
    required: ['description'],
    properties: { description: { type: 'string', example: 'Book the flight.' } },
    additionalProperties: true,
    description: 'What the model is to do now. Its description is also what memories are searched by.',
  })
  @IsObject()
  task: Task;

  @ApiPropertyOptional({ example: 'reasoning', description: 'One of `GET /v1/context/budgets`.' })
  @IsOptional()
  @IsString()
  modelTier?: string;

  @ApiPropertyOptional({ description: 'Only memories of this agent.' })
  @IsOptional()
  @IsString()
  agentId?: string;

  @ApiPropertyOptional({ type: 'integer', minimum: 0, maximum: 1_000, default: 10 })
  @IsOptional()
  @IsInt()
  @Min(0)
  @Max(1_000)
  memoryLimit?: number;

  @ApiPropertyOptional({ description: 'What a section leaves unused goes to the next that needs it.' })
  @IsOptional()
  @IsBoolean()
  spillOver?: boolean;

  @ApiPropertyOptional({ enum: ['openai'], default: 'openai', description: 'The form of the messages.' })
  @IsOptional()
  @IsIn(['openai'])
  format?: 'openai';
}
