import type { SqlPart } from '../recall/sql-part.js';
import type { ConditionNode, Field, FilterNode } from './filter-condition.js';
import type { FilterScalar } from './filter-value.js';
import { parseFilter, type MemoryFilter } from './memory-filter.js';
import { ofColumn, type Parameter } from './memory-filter.sql.js';
import {
  factsAt,
  factsBetween,
  factsEqualTo,
  NOT_INDEXED,
  type Fact,
  type FactRange,
} from './memory-facts.js';

/** Of the conditions that must hold at once, how many are looked up at most; the rest would hardly tell more. */
const MAX_TRIED = 8;

/** A SELECT of the `memory_id` of memories, and of its parameters. */
type Lookup = (parameter: Parameter) => string;

/** How much a look-up is expected to tell: those that tell more come first. */
interface Ranked {
  readonly rank: number;
  readonly lookup: Lookup;
}

type Range = Partial<Record<'from' | 'to', NonNullable<FilterScalar>>>;

/** The table in which each field stands as a column, with an index. */
const TABLES: Readonly<Record<Field, 'recall_documents' | 'agent_memories'>> = {
  agentId: 'agent_memories',
  threadId: 'recall_documents',
  speaker: 'recall_documents',
  role: 'recall_documents',
  seq: 'recall_documents',
  occurredAt: 'recall_documents',
  createdAt: 'agent_memories',
  updatedAt: 'agent_memories',
};

/**
 * Where indexes have the memories that match all filters: see `RecallCondition.lookup`. Undefined where no index tells: of
 * what is negated, and of an `or` with such a member. What the indexes of metadata hold: see `memory-facts.ts`.
 *
 * Of conditions that must hold at once, one is looked up, the one that leaves the fewest: each is read for no more rows
 * than the best before it had, so that trying all costs little more than the best of them.
 */
export function compileLookup(filters: readonly MemoryFilter[]): SqlPart | undefined {
  const lookup = ofAll(filters.map((filter) => parseFilter(filter)))?.lookup;
  if (!lookup) return undefined;
  const compile = (firstParameter: number): { text: string; values: readonly unknown[] } => {
    const values: unknown[] = [];
    const text = lookup((value, type) => `$${firstParameter + values.push(value) - 1}::${type}`);
    return { text, values };
  };
  return { text: (firstParameter) => compile(firstParameter).text, values: compile(1).values };
}

function of(node: FilterNode): Ranked | undefined {
  switch (node.kind) {
    case 'and':
      return ofAll(node.nodes);
    case 'or': {
      const members = node.nodes.map(of);
      if (!members.every((member) => member !== undefined)) return undefined;
      return {
        rank: Math.max(...members.map(({ rank }) => rank)),
        lookup: (parameter) => members.map(({ lookup }) => subquery(lookup(parameter))).join(' UNION ALL '),
      };
    }
    case 'not':
      return undefined;
    case 'condition':
      return ofAll([node]);
  }
}

function ofAll(nodes: readonly FilterNode[]): Ranked | undefined {
  const flat = nodes.flatMap(flattened);
  const conditions = flat.filter((node) => node.kind === 'condition');
  const tried = [
    ...ofColumns(conditions),
    ...ofMetadata(conditions),
    ...flat.flatMap((node) => (node.kind === 'or' ? (of(node) ?? []) : [])),
  ].sort((one, other) => one.rank - other.rank);
  const [first] = tried;
  if (!first || tried.length === 1) return first;
  return { rank: first.rank, lookup: (parameter) => leastOf(tried.slice(0, MAX_TRIED), parameter) };
}

function flattened(node: FilterNode): readonly FilterNode[] {
  return node.kind === 'and' ? node.nodes.flatMap(flattened) : [node];
}

