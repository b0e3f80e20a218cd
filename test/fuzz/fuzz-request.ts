import fc from 'fast-check';
import type { ApiDocument, Operation, Parameter } from './api-document.js';
import type { Credentials } from './credentials.js';
import { knownValue, type KnownValues } from './known-values.js';
import { MUTATIONS, mutationDraw, type Mutation, type MutationDraw } from './mutations.js';
import type { SchemaValues } from './schema-values.js';

/** A request as it was drawn, before values of former answers are put into it. */
export interface Draft {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly body: unknown;
  readonly tenant: number;
  readonly accept: string | undefined;
  readonly mutation: Mutation | undefined;
  readonly draw: MutationDraw;
}

/** A request in its parts, which a mutation may change. */
export interface Parts {
  readonly operation: Operation;
  /** Of the parameters of the path; percent-encoded when the request is written. */
  readonly path: Record<string, string>;
  /** In the place of the whole path, as it stands. */
  rawPath?: string;
  readonly query: [string, string][];
  readonly headers: Record<string, string | string[]>;
  body?: unknown;
  /** In the place of `body`, as it stands. */
  text?: string | undefined;
}

/**
 * What must become of a request, whatever the schemas say: `refused` for what docs/http.md refuses in prose,
 * `either` where HTTP leaves it open.
 */
export type Verdict = 'by the document' | 'refused' | 'either';

/** Requests of every operation alike, two in three of them as the document asks for, the others with one thing wrong. */
export function drafts(operations: readonly Operation[], values: SchemaValues): fc.Arbitrary<Draft> {
  // Without the bias towards edges of fast-check, under which a first or last choice is made most of the time.
  return fc.noBias(fc.oneof(...operations.map((operation) => draftOf(operation, values))));
}

function draftOf(operation: Operation, values: SchemaValues): fc.Arbitrary<Draft> {
  const { body } = operation;
  return fc.record({
    operation: fc.constant(operation),
    parameters: parametersOf(operation.parameters, values),
    body: body ? values.of(body.schema) : fc.constant(undefined),
    // Mostly one, so that ids of former answers are found.
    tenant: fc.constantFrom(0, 0, 0, 0, 0, 0, 1),
    accept: fc.constantFrom(undefined, undefined, 'application/json', 'text/plain', '*/*'),
    mutation: fc.oneof(
      { arbitrary: fc.constant(undefined), weight: 2 },
      { arbitrary: fc.constantFrom(...MUTATIONS), weight: 1 },
    ),
    draw: mutationDraw,
  });
}

function parametersOf(
  parameters: readonly Parameter[],
  values: SchemaValues,
): fc.Arbitrary<Record<string, unknown>> {
  const members = parameters.map(({ name, in: place, required, schema }): [string, fc.Arbitrary<unknown>] => {
    // A credential is not drawn, and a condition that fails hides the rest of a route.
    if (name === 'X-Tenant-Id') return [name, fc.constant(undefined)];
    if (name === 'If-Match' || name === 'Idempotency-Key') return [name, rarely(name)];
    const value = values.of(schema, name);
    if (required) return [name, value];
    return [name, fc.option(value, { nil: undefined, freq: place === 'header' ? 1 : 2 })];
  });
  return fc.record(Object.fromEntries(members));
}

/** Headers that mostly end in a conflict, when their values were used before. */
function rarely(name: string): fc.Arbitrary<unknown> {
  const known = knownValue(name) ?? fc.constant(undefined);
  const fresh = name === 'Idempotency-Key' ? fc.stringMatching(/^[\x21-\x7e]{1,40}$/) : known;
  return fc.oneof(
    { arbitrary: fc.constant(undefined), weight: 6 },
    { arbitrary: known, weight: 1 },
    { arbitrary: fresh, weight: 1 },
  );
}

/** Puts what is known into a draft, and changes what its mutation changes. */
export function resolve(
  { operation, parameters, body, tenant, accept, mutation, draw }: Draft,
  known: KnownValues,
  credentials: Credentials,
): { parts: Parts; verdict: Verdict } {
  const given = (place: Parameter['in']): [string, string][] =>
    operation.parameters
      .filter(({ in: where }) => where === place)
      .map(({ name }) => [name, known.resolve(parameters[name], operation.name)] as const)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]): [string, string] => [name, textOf(value)]);
  const parts: Parts = {
    operation,
    path: Object.fromEntries(given('path')),
    query: given('query'),
    headers: {
      ...Object.fromEntries(given('header')),
      ...(operation.scope !== undefined && { authorization: `Bearer ${credentials.full[tenant] ?? ''}` }),
      ...(accept !== undefined && { accept }),
      ...(operation.body && { 'content-type': 'application/json' }),
    },
    ...(operation.body && { body: known.resolve(body, operation.name) }),
  };
  return { parts, verdict: mutation?.apply(parts, draw, credentials) ?? 'by the document' };
}

const textOf = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));

/** Its target as it stands in the request line. */
export function targetOf({ operation, path, rawPath, query }: Parts): string {
  const filled = operation.path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(path[name] ?? ''),
  );
  const search = query.map((pair) => pair.map(encodeURIComponent).join('=')).join('&');
  return (rawPath ?? filled) + (search && `?${search}`);
}

/** What is wrong with it by the document; nothing when it is as the document asks for. */
export function faultsOf(document: ApiDocument, parts: Parts): string[] {
  const { operation, path, query, headers, body, text } = parts;
  const faults = operation.parameters.flatMap(({ name, in: place, required, schema }) => {
    const [, header] =
      Object.entries(headers).find(([key]) => key.toLowerCase() === name.toLowerCase()) ?? [];
    const found = {
      path: [path[name]],
      query: query.filter(([key]) => key === name).map(([, value]) => value),
      header: [header].flat(),
    }[place].filter((value) => value !== undefined);
    if (found.length > 1) return [`${name} stands ${found.length} times`];
    const [value] = found;
    if (value === undefined) return required ? [`${name} is missing`] : [];
    const typed = isNumeric(schema.type) && /^-?\d+(\.\d+)?$/.test(value) ? Number(value) : value;
    return document.faultsOfRequest(schema, typed).map((fault) => `${name}: ${fault}`);
  });
  if (!operation.body) return faults;
  if (text === undefined && body === undefined) return [...faults, 'the body is missing'];
  const sent = text === undefined ? body : parsed(text);
  return [...faults, ...document.faultsOfRequest(operation.body.schema, sent).map((fault) => `body${fault}`)];
}

const isNumeric = (type: unknown): boolean => type === 'integer' || type === 'number';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
