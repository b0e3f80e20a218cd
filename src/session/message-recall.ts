import { setTimeout as sleep } from 'node:timers/promises';
import { halfvecArray } from '../database/binary-parameters.js';
import type { Database } from '../database/database.js';
import { requestsOf, type RequestLimit } from '../embeddings/request-limit.js';
import { spacedText } from '../embeddings/text-features.js';
import { chunksOf } from '../recall/chunks.js';
import { EmbeddingsUnavailableError } from '../errors.js';
import { searchedByWords, type Degradation } from '../recall/degradation.js';
import { endsInQuestion, headingOf } from '../recall/heading.js';
import type { RecallMode } from '../recall/rank.js';
import type { SqlPart } from '../recall/sql-part.js';
import type { ScannedDocuments } from '../recall/scanned.sql.js';
import type { TenantSpaces } from '../recall/tenant-spaces.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { toOpenAI, type MessageBody } from './message-codec.js';
import { countAnew, type CountedRow } from './message-count.js';
import { MAX_BATCH, MessageEmbedding } from './message-embedding.js';
import { INDEX_MESSAGES, messagesOf, READ_MESSAGES, READ_UNINDEXED } from './message-recall.sql.js';
import { textOf } from './message-text.js';
import type { StoredMessage } from './message.js';

/** Messages that one search makes findable, the newest first, in so many milliseconds; a longer thread takes several. */
const MAX_INDEXED = 2_000;
const MAX_INDEXING_MS = 10_000;
/** Chunks of those that are written together, unless one has more, where nobody is asked for their vectors. */
const WRITTEN: RequestLimit = { texts: 500, length: Infinity };

export interface MessageRecallParts {
  readonly database: Database;
  readonly spaces: TenantSpaces;
  readonly tenants: TenantContext;
  readonly counter: TokenCounter;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
}

export interface IndexedMessages {
  /** Whether none is left that is not found. */
  readonly isWhole: boolean;
  /** Why some are found by their words alone although more was asked for; else empty. */
  readonly degraded: readonly Degradation[];
}

type UnindexedRow = MessageBody & {
  readonly sessionId: string;
  readonly seq: number;
  readonly revision: number;
  readonly createdAt: Date;
  readonly textSearch: string;
};

type FoundRow = MessageBody &
  CountedRow & {
    readonly seq: number;
    readonly revision: number;
    readonly messageId: string;
    readonly createdAt: Date;
  };

/**
 * Makes the messages of a thread findable, which are stored once and in no index: what a message's words and its vectors
 * are is written when somebody first searches the thread, and then kept.
 */
export class MessageRecall {
  readonly #embedding: MessageEmbedding;

  constructor(private readonly parts: MessageRecallParts) {
    this.#embedding = new MessageEmbedding(parts.spaces.embedders);
  }

