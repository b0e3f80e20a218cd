// Over 200 lines: one encoding, in both directions.
import { BaseMessage } from '@langchain/core/messages';
import { DeltaSnapshot } from '@langchain/langgraph-checkpoint';
import { isPlainObject } from '../database/storable.js';
import { InvalidInputError } from '../errors.js';
import { fromLangChain, isKeptByLangChain, reviveMessage } from './message-codec.js';

/** The only key of a record of ours, `{ [RECORD]: [kind, …] }`. LangGraph's reader sees a plain list in it. */
const RECORD = '$triptych';
/** Levels of one value; it ends the walk into a value that contains itself. */
const MAX_DEPTH = 256;

type Fields = Readonly<Record<string, unknown>>;

/**
 * Makes a value opaque to LangGraph's `JsonPlusSerializer`, which takes some plain objects for records of
 * its own: after `{lc:1, type:"constructor", id:[…]}` of an unknown class every read of the thread fails,
 * `lc:2` objects change their type, `lg_name: "Send"` loses its other keys, a key `__proto__` vanishes, and
 * a key that JSON escapes may come back as another (see {@link isEscaped}). Each such object, at any depth of
 * plain objects, arrays, Maps, Sets, `Send`s, messages and fields of class instances, becomes a record of
 * ours, and {@link reveal} makes the same object of it.
 *
 * What else that serializer would alter, and what becomes of it here:
 * - NaN, Infinity, -Infinity (null), -0 (0) and bigint (an error text in place of the whole value): kept.
 * - undefined: the serializer keeps it itself, alone, in lists and in objects.
 * - A message with more than plain JSON in its fields, with fields of its own, or whose class LangChain does
 *   not load exactly: kept with all of its fields; one of a subclass, as the class that it extends.
 * - A function or a symbol in plain data (dropped), and a value that contains itself or is nested more than
 *   256 levels deep (cut, or unreadable): refused. So is an instance that LangChain could not load again.
 * - Instances of other classes go as they always went. Map, Set, Uint8Array, RegExp and DeltaSnapshot come
 *   back as such, an Error with its message alone, a Date as ISO text. Where there is a `toJSON()`, what it
 *   returns comes back, and of all others their fields, as a plain object.
 *
 * @returns the same reference when nothing needs a record, else a copy; `value` itself is never changed
 * @throws InvalidInputError that names the place
 */
export function conceal(value: unknown): unknown {
  return new Concealment().of(value);
}

/**
 * Undoes {@link conceal} on what the serializer read back.
 * @returns the same reference when there is no record in it
 */
export function reveal(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return mapItems(value, reveal);
  if (isPlainObject(value))
    return Object.hasOwn(value, RECORD)
      ? revealRecord(value)
      : (mapFields(value, Object.keys(value), reveal) ?? value);
  return mapCollection(value, reveal) ?? value;
}

/** A record that {@link conceal} did not make was left by another writer, and stays what it is. */
function revealRecord(record: Fields): unknown {
  const content = record[RECORD];
  const [kind, first, second] = Array.isArray(content) ? (content as unknown[]) : [];
  if (kind === 'object' && Array.isArray(first) && first.every(Array.isArray))
    return Object.fromEntries(first.map(([key, item]) => [key as string, reveal(item)]));
  if (kind === 'number' && typeof first === 'string') return Number(first);
  if (kind === 'bigint' && typeof first === 'string' && /^-?\d+$/.test(first)) return BigInt(first);
  if (kind === 'message' && typeof first === 'string')
    return reviveMessage({ class: first, fields: reveal(second) as Fields });
  return record;
}

/** One walk over one value, which knows where it is. */
class Concealment {
  readonly #path: (string | number)[] = [];

  of(value: unknown): unknown {
    switch (typeof value) {
      case 'number':
        if (Number.isFinite(value) && !Object.is(value, -0)) return value;
        return record('number', Object.is(value, -0) ? '-0' : String(value));
      case 'bigint':
        return record('bigint', String(value));
      case 'function':
      case 'symbol':
        return this.#refuse(`is a ${typeof value}, which cannot be stored`);
      case 'object':
        return value === null ? null : this.#ofObject(value);
      default:
        return value;
    }
  }

