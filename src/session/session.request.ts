import { ApiProperty, ApiPropertyOptional, getSchemaPath } from '@nestjs/swagger';
import { IsArray, IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { MAX_MESSAGES } from './message-validation.js';
import type { Message } from './message.js';
import { MAX_PAGE } from './session-store.js';
import { MessageView } from './session.view.js';

export class AppendMessagesRequest {
  @ApiProperty({
    type: 'array',
    items: {
      allOf: [{ $ref: getSchemaPath(MessageView) }],
      properties: { id: { type: 'string', description: 'Your own id; a UUIDv7 otherwise.' } },
    },
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

  @ApiPropertyOptional({ type: 'integer', minimum: 1, description: 'Only messages with a smaller `seq`.' })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(2_147_483_647)
  before?: number;
}

export class ListSessionsQuery {
  @ApiPropertyOptional({ type: 'integer', minimum: 1, maximum: MAX_PAGE, default: 50 })
  @IsOptional()
  @IsInt()
  @Min(1)
  @Max(MAX_PAGE)
  limit?: number;

  @ApiPropertyOptional({ description: '`nextCursor` of the page before.' })
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  cursor?: string;
}
