// Over 200 lines: the list of everything that can be wrong with a request.
import fc from 'fast-check';
import type { Credentials } from './credentials.js';
import type { Parts, Verdict } from './fuzz-request.js';

/** Where a mutation strikes, and with what. */
export interface MutationDraw {
  /** 0 to below 1: which of the places that there are. */
  readonly place: number;
  readonly text: string;
  readonly value: unknown;
  readonly choice: number;
}
export interface Mutation {
  readonly name: string;
  /** Changes the request, and says what must become of it. */
  readonly apply: (parts: Parts, draw: MutationDraw, credentials: Credentials) => Verdict;
}

const HOSTILE_TEXTS = [
  '',
  ' ',
  '\t\n',
  'a\u0000b',
  '\ud800',
  'x\udfff',
  '🙂'.repeat(200),
  'x'.repeat(257),
  'x'.repeat(5_000),
  'y'.repeat(100_001),
  '__proto__',
  'constructor',
  '../../etc/passwd',
  '.',
  '..',
  "'; DROP TABLE shared.sessions; --",
  '%00',
  '%',
  '\u202e\ufeff\u2028',
  'NaN',
  '1e400',
  '-0',
  '0198d5a0-0000-7000-8000-00000000000g',
  '2026-02-30',
  '10000-01-01T00:00:00Z',
  'true',
  'null',
  '{}',
];
const HOSTILE_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  0.5,
  1e9,
  2 ** 31,
  2 ** 53,
  1e300,
  '',
  'text',
  [],
  [null],
  [[]],
  {},
  { '': '' },
  { toString: 1 },
  { lc: 1, type: 'constructor', id: ['langchain_core', 'messages', 'HumanMessage'], kwargs: {} },
  ...HOSTILE_TEXTS,
];

export const mutationDraw: fc.Arbitrary<MutationDraw> = fc.record({
  place: fc.nat({ max: 9_999 }).map((place) => place / 10_000),
  text: fc.oneof(fc.constantFrom(...HOSTILE_TEXTS), fc.string({ unit: 'binary', maxLength: 30 })),
  value: fc.constantFrom(...HOSTILE_VALUES),
  choice: fc.nat({ max: 999 }),
});

const JUDGE: Verdict = 'by the document';
const mutation = (name: string, apply: Mutation['apply']): Mutation => ({ name, apply });
const pick = <T>(items: readonly T[], { place }: MutationDraw): T | undefined =>
  items[Math.floor(items.length * place)];