  readonly #at = (value: unknown, place: string | number): unknown => {
    if (typeof value === 'string') return value;
    this.#path.push(place);
    const concealed = this.of(value);
    this.#path.pop();
    return concealed;
  };

  #ofObject(value: object): unknown {
    if (this.#path.length > MAX_DEPTH)
      this.#refuse(`is nested more than ${MAX_DEPTH} levels deep, or contains itself`);
    if (Array.isArray(value)) return mapItems(value, this.#at);
    if (BaseMessage.isInstance(value)) return this.#ofMessage(value);
    if (value instanceof Error || value instanceof RegExp || ArrayBuffer.isView(value)) return value;
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === 'function') return this.#ofJson(value, toJSON.call(value, ''));
    return mapCollection(value, this.#at) ?? (isCollection(value) ? value : this.#ofFields(value as Fields));
  }

  #ofFields(value: Fields): unknown {
    const all = Object.keys(value);
    // What an instance of a class can do is no part of its state; in plain data a function is a mistake.
    const keys = isPlainObject(value) ? all : all.filter((key) => typeof value[key] !== 'function');
    const concealed = mapFields(value, keys, this.#at) ?? value;
    if (!isTaken(value) && !keys.some(isEscaped)) return concealed;
    return record(
      'object',
      keys.map((key) => [key, concealed[key]]),
    );
  }

  #ofMessage(message: BaseMessage): unknown {
    const { class: name, fields } = fromLangChain(message).body;
    const concealed = this.of(fields);
    if (concealed === fields && isKeptByLangChain(message)) return message;
    return record('message', name, concealed);
  }

  /** An instance that says itself what is stored of it. */
  #ofJson(instance: object, said: unknown): unknown {
    if (!isObject(said)) {
      const concealed = this.of(said);
      return concealed === said ? instance : concealed;
    }
    const json = withoutSendMarks(said);
    if (json['lc'] === 1 && json['type'] !== 'constructor') return instance;
    const concealed = json['lc'] === 1 ? mapFields(json, ['kwargs'], this.#at) : this.of(json);
    if (json['lc'] === 1 && (concealed || !isLangChainCore(json['id'])))
      this.#refuse('is an instance that LangChain could not load again; keep plain data in its place');
    return concealed === undefined || concealed === json ? instance : concealed;
  }

  #refuse(message: string): never {
    throw new InvalidInputError([{ field: this.#path.join('.') || 'value', message }]);
  }
}

function record(kind: string, ...content: unknown[]): Fields {
  return { [RECORD]: [kind, ...content] };
}

/**
 * Whether JSON escapes the key. Where V8's `JSON.parse` has read `{"a":1,"\\":0}`, it reads `{"a":1,"\n":2}` as
 * `{"a":1,"\\":2}` from Node 24 on (https://github.com/nodejs/node/issues/63785), and of two keys that become
 * one, one is lost. Texts that are no keys are safe, so a record holds keys as such.
 */
function isEscaped(key: string): boolean {
  return /["\\\p{Cc}\p{Cs}]/u.test(key);
}

/** Whether the serializer would take the object for one of its own, or reveal for one of ours. */
function isTaken(value: Fields): boolean {
  return (
    Object.hasOwn(value, 'lc') ||
    Object.hasOwn(value, '__proto__') ||
    Object.hasOwn(value, RECORD) ||
    value['lg_name'] === 'Send'
  );
}

/** The serializer stores a genuine `Send`, alone or in the `goto` of a `Command`, without its mark. */
function withoutSendMarks(json: Fields): Fields {
  if (json['lg_name'] === 'Send') {
    const { node, args, timeout } = json;
    return { node, args, ...(timeout !== undefined && { timeout }) };
  }
  const { lg_name: name, goto } = json;
  if (name !== 'Command' || !Array.isArray(goto)) return json;
  return { ...json, goto: goto.map((item: unknown) => (isObject(item) ? withoutSendMarks(item) : item)) };
}

function isLangChainCore(id: unknown): boolean {
  return Array.isArray(id) && id[0] === 'langchain_core';
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCollection(value: object): boolean {
  return value instanceof Map || value instanceof Set || value instanceof DeltaSnapshot;
}

type Mapping = (value: unknown, place: string | number) => unknown;

/** The same collection with its values mapped; undefined when none changed, or it is no collection. */
function mapCollection(value: object, map: Mapping): object | undefined {
  if (value instanceof DeltaSnapshot) {
    const inner = map(value.value, 'value');
    return Object.is(inner, value.value) ? undefined : new DeltaSnapshot(inner);
  }
  if (!(value instanceof Map || value instanceof Set)) return undefined;
  const items: unknown[] = [...(value as Iterable<unknown>)];
  const mapped = mapItems(items, map);
  if (mapped === items) return undefined;
  return value instanceof Set ? new Set(mapped) : new Map(mapped as [unknown, unknown][]);
}

function mapItems(items: readonly unknown[], map: Mapping): readonly unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index += 1) {
    const mapped = map(items[index], index);
    if (!copy && !Object.is(mapped, items[index])) copy = items.slice(0, index);
    copy?.push(mapped);
  }
  return copy ?? items;
}

/** A plain object of the fields with their values mapped, or undefined when none changed. */
function mapFields(value: Fields, keys: readonly string[], map: Mapping): Fields | undefined {
  let entries: [string, unknown][] | undefined;
  for (const [index, key] of keys.entries()) {
    const mapped = map(value[key], key);
    if (!entries && !Object.is(mapped, value[key]))
      entries = keys.slice(0, index).map((before) => [before, value[before]]);
    entries?.push([key, mapped]);
  }
  return entries && Object.fromEntries(entries);
}
