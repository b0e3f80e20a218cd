import { isPlainObject } from '../database/storable.js';
import { refuse, VALUES, type FilterScalar, type ValueType } from './filter-value.js';
import { parseMetadataPath } from './metadata-path.js';

/** Values of one list. */
export const MAX_FILTER_VALUES = 200;

/** What must hold of a field, all of it at once. */
export interface FilterOperators<T extends FilterScalar> {
  eq?: T;
  ne?: T;
  in?: readonly T[];
  nin?: readonly T[];
  gt?: NonNullable<T>;
  gte?: NonNullable<T>;
  lt?: NonNullable<T>;
  lte?: NonNullable<T>;
  exists?: boolean;
}

/** A value alone means `eq`. */
export type FilterCondition<T extends FilterScalar> = T | FilterOperators<T>;

/** The fields that are no metadata, and what each is compared as. */
export const FIELD_TYPES = {
  agentId: 'text',
  threadId: 'text',
  speaker: 'text',
  role: 'text',
  seq: 'integer',
  occurredAt: 'moment',
  createdAt: 'moment',
  updatedAt: 'moment',
} as const satisfies Readonly<Record<string, ValueType>>;

export type Field = keyof typeof FIELD_TYPES;

/** What the name of a field in metadata begins with. */
export const METADATA = 'metadata.';

export type RangeOperator = 'gt' | 'gte' | 'lt' | 'lte';

/** A filter that was checked, without shorthands and opposites: `ne` is a `not` of `eq`, and `nin` of `in`. */
export type FilterNode =
  | { readonly kind: 'and' | 'or'; readonly nodes: readonly FilterNode[] }
  | { readonly kind: 'not'; readonly node: FilterNode }
  | ConditionNode;

/** One operator on one field. Moments are as `instantOf` writes them. */
export type ConditionNode = {
  readonly kind: 'condition';
  /** The field, or the keys that lead to a value in metadata. */
  readonly field: Field | readonly string[];
} & Comparison;

type Comparison =
  | { readonly operator: 'eq'; readonly value: FilterScalar }
  | { readonly operator: 'in'; readonly values: readonly FilterScalar[] }
  | { readonly operator: RangeOperator; readonly value: NonNullable<FilterScalar> }
  | { readonly operator: 'exists'; readonly value: boolean };

const OPPOSITES: ReadonlyMap<string, string> = new Map([
  ['ne', 'eq'],
  ['nin', 'in'],
]);
const OPERATORS = 'eq, ne, in, nin, gt, gte, lt, lte or exists';

export function isField(name: string): name is Field {
  return Object.hasOwn(FIELD_TYPES, name);
}

/**
 * The conditions on one field of a filter, one for each operator.
 * @param name a field, or `metadata.<path>`
 * @param at how the condition is called in a violation
 * @throws InvalidInputError
 */
export function parseCondition(name: string, condition: unknown, at: string): readonly FilterNode[] {
  const type = isField(name) ? FIELD_TYPES[name] : 'any';
  const field = isField(name) ? name : parseMetadataPath(name.slice(METADATA.length), at);
  if (Array.isArray(condition))
    refuse(at, 'must be one value or operators; for one of several values use in');
  if (!isPlainObject(condition))
    return [{ kind: 'condition', field, operator: 'eq', value: VALUES[type](condition, at) }];
  const operators = Object.entries(condition);
  if (operators.length === 0) refuse(at, `must have an operator; use ${OPERATORS}`);
  return operators.map(([operator, operand]) => {
    const opposite = OPPOSITES.get(operator);
    const comparison = parseComparison(opposite ?? operator, operand, type, `${at}.${shown(operator)}`);
    const node: FilterNode = { kind: 'condition', field, ...comparison };
    return opposite === undefined ? node : { kind: 'not', node };
  });
}

function parseComparison(operator: string, operand: unknown, type: ValueType, at: string): Comparison {
  const parse = VALUES[type];
  switch (operator) {
    case 'eq':
      return { operator, value: parse(operand, at) };
    case 'in':
      if (!Array.isArray(operand) || operand.length > MAX_FILTER_VALUES)
        return refuse(at, `must be a list of at most ${MAX_FILTER_VALUES} values`);
      return { operator, values: Array.from(operand, (value, index) => parse(value, `${at}.${index}`)) };
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const value = parse(operand, at);
      if (value === null)
        return refuse(at, 'must not be null, which is neither less nor greater than anything');
      return { operator, value };
    }
    case 'exists':
      if (typeof operand !== 'boolean') return refuse(at, 'must be true or false');
      return { operator, value: operand };
    default:
      return refuse(at, `is not an operator; use ${OPERATORS}`);
  }
}

/** The beginning of a key that came from outside, for a place in a violation. */
export function shown(key: string): string {
  return key.length > 64 ? `${key.slice(0, 64).toWellFormed()}…` : key.toWellFormed();
}