/** The rows of the look-up that has the fewest; `most` ends each where the best before it had ended. */
function leastOf(tried: readonly Ranked[], parameter: Parameter): string {
  const steps = tried.map(({ lookup }, i) => {
    const most = i === 0 ? 'SELECT most FROM bound' : `SELECT count(*) FROM tried_${i - 1}`;
    return `tried_${i} AS MATERIALIZED (${subquery(lookup(parameter))} LIMIT (${most}))`;
  });
  // Their counts never grow, so the best is the first that has as few as the last one.
  const last = tried.length - 1;
  const chosen = tried.map((_, i) => {
    const isLeast = `(SELECT count(*) FROM tried_${i}) = (SELECT count(*) FROM tried_${last})`;
    const isFirst = `(SELECT count(*) FROM tried_${i - 1}) > (SELECT count(*) FROM tried_${last})`;
    return `SELECT memory_id FROM tried_${i} WHERE ${i === 0 ? isLeast : `${isLeast} AND ${isFirst}`}`;
  });
  return `WITH ${steps.join(', ')} ${chosen.join(' UNION ALL ')}`;
}

/** All conditions on columns of one table at once, so that an index of several of them serves. */
function ofColumns(conditions: readonly ConditionNode[]): Ranked[] {
  return ['recall_documents', 'agent_memories'].flatMap((table) => {
    const served = conditions.flatMap((condition) => {
      const { field } = condition;
      if (typeof field !== 'string' || isAbsence(condition) || tableOf(field, condition) !== table) return [];
      return [{ rank: rankOf(condition), text: (to: Parameter) => ofColumn(condition, field, to) }];
    });
    if (served.length === 0) return [];
    const rank = Math.min(...served.map((condition) => condition.rank));
    const lookup: Lookup = (parameter) =>
      `SELECT m.memory_id FROM shared.${table} m WHERE m.tenant_id = $1 AND ${served
        .map(({ text }) => text(parameter))
        .join(' AND ')}`;
    return [{ rank, lookup }];
  });
}

function tableOf(field: Field, { operator }: ConditionNode): string {
  // Of agents there are two indexes: one by equality, and one in the order of code points.
  if (field === 'agentId' && operator !== 'eq' && operator !== 'in') return 'recall_documents';
  return TABLES[field];
}

/** Each condition by itself, but one span of the lower and the upper bound of the same path. */
function ofMetadata(conditions: readonly ConditionNode[]): Ranked[] {
  const spans = new Map<string, { path: readonly string[]; range: Range }>();
  const single: Ranked[] = [];
  for (const condition of conditions) {
    const { field: path, operator } = condition;
    if (typeof path === 'string' || isAbsence(condition)) continue;
    const rank = rankOf(condition);
    if (operator === 'eq') single.push({ rank, lookup: equalTo(factsEqualTo(path, condition.value)) });
    else if (operator === 'in') {
      const facts = condition.values.flatMap((value) => factsEqualTo(path, value));
      single.push({ rank, lookup: equalTo(facts) });
    } else if (operator === 'exists') single.push({ rank, lookup: between([factsAt(path)]) });
    else {
      const side = operator === 'gt' || operator === 'gte' ? 'from' : 'to';
      const key = JSON.stringify([path, typeof condition.value]);
      const { range } = spans.get(key) ?? { range: {} };
      spans.set(key, { path, range: { [side]: condition.value, ...range } });
    }
  }
  const ranges = [...spans.values()].map(({ path, range }) => ({
    rank: 2,
    lookup: between(factsBetween(path, range)),
  }));
  return [...single, ...ranges];
}

function equalTo(facts: readonly Fact[]): Lookup {
  return (parameter) => having(`f.fact = ANY (${parameter([...facts, NOT_INDEXED], 'bytea[]')})`);
}

function between(ranges: readonly FactRange[]): Lookup {
  return (parameter) =>
    [
      ...ranges.map(([from, to]) =>
        having(`f.fact >= ${parameter(from, 'bytea')} AND f.fact <= ${parameter(to, 'bytea')}`),
      ),
      having(`f.fact = ${parameter(NOT_INDEXED, 'bytea')}`),
    ].join(' UNION ALL ');
}

function having(condition: string): string {
  return `SELECT f.memory_id FROM shared.memory_facts f WHERE f.tenant_id = $1 AND ${condition}`;
}

function subquery(select: string): string {
  return `SELECT memory_id FROM (${select}) s`;
}

function isAbsence(condition: ConditionNode): boolean {
  return condition.operator === 'exists' && !condition.value;
}

function rankOf({ operator }: ConditionNode): number {
  return operator === 'eq' ? 0 : operator === 'in' ? 1 : operator === 'exists' ? 3 : 2;
}
