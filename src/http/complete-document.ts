import type { OpenAPIObject } from '@nestjs/swagger';
import { PROBLEM_CONTENT } from './problem.view.js';

interface Header {
  readonly description: string;
  readonly required: boolean;
  readonly schema: object;
}
interface Schema {
  type?: string;
  $ref?: string;
  additionalProperties?: unknown;
}
interface Response {
  readonly content?: object;
  headers?: Record<string, Header>;
}
interface Operation {
  readonly parameters?: readonly { readonly name: string }[];
  readonly requestBody?: object;
  readonly responses: Record<string, Response>;
}

const seconds = (required: boolean): Header => ({
  description: 'Seconds after which to try again.',
  required,
  schema: { type: 'integer', minimum: 0 },
});
const REQUEST_ID: Header = {
  description: 'Stands in the log beside each failure of the service.',
  required: true,
  schema: { type: 'string', format: 'uuid' },
};
/** Headers of the answers of one status. */
const HEADERS: Readonly<Record<string, Readonly<Record<string, Header>>>> = {
  401: {
    'WWW-Authenticate': { description: 'The scheme.', required: true, schema: { type: 'string' } },
  },
  409: { 'Retry-After': seconds(false) },
  429: { 'Retry-After': seconds(true) },
  503: { 'Retry-After': seconds(true) },
};
const REPLAYED: Header = {
  description: 'Stands where an answer is given again.',
  required: false,
  schema: { type: 'string', enum: ['true'] },
};

/** Mostly refused before there is a request, so it may have no id. */
const HEAD_TOO_LARGE = {
  description: 'The headers, or the path, are larger than the service takes.',
  content: PROBLEM_CONTENT,
};

/**
 * Says what holds of every route and no decorator says: a request has the fields that are named and no others, unless
 * its schema says otherwise (`RequestPipe` refuses them), and which headers an answer carries.
 */
export function completeDocument(document: OpenAPIObject): OpenAPIObject {
  const schemas = (document.components?.schemas ?? {}) as Record<string, Schema>;
  const closed = new Set<string>();
  for (const [path, methods] of Object.entries(document.paths))
    for (const operation of Object.values(methods) as Operation[]) {
      if (operation.requestBody) close(operation.requestBody, schemas, closed);
      operation.responses['431'] ??= { ...HEAD_TOO_LARGE };
      describeHeaders(operation, path.startsWith('/v1/'));
    }
  return document;
}

function close(part: unknown, schemas: Record<string, Schema>, closed: Set<string>): void {
  if (typeof part !== 'object' || part === null) return;
  const { $ref } = part as Schema;
  const name = $ref?.split('/').at(-1);
  if (name !== undefined && !closed.has(name)) {
    closed.add(name);
    const schema = schemas[name];
    if (schema?.type === 'object') schema.additionalProperties ??= false;
    close(schema, schemas, closed);
  }
  for (const inner of Object.values(part)) close(inner, schemas, closed);
}

function describeHeaders({ parameters = [], responses }: Operation, isTenants: boolean): void {
  const isIdempotent = parameters.some(({ name }) => name === 'Idempotency-Key');
  for (const [status, response] of Object.entries(responses))
    response.headers = {
      'x-request-id': { ...REQUEST_ID, required: status !== '431' },
      ...(isTenants && HEADERS[status]),
      ...(isIdempotent && status.startsWith('2') && { 'Idempotency-Replayed': REPLAYED }),
      ...response.headers,
    };
}
