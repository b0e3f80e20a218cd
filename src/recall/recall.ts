import { halfvec, varbit } from '../database/binary-parameters.js';
import type { Database } from '../database/database.js';
import type { Embedder } from '../embeddings/embedder.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { documents, lexicalCandidates, nearestCandidates } from './candidates.sql.js';
import { ENOUGH_CANDIDATES, MAX_CANDIDATES, mergeCandidates, type Candidate } from './candidate.js';
import { SEMANTIC_CHANNELS } from './fusion.js';
import { NEAREST_MEMORIES, NEAREST_MEMORIES_OF_AGENT, nearestMemoriesWhere } from './nearest-memories.sql.js';
import { QuestionLookup, type KnownQuestion } from './question-lookup.js';
import type { Places } from './question.sql.js';
import { rank, type RankedMemory, type RecallMode } from './rank.js';
import { scannedCandidates, type ScannedDocuments } from './scanned.sql.js';
import { parametersOf, restrictionFrom, type RecallCondition } from './recall-condition.js';
import { signBits } from './sign-bits.js';
import { vectorSpaceOf } from './vector-space.js';

export interface RecallRequest {
  readonly tenantId: string;
  readonly query: string;
  readonly limit: number;
  readonly mode: RecallMode;
  /** Only memories of the index of which this is true. */
  readonly condition?: RecallCondition | undefined;
  /** What is looked through beside the index, or in its place: `indexed` is true unless said otherwise. */
  readonly places?: Places;
  /**
   * Columns of `shared.agent_memories` that may be read along with what is found: then they stand in its candidate, and
   * a second round trip is spared.
   */
  readonly entry?: string;
}

export interface Recalled {
  /** Best first. */
  readonly ranked: readonly RankedMemory[];
  /** False when more vectors may be as near as those that were compared. */
  readonly exhaustive: boolean;
  /** Everything that was looked at, some of it with its `entry`. */
  readonly candidates: readonly Candidate[];
}

export interface RecallParts {
  readonly database: Database;
  readonly embedder: Embedder;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
}

interface Found {
  readonly candidates: readonly Candidate[];
  readonly exhaustive: boolean;
}

const NOTHING: Found = { candidates: [], exhaustive: true };

interface Nearest {
  readonly memoryId: string;
  readonly distance: number;
  readonly exhaustive: boolean;
}

/**
 * Finds memories by what a question says: by its words (BM25 over the tenant's postings), by the vectors near its own,
 * or by both; then weighs what was found by the conversation in which it stands.
 *
 * The vectors of the built-in embedder tell words, as the postings do, so those of the memories that the words found
 * are compared and no others, unless these are few: looking through all finds nothing more. A real model finds
 * memories of its own.
 */
export class Recall {
  readonly #questions: QuestionLookup;

  constructor(private readonly parts: RecallParts) {
    this.#questions = new QuestionLookup(parts.database, parts.textSearch);
  }

  /** @throws EmbeddingsUnavailableError, InvalidEmbeddingError, unless by words alone */
  async find(request: RecallRequest): Promise<Recalled> {
    const { embedder } = this.parts;
    const { mode, limit, places } = request;
    const [question, vector] = await this.#look(request);
    const [scanned, indexed] = await Promise.all([
      places?.scanned ? this.#scan(request, places.scanned, question, vector) : [],
      places?.indexed === false ? NOTHING : this.#inIndex(request, question, vector),
    ]);
    const ranked = rank(mergeCandidates([...indexed.candidates, ...scanned]), {
      mode,
      words: question.words,
      semantic: embedder.embedQuery ? SEMANTIC_CHANNELS.builtIn : SEMANTIC_CHANNELS.model,
    });
    return {
      ranked: ranked.slice(0, limit),
      exhaustive: indexed.exhaustive,
      candidates: indexed.candidates,
    };
  }

