import {
  FIELD_TYPES,
  type ConditionNode,
  type Field,
  type FilterNode,
  type RangeOperator,
} from './filter-condition.js';
import { parseFilter, type MemoryFilter } from './memory-filter.js';

/** Where each field stands in a row `m` of `shared.agent_memories`. */
const COLUMNS: Readonly<Record<Field, string>> = {
  agentId: 'm.agent_id',
  threadId: 'm.thread_id',
  speaker: 'm.speaker',
  role: 'm.role',
  seq: 'm.seq',
  occurredAt: 'm.occurred_at',
  createdAt: 'm.created_at',
  updatedAt: 'm.updated_at',
};
const METADATA = 'm.metadata';

const SQL_TYPES = { text: 'text', integer: 'bigint', moment: 'timestamptz' } as const;

const SYMBOLS: Readonly<Record<RangeOperator, string>> = { gt: '>', gte: '>=', lt: '<', lte: '<=' };

export interface CompiledFilter {
  /** In parentheses, or one word. */
  readonly text: string;
  /** Of the parameters in it, from the first on. */
  readonly values: readonly unknown[];
}

/**
 * A filter as a condition on a row `m` that has the columns `agent_id`, `metadata`, `created_at`, `updated_at` and, null
 * where they are missing, `thread_id`, `speaker`, `role`, `seq` and `occurred_at`. The condition is TRUE for a memory that
 * matches; for one that does not it is FALSE or NULL, as plain comparisons are, which indexes serve. So it belongs in
 * a WHERE, joined with others by AND or OR; its opposite is `IS NOT TRUE`.
 *
 * Its text depends on the shape of the filter alone: keys, values and the paths of metadata are all parameters.
 * @param options.firstParameter the number of the first free parameter of the statement; default 1
 * @throws InvalidInputError when the filter is not acceptable
 */
export function compileFilter(
  filter: MemoryFilter,
  { firstParameter = 1 }: { firstParameter?: number } = {},
): CompiledFilter {
  const values: unknown[] = [];
  const parameter = (value: unknown, type: string): string =>
    `$${firstParameter + values.push(value) - 1}::${type}`;
  return { text: sqlOf(parseFilter(filter), parameter), values };
}

/** Takes a parameter, and says how the text refers to it. */
export type Parameter = (value: unknown, type: string) => string;

/** TRUE exactly where the node matches; that is all that `(…) IS NOT TRUE` needs of what it negates. */
function sqlOf(node: FilterNode, parameter: Parameter): string {
  switch (node.kind) {
    case 'and':
    case 'or': {
      if (node.nodes.length === 0) return 'TRUE'; // only ever of `{}`
      const operator = node.kind === 'and' ? ' AND ' : ' OR ';
      return `(${node.nodes.map((each) => sqlOf(each, parameter)).join(operator)})`;
    }
    case 'not':
      return `(${sqlOf(node.node, parameter)} IS NOT TRUE)`;
    case 'condition':
      return typeof node.field === 'string'
        ? ofColumn(node, node.field, parameter)
        : ofMetadata(node, node.field, parameter);
  }
}

/** A condition on a field that is a column. */
export function ofColumn(condition: ConditionNode, field: Field, parameter: Parameter): string {
  const column = COLUMNS[field];
  const type = SQL_TYPES[FIELD_TYPES[field]];
  // The order of "C" is that of code points, on every server; equality is the same in all.
  const ordered = type === 'text' ? `${column} COLLATE "C"` : column;
  switch (condition.operator) {
    case 'eq':
      return `(${column} = ${parameter(condition.value, type)})`;
    case 'in':
      return `(${column} = ANY (${parameter(condition.values, `${type}[]`)}))`;
    case 'exists':
      return `(${column} IS ${condition.value ? 'NOT NULL' : 'NULL'})`;
    default:
      return `(${ordered} ${SYMBOLS[condition.operator]} ${parameter(condition.value, type)})`;
  }
}

/**
 * A value is reached by `->` with text, which looks for a key, where `#>` would take `0` for a place in a list.
 * `@>` with a scalar is equality, with the value or with an element of it when it is a list (PostgreSQL 15, 8.14.3); types
 * differ like values do. JSONPath compares values of one type alone, and text by code point.
 */
function ofMetadata(condition: ConditionNode, path: readonly string[], parameter: Parameter): string {
  const value = `(${[METADATA, ...path.map((key) => parameter(key, 'text'))].join(' -> ')})`;
  switch (condition.operator) {
    case 'eq':
      return `(${value} @> ${parameter(JSON.stringify(condition.value), 'jsonb')})`;
    case 'in':
      return `(${value} @> ANY (${parameter(
        condition.values.map((each) => JSON.stringify(each)),
        'jsonb[]',
      )}))`;
    case 'exists':
      return `(${value} IS ${condition.value ? 'NOT NULL' : 'NULL'})`;
    default: {
      const bound = parameter(JSON.stringify({ bound: condition.value }), 'jsonb');
      const matches = (items: string): string =>
        `jsonb_path_exists(${value}, 'strict ${items} ? (@ ${SYMBOLS[condition.operator]} $bound)', ${bound})`;
      // Strict, since lax paths also look into the lists of a list.
      return `(CASE jsonb_typeof(${value}) WHEN 'array' THEN ${matches('$[*]')} ELSE ${matches('$')} END)`;
    }
  }
}
