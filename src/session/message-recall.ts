import { halfvecArray } from '../database/binary-parameters.js';
import type { Database } from '../database/database.js';
import { spacedText } from '../embeddings/text-features.js';
import { chunksOf } from '../recall/chunks.js';
import { InvalidEmbeddingError } from '../errors.js';
import { searchedByWords, type Degradation } from '../recall/degradation.js';
import { endsInQuestion, headingOf } from '../recall/heading.js';
import type { RecallMode } from '../recall/rank.js';
import type { SqlPart } from '../recall/sql-part.js';
import type { ScannedDocuments } from '../recall/scanned.sql.js';
import type { TenantSpaces } from '../recall/tenant-spaces.js';
import type { TenantContext } from '../tenancy/tenant-context.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import type { TokenCounter } from '../tokens/token-counter.js';
import { toOpenAI, type MessageBody } from './message-codec.js';
import { countAnew, type CountedRow } from './message-count.js';
import { INDEX_MESSAGES, messagesOf, READ_MESSAGES, READ_UNINDEXED } from './message-recall.sql.js';
import { textOf } from './message-text.js';
import type { StoredMessage } from './message.js';

/** Messages that one search makes findable, the newest first; a longer thread takes several. */
const MAX_INDEXED = 2_000;
/** Of them at a time, with so many chunks, unless one has more. */
const BATCH = 200;
const MAX_CHUNKS = 500;

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
  constructor(private readonly parts: MessageRecallParts) {}

  /**
   * Sees to it that messages of a thread are found, the newest 2,000 that were not. While they cannot be embedded, they are
   * found by their words alone, and embedded by a later search.
   * @param mode of the search; by words alone, nothing is embedded
   */
  async index(threadId: string, mode: RecallMode): Promise<IndexedMessages> {
    try {
      return { isWhole: await this.#index(threadId, mode), degraded: [] };
    } catch (error) {
      const degradation = searchedByWords(error);
      if (!degradation) throw error;
      // Those that have words already are not written once more.
      return { isWhole: await this.#index(threadId, 'lexical'), degraded: [degradation] };
    }
  }

  /** @returns whether none is left */
  async #index(threadId: string, mode: RecallMode): Promise<boolean> {
    const { database, spaces, tenants, textSearch } = this.parts;
    const space = mode === 'lexical' ? undefined : await spaces.of(tenants.require());
    for (let indexed = 0; indexed < MAX_INDEXED;) {
      const rows = await database.query<UnindexedRow>(READ_UNINDEXED, [
        tenants.require(),
        threadId,
        textSearch,
        space ?? null,
        BATCH,
      ]);
      const messages = firstOf(rows.map(chunked));
      if (messages.length > 0) await this.#write(messages, space);
      if (rows.length < BATCH && messages.length === rows.length) return true;
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

  /** @param space of the vectors; without it, none are made */
  async #write(messages: readonly ChunkedMessage[], space: string | undefined): Promise<void> {
    const { database, spaces, tenants } = this.parts;
    const chunks = messages.flatMap(({ heading, chunks: texts }, index) =>
      texts.map((text, chunk) => ({ place: index + 1, chunk, heading, text })),
    );
    const texts = space === undefined ? [] : chunks.map(({ heading, text }) => `${heading} ${text}`);
    const vectors =
      space === undefined
        ? []
        : await betweenTurns(() => spaces.embedders.of(space).embed(texts, 'document'));
    if (vectors.length !== texts.length)
      throw new InvalidEmbeddingError(`${vectors.length} vectors for ${texts.length} texts`);
    await database.query(INDEX_MESSAGES, [
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
    ]);
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

/** As many as have few enough chunks together, and one at least. */
function firstOf(messages: readonly ChunkedMessage[]): ChunkedMessage[] {
  let chunks = 0;
  const end = messages.findIndex(
    (message, index) => (chunks += message.chunks.length) > MAX_CHUNKS && index > 0,
  );
  return messages.slice(0, end < 0 ? messages.length : end);
}