  async #inIndex(
    request: RecallRequest,
    question: KnownQuestion,
    vector: readonly number[] | undefined,
  ): Promise<Found> {
    const byWords = request.mode === 'semantic' ? [] : this.#byWords(request, question, vector);
    const isEnough =
      this.parts.embedder.embedQuery &&
      countFound(await byWords) >= Math.max(request.limit, ENOUGH_CANDIDATES);
    const [words, vectors] = await Promise.all([
      byWords,
      vector && !isEnough ? this.#byVectors(request, vector) : NOTHING,
    ]);
    return { candidates: [...words, ...vectors.candidates], exhaustive: vectors.exhaustive };
  }

  /** What the tenant's index knows of the question, and its vector, which a model of words makes of that. */
  async #look({
    tenantId,
    query,
    mode,
    places,
  }: RecallRequest): Promise<[KnownQuestion, number[] | undefined]> {
    const { embedder } = this.parts;
    const known =
      mode === 'semantic' && !embedder.embedQuery
        ? this.#questions.unread(query)
        : this.#questions.read(tenantId, query, places);
    if (mode === 'lexical') return [await known, undefined];
    if (!embedder.embedQuery) {
      const vectors = betweenTurns(() => embedder.embed([query], 'query'));
      const [question, [vector]] = await Promise.all([known, vectors]);
      return [question, vector];
    }
    const question = await known;
    return [question, await embedder.embedQuery(question.text, question.weights)];
  }

  #byWords(
    request: RecallRequest,
    question: KnownQuestion,
    vector: readonly number[] | undefined,
  ): Promise<Candidate[]> {
    if (question.terms.length === 0) return Promise.resolve([]);
    const { condition } = request;
    return this.parts.database.query<Candidate>(lexicalCandidates(restrictionFrom(8, condition)), [
      ...this.#lookedFor(request, question, vector),
      ...parametersOf(condition),
    ]);
  }

  #scan(
    request: RecallRequest,
    documents: ScannedDocuments,
    question: KnownQuestion,
    vector: readonly number[] | undefined,
  ): Promise<Candidate[]> {
    return this.parts.database.query<Candidate>(scannedCandidates(documents.text(8)), [
      ...this.#lookedFor(
        request,
        request.mode === 'semantic' ? { ...question, terms: [] } : question,
        vector,
      ),
      ...documents.values,
    ]);
  }

  #lookedFor(
    { tenantId, limit }: RecallRequest,
    { terms, averageLength }: KnownQuestion,
    vector: readonly number[] | undefined,
  ): unknown[] {
    return [
      tenantId,
      terms.map(({ lexeme }) => lexeme),
      terms.map(({ weight }) => weight),
      averageLength,
      Math.max(limit, MAX_CANDIDATES),
      vectorSpaceOf(this.parts.embedder),
      vector ? halfvec(vector) : null,
    ];
  }

  async #byVectors(request: RecallRequest, vector: readonly number[]): Promise<Found> {
    const { condition, limit, mode } = request;
    const most = Math.max(2 * limit, mode === 'semantic' ? 20 : 50);
    const parameters = [
      request.tenantId,
      vectorSpaceOf(this.parts.embedder),
      varbit(signBits(vector)),
      halfvec(vector),
      most,
    ];
    return condition && condition.agentId === undefined
      ? this.#nearestWhere(condition, parameters)
      : this.#nearestOf(condition?.agentId, request, parameters);
  }

  /** One round trip; by vectors alone, the memories come along with it. */
  async #nearestOf(
    agentId: string | undefined,
    { mode, entry }: RecallRequest,
    parameters: readonly unknown[],
  ): Promise<Found> {
    const nearest = agentId === undefined ? NEAREST_MEMORIES : NEAREST_MEMORIES_OF_AGENT;
    const rows = await this.parts.database.query<Candidate & { exhaustive: boolean | null }>(
      nearestCandidates(nearest, {
        neighbours: agentId === undefined ? 'true' : 'd.agent_id = $6',
        entry: mode === 'semantic' ? entry : undefined,
      }),
      [...parameters, ...(agentId === undefined ? [] : [agentId])],
    );
    return { candidates: rows, exhaustive: rows.every(({ exhaustive }) => exhaustive !== false) };
  }

  async #nearestWhere(condition: RecallCondition, parameters: readonly unknown[]): Promise<Found> {
    const { database } = this.parts;
    const rows = await database.query<Nearest>(nearestMemoriesWhere(restrictionFrom(6, condition)), [
      ...parameters,
      ...parametersOf(condition),
    ]);
    if (rows.length === 0) return NOTHING;
    const known = await database.query<Candidate>(documents(restrictionFrom(3, condition)), [
      parameters[0],
      rows.map(({ memoryId }) => memoryId),
      ...parametersOf(condition),
    ]);
    const similarities = new Map(rows.map(({ memoryId, distance }) => [memoryId, 1 - distance]));
    const candidates = known.map((candidate) => ({
      ...candidate,
      similarity: similarities.get(candidate.memoryId) ?? null,
    }));
    return { candidates, exhaustive: rows.every(({ exhaustive }) => exhaustive) };
  }
}

/** Neighbours aside. */
function countFound(candidates: readonly Candidate[]): number {
  return candidates.filter(({ lexical }) => typeof lexical === 'number').length;
}
