import { ApiPropertyOptional } from '@nestjs/swagger';
import { DocumentSchema, type SchemaKeywords } from '../http/document-schema.js';
import { ISO_8601 } from '../recall/instant.js';
import { MAX_FILTER_VALUES } from './filter-condition.js';
import { MAX_FILTER_TEXT } from './filter-value.js';

const TEXT = { type: 'string', maxLength: MAX_FILTER_TEXT };
const MOMENT = { type: 'string', pattern: ISO_8601.source };
const INTEGER = {
  type: 'integer',
  minimum: Number.MIN_SAFE_INTEGER,
  maximum: Number.MAX_SAFE_INTEGER,
};
const SCALARS = [TEXT, { type: 'number' }, { type: 'boolean' }];

/**
 * A value alone, or operators of which all must hold.
 * @param value what the field equals
 * @param comparable what it can be less or greater than
 */
function condition(value: SchemaKeywords, comparable = value): { oneOf: object[] } {
  const list = { type: 'array', maxItems: MAX_FILTER_VALUES, items: value };
  const properties = {
    ...{ eq: value, ne: value, in: list, nin: list },
    ...{ gt: comparable, gte: comparable, lt: comparable, lte: comparable },
    exists: { type: 'boolean' },
  };
  return { oneOf: [value, { type: 'object', minProperties: 1, additionalProperties: false, properties }] };
}

const METADATA = condition({ oneOf: [...SCALARS, { type: 'null' }] }, { oneOf: SCALARS });
/** Of one or more segments; a dot or a backslash in one is written behind a backslash. */
const METADATA_PATH = String.raw`^metadata(\.([^.\\]|\\[.\\]){1,256}){1,8}$`;

const filters = {
  type: 'array',
  minItems: 1,
  items: { $ref: '#/components/schemas/MemoryFilter' },
} as const;

/** The form of a filter; the limits on its depth and on how many conditions it has are in docs/filters.md. */
@DocumentSchema('MemoryFilter', {
  additionalProperties: false,
  patternProperties: { [METADATA_PATH]: METADATA },
})
export class MemoryFilterView {
  @ApiPropertyOptional({ ...filters, description: 'All of them match.' })
  and?: object[];

  @ApiPropertyOptional({ ...filters, description: 'One of them matches.' })
  or?: object[];

  @ApiPropertyOptional({ oneOf: [filters.items] })
  not?: object;

  @ApiPropertyOptional(condition(TEXT))
  agentId?: unknown;

  @ApiPropertyOptional({ ...condition(TEXT), description: 'Of the source, as the next four.' })
  threadId?: unknown;

  @ApiPropertyOptional(condition(TEXT))
  speaker?: unknown;

  @ApiPropertyOptional(condition(TEXT))
  role?: unknown;

  @ApiPropertyOptional(condition(INTEGER))
  seq?: unknown;

  @ApiPropertyOptional(condition(MOMENT))
  occurredAt?: unknown;

  @ApiPropertyOptional(condition(MOMENT))
  createdAt?: unknown;

  @ApiPropertyOptional(condition(MOMENT))
  updatedAt?: unknown;
}
