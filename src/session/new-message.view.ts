import { ApiPropertyOptional } from '@nestjs/swagger';
import { DocumentSchema, FURTHER_FIELDS } from '../http/document-schema.js';
import { MAX_MESSAGE_ID } from './message-validation.js';
import { MessageView } from './session.view.js';

const isOfType = (type: string): object => ({ properties: { type: { const: type } }, required: ['type'] });
const isOfRole = (role: string): object => ({ properties: { role: { const: role } }, required: ['role'] });
const NON_EMPTY = { type: 'string', minLength: 1 } as const;
const ID = { ...NON_EMPTY, maxLength: MAX_MESSAGE_ID } as const;

/** What `validateMessages` asks of a message beyond the types of its fields. */
@DocumentSchema('NewMessage', {
  ...FURTHER_FIELDS,
  allOf: [
    {
      description: 'A tool message names its call.',
      if: isOfRole('tool'),
      then: { required: ['tool_call_id'] },
    },
    {
      description: 'Only an assistant may have said nothing.',
      if: isOfRole('assistant'),
      else: { required: ['content'], properties: { content: { type: ['string', 'array'] } } },
    },
    {
      description: 'Fields that the service sets.',
      not: { anyOf: ['seq', 'tokens', 'createdAt'].map((field) => ({ required: [field] })) },
    },
  ],
})
export class NewMessageView extends MessageView {
  @ApiPropertyOptional({ ...ID, description: 'Your own id, once in the thread; a UUIDv7 otherwise.' })
  id?: string;

  @ApiPropertyOptional(NON_EMPTY)
  declare name?: string;

  @ApiPropertyOptional({ ...ID, description: 'Required of a message with the role `tool`.' })
  declare tool_call_id?: string;

  @ApiPropertyOptional({
    nullable: true,
    oneOf: [
      { type: 'string' },
      {
        type: 'array',
        items: {
          type: 'object',
          required: ['type'],
          properties: { type: { type: 'string' } },
          additionalProperties: true,
          ...{
            if: isOfType('text'),
            then: { properties: { text: { type: 'string' } }, required: ['text'] },
          },
        },
      },
    ],
    description: 'Text, or parts such as `{type:"text", text}` and `{type:"image_url", image_url:{url}}`.',
    example: 'I prefer window seats.',
  })
  declare content?: unknown;

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
          required: ['arguments'],
          properties: {
            name: { type: 'string' },
            arguments: { type: 'string', description: 'JSON text.' },
          },
          additionalProperties: true,
        },
      },
      additionalProperties: true,
      ...{
        if: isOfType('function'),
        then: { required: ['function'], properties: { function: { required: ['name'] } } },
      },
    },
  })
  declare tool_calls?: unknown[];
}
