import { ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { IsArray, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { MAX_MESSAGES } from './message-validation.js';
import type { Message } from './message.js';
import { MAX_PAGE } from './session-store.js';
import { NewMessageView } from './new-message.view.js';

/** An integer column ends there. */
const MAX_SEQ = 2_147_483_647;

export class AppendMessagesRequest {
  @ApiProperty({
    type: 'array',
    items: { $ref: getSchemaPath(NewMessageView) },
    minItems: 1,
    maxItems: MAX_MESSAGES,
  })
  @IsArray()
  messages: Message[];
}

export class ReadMessagesQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_PAGE, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  @ApiPropertyOptional({
    type: 'integer',
    minimum: 1,
    maximum: MAX_SEQ,
    description: 'Only messages with a smaller `seq`.',
  })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_SEQ)
  before?: number;
}

export class ListSessionsQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_PAGE, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  @ApiPropertyOptional({ maxLength: 2_048, description: '`nextCursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  cursor?: string;
}
