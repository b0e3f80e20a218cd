import { createHash } from 'node:crypto';
import { halfvecArray, uuidArray, varbitArray } from '../database/binary-parameters.js';
import { spacedText } from '../embeddings/text-features.js';
import { chunksOf } from './chunks.js';
import { endsInQuestion, headingOf } from './heading.js';
import { instantOf } from './instant.js';

/** Where a memory came from, as far as recall looks at it. */
export interface RecallSource {
  readonly threadId?: string;
  readonly seq?: number;
  readonly speaker?: string;
  readonly role?: string;
  /** ISO 8601. */
  readonly occurredAt?: string;
}

/** A memory as recall takes it. */
export interface RecallDocument {
  readonly memoryId: string;
  readonly agentId: string;
  readonly content: string;
  readonly source: RecallSource | null;
}

export interface RecallSettings {
  readonly tenantId: string;
  /** Of the vectors, and of tenants that have none yet. */
  readonly space: string;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
}

/** What has to be embedded of some memories: their chunks, under their headings, in order. */
export function textsOf(documents: readonly Pick<RecallDocument, 'content' | 'source'>[]): string[] {
  return documents.flatMap(({ content, source }) => {
    const heading = headingOf(source);
    return chunksOf(content).map((chunk) => (heading ? `${heading} ${chunk}` : chunk));
  });
}

/** A vector as the index holds it, in PostgreSQL's binary form: a fifth of what it takes as numbers. */
export interface IndexedVector {
  readonly signs: Buffer;
  readonly embedding: Buffer;
}

/**
 * The parameters of `indexing`.
 * @param vectors of {@link textsOf}
 */
export function indexParametersOf(
  documents: readonly RecallDocument[],
  vectors: readonly IndexedVector[],
  { tenantId, space, textSearch }: RecallSettings,
): unknown[] {
  const chunked = documents.map((document) => ({ ...document, chunks: chunksOf(document.content) }));
  const chunks = chunked.flatMap(({ memoryId, agentId, source, chunks: texts }) =>
    texts.map((text, chunk) => ({ memoryId, agentId, heading: headingOf(source), text, chunk })),
  );
  return [
    textSearch,
    documents.map(({ memoryId }) => memoryId),
    documents.map(({ agentId }) => agentId),
    documents.map(({ source }) => source?.threadId ?? null),
    documents.map(({ source }) => source?.seq ?? null),
    documents.map(({ source }) => source?.speaker ?? null),
    documents.map(({ source }) => source?.role ?? null),
    documents.map(({ source }) => (source?.occurredAt ? instantOf(source.occurredAt) : null) ?? null),
    documents.map(({ content }) => endsInQuestion(content)),
    documents.map(({ content }) => content.length),
    chunked.map((document) => document.chunks.length),
    documents.map(({ agentId, content }) => contentKey(tenantId, agentId, content)),
    space,
    uuidArray(chunks.map(({ memoryId }) => memoryId)),
    chunks.map(({ chunk }) => chunk),
    chunks.map(({ heading }) => spacedText(heading)),
    chunks.map(({ text }) => spacedText(text)),
    chunks.map(({ agentId }) => agentId),
    varbitArray(vectors.map(({ signs }) => signs)),
    halfvecArray(vectors.map(({ embedding }) => embedding)),
  ];
}

/**
 * Tells which memories may say the same: 64 bits of the tenant, the agent and the content, whatever its spaces and the way in
 * which Unicode composes its characters. Not proof: whoever finds two compares their contents.
 */
export function contentKey(tenantId: string, agentId: string, content: string): string {
  const identity = JSON.stringify([tenantId, agentId, normalized(content)]);
  const hash = createHash('sha256').update(identity).digest();
  return hash.readBigInt64BE().toString();
}

/** The content as duplicates are compared. */
export function normalized(content: string): string {
  return content.normalize('NFC').replace(/\s+/gu, ' ').trim();
}
