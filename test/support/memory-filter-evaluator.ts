import type { MemoryFilter } from '../../src/memory/memory-filter.js';

/** What a filter looks at of a memory. */
export interface FilteredMemory {
  agentId: string;
  metadata: Record<string, unknown>;
  source: Record<string, unknown> | null;
  createdAt: string;
  updatedAt: string;
}

/**
 * What a filter means, said a second time and as plainly as can be, to compare SQL with. Shares nothing with `src` and
 * takes its filter for a good one.
 */
export function matches(filter: MemoryFilter, memory: FilteredMemory): boolean {
  return Object.entries(filter as Record<string, unknown>).every(([key, value]) => {
    if (key === 'and') return (value as MemoryFilter[]).every((each) => matches(each, memory));
    if (key === 'or') return (value as MemoryFilter[]).some((each) => matches(each, memory));
    if (key === 'not') return !matches(value as MemoryFilter, memory);
    const operators =
      typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : { eq: value };
    return Object.entries(operators).every(([operator, operand]) =>
      holds(valueAt(memory, key), operator, operand, key),
    );
  });
}

function holds(value: unknown, operator: string, operand: unknown, key: string): boolean {
  const compare = (bound: unknown): (number | undefined)[] =>
    (Array.isArray(value) ? value : [value]).map((item) =>
      MOMENTS.includes(key) ? order(microseconds(item), microseconds(bound)) : order(item, bound),
    );
  switch (operator) {
    case 'eq':
      return compare(operand).includes(0);
    case 'ne':
      return !holds(value, 'eq', operand, key);
    case 'in':
      return (operand as unknown[]).some((each) => holds(value, 'eq', each, key));
    case 'nin':
      return !holds(value, 'in', operand, key);
    case 'gt':
      return compare(operand).includes(1);
    case 'gte':
      return compare(operand).some((result) => result === 0 || result === 1);
    case 'lt':
      return compare(operand).includes(-1);
    case 'lte':
      return compare(operand).some((result) => result === 0 || result === -1);
    case 'exists':
      return (value !== undefined) === operand;
    default:
      throw new Error(`There is no operator ${operator}.`);
  }
}

const MOMENTS = ['occurredAt', 'createdAt', 'updatedAt'];

function valueAt(memory: FilteredMemory, key: string): unknown {
  if (key === 'agentId' || key === 'createdAt' || key === 'updatedAt') return memory[key];
  if (!key.startsWith('metadata.')) return member(memory.source, key);
  const path = key.slice('metadata.'.length).split(/(?<=(?<!\\)(?:\\\\)*)\./);
  return path.reduce<unknown>(
    (value, segment) => member(value, segment.replaceAll(/\\(.)/gs, '$1')),
    memory.metadata,
  );
}

function member(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
}

/** -1, 0 or 1; undefined for what cannot be compared. */
function order(a: unknown, b: unknown): number | undefined {
  if (a === null && b === null) return 0;
  if (typeof a !== typeof b || typeof a === 'object' || a === undefined) return undefined;
  if (typeof a === 'string') return orderByCodePoint(a, b as string);
  const [left, right] = [a, b] as [number, number];
  return left === right ? 0 : left < right ? -1 : 1;
}

/** `<` compares UTF-16 units, in which the surrogates of an emoji come before U+FFFF. */
function orderByCodePoint(a: string, b: string): number {
  const [left, right] = [Array.from(a), Array.from(b)];
  for (const [index, character] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const difference = (character.codePointAt(0) ?? 0) - (other.codePointAt(0) ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return left.length === right.length ? 0 : -1;
}

function microseconds(moment: unknown): bigint | undefined {
  if (typeof moment !== 'string') return undefined;
  const fraction = /\.(\d+)/.exec(moment)?.[1] ?? '';
  const whole = moment.replace(/\.\d+/, '');
  const zoned = /T.*(Z|[+-]\d\d:\d\d)$/.test(whole) || !whole.includes('T') ? whole : `${whole}Z`;
  return BigInt(Date.parse(zoned)) * 1_000n + BigInt(fraction.slice(0, 6).padEnd(6, '0'));
}
