import fc from 'fast-check';
import type { Schema } from './api-document.js';
import { knownValue } from './known-values.js';
import { likelyValue } from './likely-values.js';

/** How deep a schema that contains itself is followed. */
const MAX_DEPTH = 4;
/** Items of a generated list, whatever the schema allows. */
const MOST_ITEMS = 4;

const plainText = fc.oneof(
  { arbitrary: fc.constantFrom('window', 'seat', 'Lisbon', 'x', '<|endoftext|>', '0'), weight: 3 },
  { arbitrary: fc.lorem({ maxCount: 12 }), weight: 4 },
  { arbitrary: fc.string({ unit: 'grapheme', maxLength: 40 }), weight: 2 },
);
/** What users own, such as metadata. */
const anyJson = fc.jsonValue({ maxDepth: 3, stringUnit: 'grapheme' });

/** Values of a schema, most of them valid: what only `if`, `not` and the like say is left to chance. */
export class SchemaValues {
  constructor(private readonly schemas: Readonly<Record<string, Schema>>) {}

  /** @param name of the parameter or the member, by which values of former answers are found */
  of(schema: Schema, name = '', depth = 0): fc.Arbitrary<unknown> {
    const known = knownValue(name);
    const fresh = this.#fresh(schema, name, depth);
    return known ? fc.oneof({ arbitrary: known, weight: 9 }, { arbitrary: fresh, weight: 1 }) : fresh;
  }

  #fresh(schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    if (schema.$ref) {
      const likely = likelyValue(schema.$ref);
      const any = this.of(this.#named(schema.$ref), name, depth);
      return likely ? fc.oneof({ arbitrary: likely, weight: 3 }, { arbitrary: any, weight: 1 }) : any;
    }
    if (schema.allOf) return this.#fresh(this.#merged(schema), name, depth);
    if ('const' in schema) return fc.constant(schema.const);
    if (schema.enum) return fc.constantFrom(...schema.enum);
    const choices = schema.oneOf ?? schema.anyOf;
    if (choices?.every(({ type, $ref, enum: list, ...rest }) => type ?? $ref ?? list ?? 'const' in rest))
      return fc.oneof(...choices.map((choice) => this.of(choice, name, depth)));
    const types = [schema.type ?? 'any'].flat();
    return fc.oneof(...types.map((type) => this.#ofType(type, schema, name, depth)));
  }

  #ofType(type: string, schema: Schema, name: string, depth: number): fc.Arbitrary<unknown> {
    if (type === 'object') return this.#object(schema, depth);
    if (type === 'array') {
      const { items = {}, minItems = 0, maxItems = MOST_ITEMS } = schema;
      const most = Math.min(maxItems, depth < MAX_DEPTH ? Math.max(MOST_ITEMS, minItems) : minItems);
      return fc.array(this.of(items, '', depth + 1), { minLength: minItems, maxLength: most });
    }
    if (type === 'string') return text(schema, name);
    if (type === 'integer' || type === 'number') return number(type, schema);
    if (type === 'boolean') return fc.boolean();
    return type === 'null' ? fc.constant(null) : anyJson;
  }

  #object(schema: Schema, depth: number): fc.Arbitrary<unknown> {
    const { properties = {}, required = [], additionalProperties = true } = schema;
    const members: Record<string, fc.Arbitrary<unknown>> = {};
    for (const [name, member] of Object.entries(properties))
      // A member that every object refuses has the schema `false`.
      if ((member as unknown) !== false && (depth < MAX_DEPTH || required.includes(name)))
        members[name] = this.of(member, name, depth + 1);
    const always = required.filter((name) => name in members);
    const optional = Object.keys(members).filter((name) => !always.includes(name));
    // A few of many, since each narrows what is found.
    const named = fc
      .subarray(optional, { maxLength: Math.min(optional.length, depth === 0 ? MOST_ITEMS : 2) })
      .chain((some) =>
        fc.record(Object.fromEntries([...always, ...some].map((key) => [key, members[key] ?? anyJson]))),
      );
    const others = this.#otherMembers(schema, depth, additionalProperties);
    return others
      ? fc.tuple(others, named).map(([other, known]): unknown => ({ ...other, ...known }))
      : named;
  }

  #otherMembers(
    { patternProperties = {} }: Schema,
    depth: number,
    additional: boolean | Schema,
  ): fc.Arbitrary<Record<string, unknown>> | undefined {
    const [pattern, member] = Object.entries(patternProperties)[0] ?? [];
    if (depth >= MAX_DEPTH) return undefined;
    if (pattern !== undefined && member)
      return fc.dictionary(fc.stringMatching(new RegExp(pattern)), this.of(member, '', depth + 1), {
        maxKeys: 2,
      });
    if (additional === false) return undefined;
    const key = fc.string({ unit: 'grapheme', maxLength: 10 }).filter((text) => text !== '__proto__');
    return fc.oneof(
      { arbitrary: fc.constant({}), weight: 2 },
      { arbitrary: fc.dictionary(key, anyJson, { maxKeys: 3, noNullPrototype: true }), weight: 1 },
    );
  }

  #named(reference: string): Schema {
    const name = reference.split('/').at(-1) ?? '';
    const schema = this.schemas[name];
    if (!schema) throw new Error(`The document refers to ${reference}, which is not there.`);
    return schema;
  }

  /** All members of all its parts. */
  #merged({ allOf = [], ...own }: Schema): Schema {
    const parts = [...allOf.map((part) => this.#whole(part)), own];
    return {
      ...(Object.assign({}, ...parts) as Schema),
      properties: Object.assign({}, ...parts.map(({ properties }) => properties)) as Record<string, Schema>,
      required: parts.flatMap(({ required = [] }) => required),
    };
  }

  #whole(part: Schema): Schema {
    const schema = part.$ref ? this.#named(part.$ref) : part;
    return schema.allOf ? this.#merged(schema) : schema;
  }
}

function text({ pattern, format, minLength = 0, maxLength = 100_000 }: Schema, name: string) {
  if (format === 'uuid') return fc.uuid();
  if (format === 'date-time') return fc.date({ noInvalidDate: true }).map((date) => date.toISOString());
  // Most patterns say what may not be there, and most texts match those.
  const matching = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  if (matching && name !== 'content' && !matching.test('plain'))
    return fc.stringMatching(new RegExp(pattern ?? ''));
  const fits = (value: string): boolean =>
    value.length >= minLength && value.length <= maxLength && (matching?.test(value) ?? true);
  return plainText.map((value) => (fits(value) ? value : 'plain'));
}

function number(
  type: string,
  { minimum = -1_000, maximum = 1_000_000, default: usual }: Schema,
): fc.Arbitrary<unknown> {
  const edges = fc.constantFrom(minimum, maximum, ...(typeof usual === 'number' ? [usual] : []));
  const small = fc.integer({ min: Math.ceil(minimum), max: Math.floor(Math.min(maximum, minimum + 20)) });
  const any =
    type === 'integer'
      ? fc.integer({ min: Math.max(minimum, -(2 ** 31)), max: Math.min(maximum, 2 ** 31 - 1) })
      : fc.double({ min: minimum, max: maximum, noNaN: true });
  return fc.oneof({ arbitrary: small, weight: 5 }, edges, any);
}
