import type { Query } from '../database/preflight.js';
import { requireText } from '../database/storable.js';
import { spacedText } from '../embeddings/text-features.js';
import { InvalidInputError } from '../errors.js';
import { chunksOf } from './chunks.js';
import { endsInQuestion, headingOf } from './heading.js';
import * as sql from './lexical-index.sql.js';
import { contentKey, type RecallDocument } from './recall-rows.js';

/** Memories written at once. At 100,000 characters each they are 20 MB. */
const BATCH = 200;
/** Of two identifiers of PostgreSQL, quoted, with a dot. */
const MAX_NAME = 256;
const NO_ID = '00000000-0000-0000-0000-000000000000';

/** How the words of a tenant become lexemes. */
export interface TextSearch {
  tenantId: string;
  /** The configuration with which its index is written; the default while it has none. */
  textSearch: string;
  /** Whether it is the tenant's own; otherwise it was the default when the index was written. */
  isOwn: boolean;
  /** Memories in the index. */
  memories: number;
  /** The setting `TEXT_SEARCH`. */
  default: string;
  /** Configurations that this server has. */
  available: string[];
}

export type RewrittenIndex = Omit<TextSearch, 'available'>;

export interface RewriteOptions {
  /** A configuration for the tenant's own; null: the default; absent: its own, or the default where it has none. */
  readonly textSearch?: string | null | undefined;
  /** Told after every batch how many memories are done. */
  readonly progress?: ((done: number, of: number) => void) | undefined;
}

type Revision = Pick<RecallDocument, 'memoryId' | 'content' | 'source'> & { readonly revision: number };

/**
 * The lexical index of a tenant as a whole: with which configuration it is written, and how it is written anew. Each
 * method takes the statements of a transaction in the tenant's scope.
 */
export class LexicalIndex {
  /** @param textSearch the configuration of tenants that have none of their own */
  constructor(private readonly textSearch: string) {}

  async read(query: Query, tenantId: string): Promise<TextSearch> {
    const [row] = await query<TextSearch>(sql.READ_TEXT_SEARCH, [tenantId, this.textSearch]);
    return row as TextSearch;
  }

  /**
   * Writes postings, counts and the lexemes of documents and revisions anew, from what the memories say. Who else would
   * write to the index waits until the transaction ends, and then writes in the new configuration; who reads sees the
   * old one whole until the commit, and the new one whole after it. Vectors stay as they are: no embedder
   * asks for the configuration.
   * @throws InvalidInputError when the server has no such configuration
   */
  async rewrite(
    query: Query,
    tenantId: string,
    { textSearch, progress }: RewriteOptions = {},
  ): Promise<RewrittenIndex> {
    if (typeof textSearch === 'string') requireText(textSearch, 'textSearch', MAX_NAME);
    // Before it waits: most mistakes are in what was just typed.
    const given =
      typeof textSearch === 'string' ? await this.#found(query, tenantId, textSearch) : textSearch;
    await query(sql.HOLD_INDEX, [tenantId]);
    const before = await this.read(query, tenantId);
    const own = given === undefined && before.isOwn ? before.textSearch : given;
    const isOwn = typeof own === 'string';
    const name = isOwn ? own : this.textSearch;
    await this.#found(query, tenantId, name);
    await query(sql.DELETE_POSTINGS, [tenantId]);
    await query(sql.CLEAR_CORPUS, [tenantId]);
    const memories = await rewriteMemories(query, tenantId, name, (done) =>
      progress?.(done, before.memories),
    );
    await rewriteRevisions(query, tenantId, name);
    await query(sql.NOTE_TEXT_SEARCH, [tenantId, name, isOwn]);
    return { tenantId, textSearch: name, isOwn, memories, default: this.textSearch };
  }

  /** The name of a configuration as it is noted: with its schema where it is not PostgreSQL's own. */
  async #found(query: Query, tenantId: string, textSearch: string): Promise<string> {
    const [found] = await query<{ name: string }>(sql.FIND_TEXT_SEARCH, [textSearch]);
    if (found) return found.name;
    const { available } = await this.read(query, tenantId);
    const message = `the server has no text search configuration "${textSearch}"; it has ${available.join(', ')}`;
    throw new InvalidInputError([{ field: 'textSearch', message }]);
  }
}

/** @returns how many memories are in the index */
async function rewriteMemories(
  query: Query,
  tenantId: string,
  name: string,
  progress: (done: number) => void,
): Promise<number> {
  let done = 0;
  let last = NO_ID;
  for (;;) {
    const batch = await query<RecallDocument>(sql.READ_INDEXED, [tenantId, last, BATCH]);
    if (batch.length === 0) return done;
    const [row] = await query<{ documents: number }>(sql.REWRITE_MEMORIES, [
      tenantId,
      name,
      ...chunkColumns(batch, ({ memoryId }) => memoryId),
      batch.map(({ memoryId }) => memoryId),
      batch.map(({ content }) => endsInQuestion(content)),
      batch.map(({ content }) => content.length),
      batch.map(({ content }) => chunksOf(content).length),
      batch.map(({ agentId, content }) => contentKey(tenantId, agentId, content)),
    ]);
    done += row?.documents ?? 0;
    progress(done);
    last = batch.at(-1)?.memoryId ?? last;
  }
}

async function rewriteRevisions(query: Query, tenantId: string, name: string): Promise<void> {
  let last: readonly [memoryId: string, revision: number] = [NO_ID, 0];
  for (;;) {
    const batch = await query<Revision>(sql.READ_REVISIONS, [tenantId, ...last, BATCH]);
    const end = batch.at(-1);
    if (!end) return;
    await query(sql.REWRITE_REVISIONS, [
      tenantId,
      name,
      ...chunkColumns(batch, (_, index) => index + 1),
      batch.map(({ memoryId }) => memoryId),
      batch.map(({ revision }) => revision),
      batch.map(({ content }) => chunksOf(content).length),
    ]);
    last = [end.memoryId, end.revision];
  }
}

/** Of each chunk whose it is, its number, its heading and its body. */
function chunkColumns<T extends Pick<RecallDocument, 'content' | 'source'>>(
  documents: readonly T[],
  keyOf: (document: T, index: number) => string | number,
): unknown[] {
  const chunks = documents.flatMap((document, index) =>
    chunksOf(document.content).map((text, chunk) => ({
      key: keyOf(document, index),
      chunk,
      heading: headingOf(document.source),
      text,
    })),
  );
  return [
    chunks.map(({ key }) => key),
    chunks.map(({ chunk }) => chunk),
    chunks.map(({ heading }) => spacedText(heading)),
    chunks.map(({ text }) => spacedText(text)),
  ];
}
