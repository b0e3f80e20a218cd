import { createHash } from 'node:crypto';
import type { FilterScalar } from './filter-value.js';
import { MAX_PATH_SEGMENT, MAX_PATH_SEGMENTS } from './metadata-path.js';

/**
 * What an index holds of a memory's metadata: keys of `shared.memory_facts`, compared byte by byte.
 *
 *     fact = path, 6 bytes of a hash · kind, 1 byte · value
 *
 * Numbers are float8 with the order of their bytes; texts are the first 24 bytes of UTF-8, the order of which is that of code
 * points, and 6 bytes of a hash in the place of more. So facts may say that a memory matches when it does not, never
 * the other way: whoever finds by them compares the metadata itself.
 *
 * A memory with more facts than {@link MAX_FACTS} has the one fact that it is not indexed, {@link NOT_INDEXED}.
 */
export type Fact = Buffer;

/** Of one memory. Metadata usually has some five values; its 65,536 characters could have 30,000. */
export const MAX_FACTS = 100;

/** Found by every look-up. No other fact is as short. */
export const NOT_INDEXED: Fact = Buffer.of(0);

const PATH_BYTES = 6;
const TEXT_BYTES = 24;
const HASH_BYTES = 6;

/** An element of a list has the kind of its value, and this: of a span, one element can be above and another below. */
const ELEMENT = 0x40;
const KIND = { container: 0x01, null: 0x02, boolean: 0x03, number: 0x04, string: 0x05 } as const;

/** Paths are few and come again; hashing them took most of the time. */
const keys = new Map<string, Buffer>();
const MAX_KEYS = 1_000;

/** Greater than any value of UTF-8, and than a hash of six bytes. */
const AFTER = Buffer.alloc(HASH_BYTES + 1, 0xff);

/** From the one to the other, both included. */
export type FactRange = readonly [from: Fact, to: Fact];

/** The facts of a memory, each once, in no order. Those of paths that no filter can name are left out. */
export function factsOf(metadata: Readonly<Record<string, unknown>>): readonly Fact[] {
  const facts = new Map<string, Fact>();
  for (const fact of factsIn(metadata, [])) {
    facts.set(fact.toString('latin1'), fact);
    if (facts.size > MAX_FACTS) return [NOT_INDEXED];
  }
  return [...facts.values()];
}

/** The facts of which a memory has one when the value at a path equals another, or one of its elements does. */
export function factsEqualTo(path: readonly string[], value: FilterScalar): readonly Fact[] {
  const key = keyOf(path);
  return [factOf(key, value, 0), factOf(key, value, ELEMENT)];
}

/**
 * Where a memory has a fact when there is a value within bounds, of which at least one is given; the bounds themselves count
 * as within. The first range is that of values, the second of elements of lists: of these only one bound is looked at.
 */
export function factsBetween(
  path: readonly string[],
  { from, to }: { readonly from?: NonNullable<FilterScalar>; readonly to?: NonNullable<FilterScalar> },
): readonly [FactRange, FactRange] {
  const key = keyOf(path);
  const kind = KIND[typeof (from ?? to) as 'boolean' | 'number' | 'string'];
  const range = (element: number, low: typeof from, high: typeof to): FactRange => {
    const all = Buffer.concat([key, Buffer.of(kind | element)]);
    return [
      low === undefined ? all : Buffer.concat([all, leastOf(low)]),
      Buffer.concat(high === undefined ? [all, AFTER] : [all, greatestOf(high)]),
    ];
  };
  return [range(0, from, to), range(ELEMENT, from, from === undefined ? to : undefined)];
}

/** Where a memory has a fact when there is anything at a path. */
export function factsAt(path: readonly string[]): FactRange {
  const key = keyOf(path);
  return [key, Buffer.concat([key, AFTER])];
}

function* factsIn(value: unknown, path: readonly string[]): Generator<Fact> {
  if (isScalar(value)) yield factOf(keyOf(path), value, 0);
  else if (Array.isArray(value)) {
    const elements = value.filter(isScalar);
    if (elements.length === 0) yield containerAt(path);
    for (const element of elements) yield factOf(keyOf(path), element, ELEMENT);
  } else if (typeof value === 'object') {
    if (path.length > 0) yield containerAt(path);
    if (path.length === MAX_PATH_SEGMENTS) return;
    for (const [key, member] of Object.entries(value))
      if (key !== '' && key.length <= MAX_PATH_SEGMENT) yield* factsIn(member, [...path, key]);
  }
}

function isScalar(value: unknown): value is FilterScalar {
  return value === null || ['string', 'number', 'boolean'].includes(typeof value);
}

function keyOf(path: readonly string[]): Buffer {
  const name = JSON.stringify(path);
  const known = keys.get(name);
  if (known) return known;
  if (keys.size >= MAX_KEYS) keys.clear();
  const key = hashOf(name, PATH_BYTES);
  keys.set(name, key);
  return key;
}

function containerAt(path: readonly string[]): Fact {
  return Buffer.concat([keyOf(path), Buffer.of(KIND.container)]);
}

function factOf(key: Buffer, value: FilterScalar, element: number): Fact {
  const kind = value === null ? KIND.null : KIND[typeof value as 'boolean' | 'number' | 'string'];
  return Buffer.concat([key, Buffer.of(kind | element), value === null ? Buffer.of() : bytesOf(value)]);
}

function bytesOf(value: NonNullable<FilterScalar>): Buffer {
  if (typeof value === 'boolean') return Buffer.of(Number(value));
  if (typeof value === 'number') return orderedBytes(value);
  const bytes = Buffer.from(value);
  return bytes.length <= TEXT_BYTES ? bytes : Buffer.concat([beginningOf(bytes), hashOf(value, HASH_BYTES)]);
}

/** What the bytes of a value and of every greater one are not less than. */
function leastOf(value: NonNullable<FilterScalar>): Buffer {
  return typeof value === 'string' ? beginningOf(Buffer.from(value)) : bytesOf(value);
}

/** What the bytes of a value and of every lesser one are not greater than. */
function greatestOf(value: NonNullable<FilterScalar>): Buffer {
  const least = leastOf(value);
  return typeof value === 'string' && Buffer.byteLength(value) > TEXT_BYTES
    ? Buffer.concat([least, AFTER])
    : least;
}

function beginningOf(bytes: Buffer): Buffer {
  return bytes.subarray(0, TEXT_BYTES);
}

/** Big endian, the sign bit flipped, and all others of a negative number: in the order of bytes, lesser ones come first. */
function orderedBytes(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(8);
  bytes.writeDoubleBE(value === 0 ? 0 : value); // there is one zero
  const isNegative = ((bytes[0] as number) & 0x80) !== 0;
  for (let i = 0; i < 8; i += 1) bytes[i] = (bytes[i] as number) ^ (isNegative ? 0xff : i === 0 ? 0x80 : 0);
  return bytes;
}

function hashOf(text: string, length: number): Buffer {
  return createHash('sha256').update(text).digest().subarray(0, length);
}
