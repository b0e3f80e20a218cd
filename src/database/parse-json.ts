import { runInNewContext } from 'node:vm';

/**
 * Whether this engine misreads keys. Once it has read `{"a":1,"\\":0}`, V8 of Node 24 and 26 takes the key of
 * `{"a":1,"\u0000":0}` for a backslash: it compares the escape as it is written with the keys that it has seen
 * after `a` (https://github.com/nodejs/node/issues/63785). It looks at the first few of those alone, and at none
 * that was collected, so the question is asked in a realm where nothing was read before, and both objects
 * are held until the answer.
 */
export const MISREADS_KEYS = !(runInNewContext(String.raw`
  const before = JSON.parse('{"a":1,"\\\\":0}');
  const after = JSON.parse('{"a":1,"\\u0000":0}');
  [before, after].flatMap(Object.keys).join() === 'a,\\,a,\0';
`) as boolean);

/** A text of the same JSON in which no key is escaped. */
export interface PlainKeys {
  readonly text: string;
  /** Gives what was parsed its own keys back, in place where it can. */
  readonly restore: (value: unknown) => unknown;
}

/**
 * `JSON.parse`, on engines too that misread keys which have to be escaped (quote, backslash, control characters)
 * or are so without need (https://github.com/nodejs/node/issues/63785). Takes linear time and, as `JSON.parse`
 * does, any depth. Other engines, and texts without a backslash, go straight to `JSON.parse`.
 * @throws SyntaxError as `JSON.parse` throws it for the same text
 */
export function parseJson(text: string): unknown {
  return MISREADS_KEYS ? parseWithPlainKeys(text) : JSON.parse(text);
}

/** What {@link parseJson} does where the engine misreads keys. */
export function parseWithPlainKeys(text: string): unknown {
  const plain = renameKeys(text);
  if (plain.text === text) return JSON.parse(text);
  let value: unknown;
  try {
    value = JSON.parse(plain.text);
  } catch (error) {
    JSON.parse(text); // throws as well, and names the places of this text
    throw error;
  }
  return plain.restore(value);
}

/** For a parser that is not ours: what to give it in place of the text, which is the text itself where keys are safe. */
export function plainKeys(text: string): PlainKeys {
  return MISREADS_KEYS ? renameKeys(text) : { text, restore: same };
}

const COLON = 58;
const BACKSLASH = 92;
/** What may stand in a string as it is (RFC 8259, section 7), half a surrogate pair included. */
const UNESCAPED = /^[ !#-[\]-\uffff]*$/;

interface EscapedKey {
  readonly start: number;
  readonly end: number;
  readonly name: string;
}

/**
 * A key that is escaped without need is written as it is; it may stand in the text in both ways, and the parser
 * has to see that they are one. Any other can be written in no other way, and gets a stand-in. Each string gives way
 * to a string, so that a text which is not JSON does not become it.
 */
function renameKeys(text: string): PlainKeys {
  const keys = escapedKeys(text);
  if (keys.length === 0) return { text, restore: same };
  const standIns = new Map<string, string>();
  const names = new Map<string, string>();
  let taken: ReadonlySet<string> | undefined;
  let counter = 0;
  const standInFor = (name: string): string => {
    taken ??= namesOf(text, keys);
    let standIn = standIns.get(name);
    while (standIn === undefined || taken.has(standIn)) standIn = `~${(counter += 1)}`;
    standIns.set(name, standIn);
    names.set(standIn, name);
    return standIn;
  };
  const parts: string[] = [];
  let from = 0;
  for (const { start, end, name } of keys) {
    parts.push(text.slice(from, start), UNESCAPED.test(name) ? name : standInFor(name));
    from = end;
  }
  parts.push(text.slice(from));
  return { text: parts.join(''), restore: names.size > 0 ? (value) => withNames(value, names) : same };
}

/** In their order; none of a text with a key that is no JSON string, which is left to the parser to refuse. */
function escapedKeys(text: string): EscapedKey[] {
  const keys: EscapedKey[] = [];
  if (!text.includes('\\')) return keys;
  const names = new Map<string, string>();
  for (const [start, end] of keysOf(text)) {
    const written = text.slice(start, end);
    if (!written.includes('\\')) continue;
    try {
      const name = names.get(written) ?? (JSON.parse(`"${written}"`) as string);
      names.set(written, name);
      keys.push({ start, end, name });
    } catch {
      return [];
    }
  }
  return keys;
}

/** The names that a stand-in must not have. */
function namesOf(text: string, escaped: readonly EscapedKey[]): Set<string> {
  const names = new Set(escaped.map(({ name }) => name));
  for (const [start, end] of keysOf(text)) names.add(text.slice(start, end));
  return names;
}

/** What stands between the quotes of each string that a colon follows. */
function* keysOf(text: string): Generator<readonly [start: number, end: number]> {
  let quote = text.indexOf('"');
  while (quote >= 0) {
    const end = endOfString(text, quote + 1);
    if (end < 0) return;
    let next = end + 1;
    while (isWhitespace(text.charCodeAt(next))) next += 1;
    if (text.charCodeAt(next) === COLON) yield [quote + 1, end];
    quote = text.indexOf('"', next);
  }
}

/** The position of the quote that ends the string beginning at `start`; -1 when none does. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start);
  while (end >= 0 && isEscaped(text, start, end)) end = text.indexOf('"', end + 1);
  return end;
}

function isEscaped(text: string, start: number, position: number): boolean {
  let before = position - 1;
  while (before >= start && text.charCodeAt(before) === BACKSLASH) before -= 1;
  return (position - before) % 2 === 0;
}

function isWhitespace(unit: number): boolean {
  return unit === 32 || unit === 10 || unit === 13 || unit === 9;
}

type Container = Record<string | number, unknown>;

/** Iterative: a text may be nested as deeply as it is long. */
function withNames(value: unknown, names: ReadonlyMap<string, string>): unknown {
  const whole: Container = { value };
  const pending = [whole];
  for (let parent = pending.pop(); parent; parent = pending.pop())
    for (const key of Array.isArray(parent) ? parent.keys() : Object.keys(parent)) {
      const child = parent[key];
      if (typeof child !== 'object' || child === null) continue;
      const named = renamed(child as Container, names);
      // Its own by now, so that `__proto__` is a key like any other.
      if (named !== child) parent[key] = named;
      pending.push(named);
    }
  return whole['value'];
}

function renamed(object: Container, names: ReadonlyMap<string, string>): Container {
  if (Array.isArray(object) || !Object.keys(object).some((key) => names.has(key))) return object;
  return Object.fromEntries(Object.entries(object).map(([key, item]) => [names.get(key) ?? key, item]));
}

function same(value: unknown): unknown {
  return value;
}
