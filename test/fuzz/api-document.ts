import type { ErrorObject, ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import ajvFormats from 'ajv-formats';

/** A JSON Schema of 2020-12, as OpenAPI 3.1 uses it. */
export interface Schema {
  $ref?: string;
  type?: string | readonly string[];
  enum?: readonly unknown[];
  const?: unknown;
  anyOf?: readonly Schema[];
  oneOf?: readonly Schema[];
  allOf?: readonly Schema[];
  properties?: Readonly<Record<string, Schema>>;
  patternProperties?: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  additionalProperties?: boolean | Schema;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  minimum?: number;
  maximum?: number;
  pattern?: string;
  format?: string;
  default?: unknown;
}

interface MediaTypes {
  readonly [type: string]: { readonly schema: Schema };
}
export interface Parameter {
  readonly name: string;
  readonly in: 'path' | 'query' | 'header';
  readonly required?: boolean;
  readonly schema: Schema;
}
export interface Response {
  readonly content?: MediaTypes;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: Schema }>>;
}
export interface Operation {
  /** Such as `POST /v1/memories`. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly Parameter[];
  readonly body?: { readonly required: boolean; readonly schema: Schema };
  readonly responses: Readonly<Record<string, Response>>;
  /** The scopes of which a credential needs one; undefined where none is asked for. */
  readonly scope?: string;
}

interface OpenApi {
  paths: Record<string, Record<string, RawOperation>>;
  components: { schemas: Record<string, Schema> };
}
interface RawOperation {
  parameters?: Parameter[];
  requestBody?: { required?: boolean; content: MediaTypes };
  responses: Record<string, Response>;
  security?: Record<string, string[]>[];
}

/** What OpenAPI adds to JSON Schema, and what says nothing of a value. */
const ANNOTATIONS = ['example', 'discriminator', 'xml', 'externalDocs'];

/** The OpenAPI document of a running service: its operations, and validators of what they take and answer. */
export class ApiDocument {
  readonly operations: readonly Operation[];
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly #closed: Readonly<Record<string, Schema>>;
  readonly #validators = new Map<string, ValidateFunction>();
  // Unions such as ["string", "null"] are how 3.1 says nullable. Lengths are in UTF-16 units, as docs/http.md says.
  readonly #ajv = new Ajv2020({
    strict: true,
    allowUnionTypes: true,
    strictRequired: false,
    strictTypes: false,
    allErrors: true,
    unicode: false,
    logger: false,
  });

  constructor(document: unknown) {
    const { paths, components } = document as OpenApi;
    this.schemas = components.schemas;
    this.#closed = closed(this.schemas) as Record<string, Schema>;
    ajvFormats.default(this.#ajv);
    for (const keyword of ANNOTATIONS) this.#ajv.addKeyword(keyword);
    this.operations = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, raw]) => operationOf(path, method.toUpperCase(), raw)),
    );
  }

  /** What is wrong with a value that a request carries, as `/content must be string`; nothing when it is right. */
  faultsOfRequest(schema: Schema, value: unknown): string[] {
    return this.#faults('request', schema, this.schemas, value);
  }

  /** The same of an answer, in which an object has the members that are documented and no others. */
  faultsOfAnswer(schema: Schema, value: unknown): string[] {
    return this.#faults('answer', closed(schema) as Schema, this.#closed, value);
  }

  #faults(kind: string, schema: Schema, schemas: Readonly<Record<string, Schema>>, value: unknown): string[] {
    const text = JSON.stringify(schema);
    let validate = this.#validators.get(kind + text);
    if (!validate) {
      const whole = { ...schema, components: undefined, $defs: schemas };
      delete whole.components;
      validate = this.#ajv.compile(
        JSON.parse(JSON.stringify(whole).replaceAll('#/components/schemas/', '#/$defs/')) as object,
      );
      this.#validators.set(kind + text, validate);
    }
    return validate(value) ? [] : (validate.errors ?? []).map(describeError);
  }
}

function describeError({ instancePath, message = '', params }: ErrorObject): string {
  const { additionalProperty } = params as { additionalProperty?: string };
  return `${instancePath} ${message}${additionalProperty === undefined ? '' : ` (${additionalProperty})`}`;
}

function operationOf(path: string, method: string, raw: RawOperation): Operation {
  const { parameters = [], requestBody, responses, security } = raw;
  const body = requestBody && { required: !!requestBody.required, schema: schemaOfJson(requestBody.content) };
  const [scope] = security?.flatMap((needed) => Object.values(needed).flat()) ?? [];
  return {
    name: `${method} ${path}`,
    ...{ method, path, parameters, responses },
    ...(body && { body }),
    ...(scope !== undefined && { scope }),
  };
}

function schemaOfJson(content: MediaTypes): Schema {
  const json = content['application/json'];
  if (!json) throw new Error(`No JSON among the media types ${Object.keys(content).join()}`);
  return json.schema;
}

/** Forbids the members that a schema does not name, unless it says itself whether there may be others. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === 'example' ? value : closed(value)]),
  );
  const says = 'additionalProperties' in copy || 'allOf' in copy || !('type' in copy);
  return says || copy['type'] !== 'object' ? copy : { ...copy, additionalProperties: false };
}
