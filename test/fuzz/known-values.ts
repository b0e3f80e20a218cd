import fc from 'fast-check';

/** Stands in a generated request for a value that is chosen when the request is sent, out of former answers. */
export class Known {
  /** @param pick 0 to below 1: which of them, the newest last */
  constructor(
    readonly kind: Kind,
    readonly pick: number,
  ) {}
}

const KINDS = [
  'threadId',
  'memoryId',
  'receiptId',
  'agentId',
  'messageId',
  'cursor',
  'before',
  'ifMatch',
  'ifNoneMatch',
  'idempotencyKey',
  'word',
  'moment',
  'modelTier',
  'model',
  'shares',
  'total',
] as const;
type Kind = (typeof KINDS)[number];

/** The kind of value that a parameter or a member of this name takes. */
const KIND_OF: Readonly<Record<string, Kind>> = {
  threadId: 'threadId',
  memoryId: 'memoryId',
  receiptId: 'receiptId',
  agentId: 'agentId',
  cursor: 'cursor',
  before: 'before',
  'If-Match': 'ifMatch',
  'If-None-Match': 'ifNoneMatch',
  'Idempotency-Key': 'idempotencyKey',
  asOf: 'moment',
  occurredAt: 'moment',
  createdAt: 'moment',
  updatedAt: 'moment',
  query: 'word',
  modelTier: 'modelTier',
  model: 'model',
  tool_call_id: 'messageId',
  id: 'messageId',
  shares: 'shares',
  total: 'total',
};

/** What there is before the first answer: also ids that are hard to put into a path. */
const AT_FIRST: Readonly<Record<Kind, readonly unknown[]>> = {
  threadId: ['trip', 'a b', 'a/b', '%2F', '🧳 Lisboa', 'é?#&=', '...'],
  memoryId: ['0198d5a0-0000-7000-8000-000000000000'],
  receiptId: ['0198d5a0-0000-7000-8000-000000000000'],
  agentId: ['travel', 'support', 'é🙂'],
  messageId: ['m1', 'm2', 'call-1'],
  cursor: ['bm90aGluZw'],
  before: [1, 2, 5, 2_147_483_647],
  ifMatch: ['"0"', '"1"'],
  ifNoneMatch: ['"1"', 'W/"1"', '*', '"1", "2"'],
  idempotencyKey: ['key-1', 'key-2'],
  word: ['window seat', 'who prefers what?', '東京', '"; DROP'],
  moment: ['2026-05-08T13:56:00Z', '2026-05-08', '2026-05-08T13:56:00.123456+02:00', '9999-12-31'],
  modelTier: ['fast', 'reasoning'],
  model: ['gpt-4o', 'claude-sonnet-4-5', 'no-such-model'],
  shares: [
    { systemPrompt: 0.15, sessionHistory: 0.35, relevantContext: 0.35, taskAndBuffer: 0.15 },
    { systemPrompt: 0, sessionHistory: 1, relevantContext: 0, taskAndBuffer: 0 },
  ],
  total: [200, 1_000, 8_000, 32_000],
};
/** Newer values take the place of older ones beyond so many, so that what a request names is mostly there still. */
const MOST = 12;

/** A value of former answers, or one that was there at first. */
export function knownValue(name: string): fc.Arbitrary<Known> | undefined {
  const kind = KIND_OF[name];
  return kind && fc.nat({ max: 999 }).map((pick) => new Known(kind, pick / 1_000));
}

/** What the answers of one run have taught. */
export class KnownValues {
  readonly #values = new Map<Kind, unknown[]>(KINDS.map((kind) => [kind, [...AT_FIRST[kind]]]));
  /** A cursor belongs to the list that gave it. */
  readonly #cursors = new Map<string, string>();

  /** The same request with values in the place of what stands for them. */
  resolve(value: unknown, operation: string): unknown {
    if (value instanceof Known) return this.#choose(value, operation);
    if (Array.isArray(value)) return value.map((item) => this.resolve(item, operation));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).map(([key, item]) => [key, this.resolve(item, operation)]),
    );
  }

  /** Remembers the ids, versions, cursors and tags of a successful answer. */
  learn(operation: string, body: unknown, headers: Readonly<Record<string, unknown>>): void {
    const etag = headers['etag'];
    if (typeof etag === 'string') {
      this.#add('ifMatch', etag);
      this.#add('ifNoneMatch', etag);
    }
    if (typeof body !== 'object' || body === null) return;
    const { nextCursor, nextBefore, version } = body as Record<string, unknown>;
    if (typeof nextCursor === 'string') this.#cursors.set(operation, nextCursor);
    if (typeof nextBefore === 'number') this.#add('before', nextBefore);
    if (typeof version === 'number') this.#add('ifMatch', `"${version}"`);
    this.#learnIds(body);
  }

  #learnIds(value: unknown): void {
    if (Array.isArray(value)) for (const item of value.slice(0, 20)) this.#learnIds(item);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return;
    const { memoryId, receiptId, threadId, receipt, content, createdAt } = value as Record<string, unknown>;
    if (typeof memoryId === 'string') this.#add('memoryId', memoryId);
    if (typeof threadId === 'string') this.#add('threadId', threadId);
    if (typeof createdAt === 'string') this.#add('moment', createdAt);
    const { id } = (receipt ?? {}) as { id?: unknown };
    for (const receiptIdOf of [receiptId, id])
      if (typeof receiptIdOf === 'string') this.#add('receiptId', receiptIdOf);
    if (typeof content === 'string' && content.length < 200 && content.trim() !== '')
      this.#add('word', content);
    for (const member of ['memories', 'memory', 'sessions', 'receipts', 'results'])
      this.#learnIds((value as Record<string, unknown>)[member]);
  }

  #add(kind: Kind, value: unknown): void {
    const values = this.#values.get(kind) ?? [];
    if (values.includes(value)) return;
    values.push(value);
    // Those of the beginning stay.
    if (values.length > AT_FIRST[kind].length + MOST) values.splice(AT_FIRST[kind].length, 1);
  }

  #choose({ kind, pick }: Known, operation: string): unknown {
    const values = this.#values.get(kind) ?? [];
    if (kind === 'cursor' && pick > 0.1) return this.#cursors.get(operation);
    // Towards the newest: the older ones may be deleted.
    return values[Math.floor(values.length * Math.sqrt(pick))];
  }
}