  /**
   * Sees to it that messages of a thread are found, the newest 2,000 that were not. While they cannot be embedded, they are
   * found by their words alone, and embedded by a later search.
   * @param mode of the search; by words alone, nothing is embedded
   * @param withinMs how long vectors are waited for; those that come later are kept for the next search
   */
  async index(threadId: string, mode: RecallMode, withinMs = Infinity): Promise<IndexedMessages> {
    try {
      const isWhole = await inTime(this.#index(threadId, mode), withinMs);
      // What there was no time to embed is found by its words. Those that have words already are not written once more.
      if (!isWhole && mode !== 'lexical') await this.#index(threadId, 'lexical');
      return { isWhole, degraded: [] };
    } catch (error) {
      const degradation = searchedByWords(error);
      if (!degradation) throw error;
      return { isWhole: await this.#index(threadId, 'lexical'), degraded: [degradation] };
    }
  }

  /** @returns whether none is left */
  async #index(threadId: string, mode: RecallMode): Promise<boolean> {
    const { database, spaces, tenants, textSearch } = this.parts;
    const tenantId = tenants.require();
    const space = mode === 'lexical' ? undefined : await spaces.of(tenantId);
    const end = performance.now() + MAX_INDEXING_MS;
    for (let indexed = 0; indexed < MAX_INDEXED && performance.now() < end;) {
      const fitting = space === undefined ? MAX_BATCH : this.#embedding.batchOf(tenantId);
      const batch = Math.min(MAX_INDEXED - indexed, fitting);
      const rows = await database.query<UnindexedRow>(READ_UNINDEXED, [
        tenantId,
        threadId,
        textSearch,
        space ?? null,
        batch,
      ]);
      const limit = space === undefined ? undefined : this.#embedding.limitOf(space);
      const [messages = []] = requestsOf(rows.map(chunked), ({ chunks }) => chunks, limit ?? WRITTEN);
      if (messages.length > 0) {
        const vectors = space === undefined ? [] : await this.#embedding.vectorsOf(tenantId, space, messages);
        await this.#write(messages, space, vectors);
      }
      if (rows.length < batch && messages.length === rows.length) return true;
      indexed += messages.length;
    }
    return false;
  }

  /** The messages of a thread that {@link index} made findable, and of which a condition on a memory's row is true. */
  documents(
    threadId: string,
    { asOf, condition }: { asOf: Date | undefined; condition: SqlPart | undefined },
  ): ScannedDocuments {
    const of = (parameter: number): string => `$${parameter}`;
    return {
      text: (first) => messagesOf(of(first), of(first + 1), of(first + 2), condition?.text(first + 3)),
      values: [threadId, this.parts.textSearch, asOf ?? null, ...(condition?.values ?? [])],
    };
  }

  /** The messages of a thread among what was found, by the ids that recall has for them. */
  async read(threadId: string, ids: readonly string[]): Promise<Map<string, StoredMessage>> {
    const keys = ids.map((id) => id.split('.').map(Number));
    const rows = await this.parts.database.query<FoundRow>(READ_MESSAGES, [
      this.parts.tenants.require(),
      threadId,
      keys.map(([seq]) => seq),
      keys.map(([, revision]) => revision),
    ]);
    await countAnew(this.parts.counter, rows);
    return new Map(
      rows.map(({ seq, revision, messageId, tokens, createdAt, ...message }) => [
        `${seq}.${revision}`,
        { ...toOpenAI(message), id: messageId, seq, tokens, createdAt: createdAt.toISOString() },
      ]),
    );
  }

  /** @param vectors of all chunks, or none */
  async #write(
    messages: readonly ChunkedMessage[],
    space: string | undefined,
    vectors: readonly number[][],
  ): Promise<void> {
    const { database, tenants } = this.parts;
    const chunks = messages.flatMap(({ heading, chunks: texts }, index) =>
      texts.map((text, chunk) => ({ place: index + 1, chunk, heading, text })),
    );
    const values = [
      tenants.require(),
      messages[0]?.sessionId,
      messages[0]?.textSearch,
      space ?? '',
      messages.map(({ seq }) => seq),
      messages.map(({ revision }) => revision),
      messages.map(({ speaker }) => speaker),
      messages.map(({ role }) => role),
      messages.map(({ text }) => endsInQuestion(text)),
      messages.map(({ text }) => text.length),
      messages.map((message) => Math.max(1, message.chunks.length)),
      chunks.map(({ place }) => place),
      chunks.map(({ chunk }) => chunk),
      chunks.map(({ heading }) => spacedText(heading)),
      chunks.map(({ text }) => spacedText(text)),
      halfvecArray(vectors),
    ];
    // Also for a search that nobody waits for any more: the next would embed the same once more, and be as late.
    await database.evenIfGivenUp(() => database.query(INDEX_MESSAGES, values));
  }
}

type ChunkedMessage = ReturnType<typeof chunked>;

function chunked({ sessionId, seq, revision, createdAt, textSearch, ...body }: UnindexedRow) {
  const message = toOpenAI(body);
  const text = textOf(message);
  const speaker = message.name ?? message.role;
  return {
    sessionId,
    seq,
    revision,
    textSearch,
    text,
    speaker,
    role: message.role,
    heading: headingOf({ speaker, occurredAt: createdAt.toISOString() }),
    // A message that says nothing is found by nothing.
    chunks: text.trim() === '' ? [] : chunksOf(text),
  };
}

/** @throws EmbeddingsUnavailableError when it takes longer; it goes on, and what becomes of it nobody hears */
async function inTime<T>(work: Promise<T>, withinMs: number): Promise<T> {
  if (withinMs === Infinity) return work;
  const timer = new AbortController();
  const late = sleep(withinMs, undefined, { signal: timer.signal }).then((): never => {
    throw new EmbeddingsUnavailableError(`no vectors of messages within ${withinMs} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}
