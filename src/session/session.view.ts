import { ApiProperty, ApiPropertyOptional, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import { DocumentSchema, FURTHER_FIELDS } from '../http/document-schema.js';
import { MESSAGE_ROLES } from './message.js';
import { MAX_THREAD_ID } from './thread-id.js';

/** A thread's id, as a field or a parameter. */
export const THREAD_ID = {
  type: 'string' as const,
  minLength: 1,
  maxLength: MAX_THREAD_ID,
  not: { enum: ['.', '..'] },
};

/** An OpenAI chat-completions message. Fields that are not named here are kept and answered unchanged. */
@DocumentSchema('Message', FURTHER_FIELDS)
export class MessageView {
  @ApiProperty({ enum: MESSAGE_ROLES })
  role: string;

  @ApiPropertyOptional({
    nullable: true,
    oneOf: [{ type: 'string' }, { type: 'array', items: { type: 'object', additionalProperties: true } }],
    description: 'Text, or parts such as `{type:"text", text}` and `{type:"image_url", image_url:{url}}`.',
    example: 'I prefer window seats.',
  })
  content?: unknown;

  @ApiPropertyOptional()
  name?: string;

  @ApiPropertyOptional({
    type: 'array',
    items: {
      type: 'object',
      required: ['id', 'type'],
      properties: {
        id: { type: 'string' },
        type: { type: 'string' },
        function: {
          type: 'object',
          properties: { name: { type: 'string' }, arguments: { type: 'string' } },
          additionalProperties: true,
        },
      },
      additionalProperties: true,
    },
  })
  tool_calls?: unknown[];

  @ApiPropertyOptional({ description: 'Required of a message with the role `tool`.' })
  tool_call_id?: string;
}

@DocumentSchema('StoredMessage', FURTHER_FIELDS)
export class StoredMessageView extends MessageView {
  @ApiProperty({ description: "The caller's id, or a UUIDv7." })
  id: string;

  @ApiProperty({ type: 'integer', description: 'Place in the thread: 1, 2, 3 …', minimum: 1 })
  seq: number;

  @ApiProperty({ type: 'integer', description: 'Tokens of the message, its overhead included.', minimum: 0 })
  tokens: number;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;
}

@ApiSchema({ name: 'AppendedMessages' })
export class AppendedView {
  @ApiProperty()
  threadId: string;

  @ApiProperty({
    type: 'integer',
    minimum: 1,
    description: 'Grows by one with each change of the thread.',
  })
  version: number;

  @ApiProperty({ type: 'array', items: { $ref: getSchemaPath(StoredMessageView) } })
  messages: StoredMessageView[];
}

@ApiSchema({ name: 'ThreadPage' })
export class ThreadPageView extends AppendedView {
  @ApiProperty({ type: 'integer', nullable: true, description: 'Pass as `before` for older messages.' })
  nextBefore: number | null;
}

@ApiSchema({ name: 'SessionSummary' })
export class SessionSummaryView {
  @ApiProperty()
  threadId: string;

  @ApiProperty({ type: 'integer', minimum: 1 })
  version: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  messageCount: number;

  @ApiProperty({ format: 'date-time' })
  createdAt: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt: string;
}

@ApiSchema({ name: 'SessionPage' })
export class SessionPageView {
  @ApiProperty({ type: [SessionSummaryView] })
  sessions: SessionSummaryView[];

  @ApiProperty({ type: 'string', nullable: true, description: 'Pass as `cursor` for the next page.' })
  nextCursor: string | null;
}
