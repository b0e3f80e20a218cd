import { isPlainObject } from '../database/storable.js';
import {
  FIELD_TYPES,
  isField,
  METADATA,
  parseCondition,
  shown,
  type FilterCondition,
  type FilterNode,
} from './filter-condition.js';
import { refuse, type FilterScalar } from './filter-value.js';

/** Levels of filters inside one filter, the outermost included. */
export const MAX_FILTER_DEPTH = 16;
/** Of one filter and all in it. Each operator is one, and so is a filter without any. */
export const MAX_FILTER_CONDITIONS = 200;

/**
 * Which memories are looked at. The members of one object hold all at once; `{}` takes every memory. A filter matches a
 * memory or it does not: there is no third answer.
 *
 * - **Missing.** `threadId`, `speaker`, `role`, `seq` and `occurredAt` are those of the memory's `source`, and they, as
 *   any path of metadata, may be missing. What is missing matches `ne`, `nin`, `exists: false` and a `not` of any other
 *   operator. `null` in metadata is not missing: it exists, and equals `null` alone.
 * - **Types.** Only values of one type are compared: numbers by value, texts by code point (`"Z"` is less than
 *   `"a"`, and `"é"` greater than both), booleans with `false` as the lesser, moments as instants. `"7"` does not equal 7,
 *   and is neither less nor greater. In metadata a moment is a text like any other.
 * - **Moments** are ISO 8601, to the microsecond: a date is its first moment, and what has no zone is UTC.
 * - **Lists in metadata.** `eq`, `in`, `gt`, `gte`, `lt` and `lte` match when the value does, or when it is a list and
 *   one of its elements does, each operator by itself: `[1, 9]` matches `{ gt: 5, lt: 3 }`. Lists in lists are not
 *   looked into.
 * - **Opposites.** `ne` is exactly `not` of `eq`, and `nin` exactly `not` of `in`: no element may be equal.
 * - **Paths.** `metadata.trip.seat` is the member `seat` of the object `trip`. A path leads through objects
 *   alone, not into lists. A dot in a key is written `\.`, and a backslash `\\`.
 */
export interface MemoryFilter {
  /** One at least, all of which must match. */
  and?: readonly MemoryFilter[];
  /** One at least, of which one must match. */
  or?: readonly MemoryFilter[];
  not?: MemoryFilter;
  agentId?: FilterCondition<string>;
  threadId?: FilterCondition<string>;
  speaker?: FilterCondition<string>;
  role?: FilterCondition<string>;
  seq?: FilterCondition<number>;
  /** ISO 8601, as the other two moments. */
  occurredAt?: FilterCondition<string>;
  createdAt?: FilterCondition<string>;
  updatedAt?: FilterCondition<string>;
  [path: `metadata.${string}`]: FilterCondition<FilterScalar>;
}

/**
 * Checks a filter, whatever was sent as one, and takes it apart.
 * @param field how the filter is called in a violation
 * @throws InvalidInputError that names the first place that is wrong, such as `filter.and.0.speaker.gtt`, and what
 *   may stand there
 */
export function parseFilter(filter: unknown, field = 'filter'): FilterNode {
  return new FilterParser(field).parse(filter, field, 1);
}

const FIELDS = [...Object.keys(FIELD_TYPES), `${METADATA}<path>`, 'and', 'or'].join(', ') + ' or not';

class FilterParser {
  #conditions = 0;

  constructor(private readonly root: string) {}

  /** @param depth levels of filters, this one included; the recursion ends at the limit, whatever was sent */
  parse(filter: unknown, at: string, depth: number): FilterNode {
    if (depth > MAX_FILTER_DEPTH) refuse(at, `is nested more than ${MAX_FILTER_DEPTH} levels deep`);
    if (!isPlainObject(filter)) return refuse(at, `must be an object with any of ${FIELDS}`);
    const members = Object.entries(filter);
    if (members.length === 0) this.#count(1);
    return all(members.map(([key, value]) => this.#parseMember(key, value, at, depth)));
  }

  #parseMember(key: string, value: unknown, at: string, depth: number): FilterNode {
    const place = `${at}.${shown(key)}`;
    // In code a variable that was never set would otherwise widen the search without a word.
    if (value === undefined) refuse(place, 'is undefined; leave it out, or give it a value');
    if (key === 'not') return { kind: 'not', node: this.parse(value, place, depth + 1) };
    if (key === 'and' || key === 'or') {
      if (!Array.isArray(value) || value.length === 0)
        return refuse(place, 'must be a list of at least one filter');
      const nodes = Array.from(value, (item, index) => this.parse(item, `${place}.${index}`, depth + 1));
      return { kind: key, nodes };
    }
    if (!isField(key) && !key.startsWith(METADATA))
      return refuse(place, `is not a field of a filter; use ${FIELDS}`);
    const conditions = parseCondition(key, value, place);
    this.#count(conditions.length);
    return all(conditions);
  }

  #count(conditions: number): void {
    this.#conditions += conditions;
    if (this.#conditions > MAX_FILTER_CONDITIONS)
      refuse(this.root, `must have at most ${MAX_FILTER_CONDITIONS} conditions`);
  }
}

function all(nodes: readonly FilterNode[]): FilterNode {
  const [first] = nodes;
  return first && nodes.length === 1 ? first : { kind: 'and', nodes };
}