/** A place inside a body: the object or list, and the key of the member. */
type Place = readonly [holder: Record<string, unknown>, key: string];
function placesOf(value: unknown): Place[] {
  if (typeof value !== 'object' || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((key): Place[] => [[holder, key], ...placesOf(holder[key])]);
}
function objectsOf(value: unknown): Record<string, unknown>[] {
  if (typeof value !== 'object' || value === null) return [];
  const inside = Object.values(value).flatMap(objectsOf);
  return Array.isArray(value) ? inside : [value as Record<string, unknown>, ...inside];
}

/** Whether PostgreSQL could not give it back, which docs/http.md refuses in prose. */
const isUnstorable = (text: string): boolean => text.includes('\0') || !text.isWellFormed();

/** One place of the body, as long as there is one. */
const inBody = (name: string, change: (place: Place, draw: MutationDraw) => Verdict): Mutation =>
  mutation(name, (parts, draw) => {
    // Copied, since a draft may be used twice.
    parts.body = structuredClone(parts.body);
    const place = pick(placesOf(parts.body), draw);
    return place ? change(place, draw) : JUDGE;
  });

/** The body as text, with something that no value says. */
const asText = (name: string, change: (text: string, draw: MutationDraw) => string): Mutation =>
  mutation(name, (parts, draw) => {
    if (parts.body === undefined) return JUDGE;
    const text = JSON.stringify(parts.body);
    const changed = change(text, draw);
    if (changed === text) return JUDGE;
    parts.text = changed;
    return 'refused';
  });

/** The content type and the encoding of a body, of which one alone is taken. */
const TYPES = [
  'text/plain',
  'application/x-www-form-urlencoded',
  'application/xml',
  'multipart/form-data; boundary=x',
];

export const MUTATIONS: readonly Mutation[] = [
  inBody('a member is missing', ([holder, key]) => {
    if (Array.isArray(holder)) holder.splice(Number(key), 1);
    else Reflect.deleteProperty(holder, key);
    return JUDGE;
  }),
  inBody('another value', ([holder, key], { value }) => {
    holder[key] = value;
    return typeof value === 'string' && isUnstorable(value) ? 'refused' : JUDGE;
  }),
  inBody('a hostile text', ([holder, key], { text }) => {
    holder[key] = text;
    return isUnstorable(text) ? 'refused' : JUDGE;
  }),
  mutation('a field that is not known', (parts, { choice, text, ...draw }) => {
    parts.body = structuredClone(parts.body);
    const holder = pick(objectsOf(parts.body), { choice, text, ...draw });
    const names = ['tenantId', 'tenant_id', 'constructor', 'limit ', 'seq', text];
    const name = names[choice % names.length] ?? text;
    if (holder && !(name in holder && Object.hasOwn(holder, name)))
      Object.defineProperty(holder, name, { value: 'acme', enumerable: true });
    return holder && (isUnstorable(name) || name === '__proto__') ? 'refused' : JUDGE;
  }),
  asText('a number that no double holds', (text, { choice }) => {
    const numbers = ['1e400', '-1e400', '12345678901234567890', '0.1234567890123456789012'];
    return text.replace(/"\w+":/, (key) => `"n":${numbers[choice % numbers.length] ?? ''},${key}`);
  }),
  asText('a key twice', (text) => text.replace(/("\w+":)/, '$1null,$1')),
  asText('__proto__', (text) => text.replace('{', '{"__proto__":{"isAdmin":true},')),
  asText('JSON that ends too early', (text) => text.slice(0, -1)),
  asText('no JSON', (_text, { choice }) => ['undefined', '{]', "{'a':1}", '\ufeff{', ''][choice % 5] ?? ''),
  asText('nested too deeply', (text, { choice }) => {
    const depth = choice % 2 ? 100 : 50_000;
    return text.replace(/"(\w+)":/, `"deep":${'['.repeat(depth)}${']'.repeat(depth)},"$1":`);
  }),
  asText('more than the service takes', (text) => text.replace('{', `{"large":"${'x'.repeat(1_100_000)}",`)),
  mutation('no object', (parts, { choice }) => {
    if (parts.body !== undefined) parts.body = [[], null, 'text', 7, [{}]][choice % 5];
    return JUDGE;
  }),
  mutation('another content type', (parts, { choice }) => {
    if (parts.body === undefined) return JUDGE;
    parts.headers['content-type'] = TYPES[choice % TYPES.length] ?? '';
    return 'refused';
  }),
  mutation('no content type', (parts) => {
    Reflect.deleteProperty(parts.headers, 'content-type');
    return parts.body === undefined ? JUDGE : 'refused';
  }),
  mutation('a body where there is none', (parts, { choice }) => {
    if (parts.operation.body || parts.operation.method === 'GET') return JUDGE;
    parts.text = ['{}', 'null', '{', 'text'][choice % 4];
    parts.headers['content-type'] = choice % 3 ? 'application/json' : 'text/plain';
    return 'either';
  }),
  mutation('a hostile parameter of the path', (parts, draw) => {
    const name = pick(Object.keys(parts.path), draw);
    if (name === undefined) return JUDGE;
    // A lone surrogate cannot be percent-encoded.
    parts.path[name] = draw.text.toWellFormed();
    return draw.text.includes('\0') ? 'refused' : JUDGE;
  }),
  mutation('a path that is no UTF-8', (parts, { choice }) => {
    if (Object.keys(parts.path).length === 0) return JUDGE;
    const bytes = ['%ff', '%ed%a0%80', '%', '%zz', '%c0%ae'][choice % 5] ?? '';
    parts.rawPath = parts.operation.path.replace(/\{\w+\}/, bytes);
    return 'refused';
  }),
  mutation('a hostile query', (parts, draw) => {
    const names = parts.operation.parameters.filter(({ in: place }) => place === 'query');
    const name = pick(names, draw)?.name;
    if (name === undefined) return JUDGE;
    const others = parts.query.filter(([key]) => key !== name);
    parts.query.splice(0, Infinity, ...others, [name, draw.text.toWellFormed()]);
    return draw.text.includes('\0') ? 'refused' : JUDGE;
  }),
  mutation('a parameter twice', (parts, draw) => {
    const again = pick(parts.query, draw);
    if (again) parts.query.push(again);
    return JUDGE;
  }),
  mutation('a query that is not known', (parts, { text }) => {
    parts.query.push([text.toWellFormed() || 'x', '1']);
    return 'either';
  }),
  mutation('a hostile header', (parts, draw) => {
    const headers = parts.operation.parameters.filter(({ in: place }) => place === 'header');
    const name = pick(headers, draw)?.name;
    if (name === undefined || name === 'X-Tenant-Id') return JUDGE;
    // What may stand in a header at all.
    parts.headers[name] = draw.text
      .replace(/[^\t\x20-\x7e\x80-\xff]/g, '')
      .slice(0, 4_000)
      .trim();
    return JUDGE;
  }),
  mutation('an accept of its own', (parts, { choice }) => {
    const accepts = ['image/png', 'text/plain;q=0, */*', ',;q=', 'text/plain;q=1, application/json;q=0.5'];
    parts.headers['accept'] = accepts[choice % accepts.length] ?? '';
    return JUDGE;
  }),
  mutation('a wrong credential', (parts, { choice }, { full, readOnly, writeOnly, revoked, expired }) => {
    const { scope } = parts.operation;
    if (scope === undefined) return JUDGE;
    const other = scope === 'read' ? writeOnly : readOnly;
    const [key = ''] = full;
    const wrong = [
      ...[
        '',
        'Bearer',
        `Basic ${key}`,
        `Bearer ${key}x`,
        `Bearer ${key.slice(0, -1)}`,
        `Bearer ${'k'.repeat(3_000)}`,
      ],
      ...[`Bearer ${revoked}`, `Bearer ${expired}`, `Bearer ${other}`, `Bearer ${key}, Bearer ${key}`],
    ];
    const credential = wrong[choice % wrong.length] ?? '';
    if (credential === '') Reflect.deleteProperty(parts.headers, 'authorization');
    else parts.headers['authorization'] = credential;
    return 'refused';
  }),
  mutation('another tenant named', (parts) => {
    parts.headers['X-Tenant-Id'] = 'blue';
    return JUDGE;
  }),
];
