import { ApiSchema } from '@nestjs/swagger';

/** Keywords of JSON Schema, such as `additionalProperties`, `if` and `then`. */
export type SchemaKeywords = Readonly<Record<string, unknown>>;

/** Names the schema of a class in the OpenAPI document, and adds keywords that Nest's decorators have no words for. */
export function DocumentSchema(name: string, keywords: SchemaKeywords): ClassDecorator {
  return ApiSchema({ name, ...keywords });
}

/** Says of a schema that what it describes has fields beside those that it names. */
export const FURTHER_FIELDS = { additionalProperties: true } as const satisfies SchemaKeywords;

/** A text that is more than white space, as `trim` sees it. */
export const NOT_BLANK = String.raw`\S`;
