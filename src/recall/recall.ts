import { halfvec, varbit } from '../database/binary-parameters.js';
import type { Database } from '../database/database.js';
import type { Embedder } from '../embeddings/embedder.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { documents, lexicalCandidates } from './candidates.sql.js';
import { ENOUGH_CANDIDATES, MAX_CANDIDATES, mergeCandidates, type Candidate } from './candidate.js';
import { SEMANTIC_CHANNELS } from './fusion.js';
import { NEAREST_MEMORIES, nearestMemoriesWhere } from './nearest-memories.sql.js';
import { QuestionLookup, type KnownQuestion } from './question-lookup.js';
import { rank, type RankedMemory, type RecallMode } from './rank.js';
import { signBits } from './sign-bits.js';
import { vectorSpaceOf } from './vector-space.js';

/** A condition on the row `m` of a memory, with its parameters; `$1` in it is the first of them. */
export interface RecallCondition {
  readonly text: (firstParameter: number) => string;
  readonly values: readonly unknown[];
}

export interface RecallRequest {
  readonly tenantId: string;
  readonly query: string;
  readonly limit: number;
  readonly mode: RecallMode;
  /** Only memories of which this is true. */
  readonly condition?: RecallCondition | undefined;
}

export interface Recalled {
  /** Best first. */
  readonly ranked: readonly RankedMemory[];
  /** False when more vectors may be as near as those that were compared. */
  readonly exhaustive: boolean;
}

export interface RecallParts {
  readonly database: Database;
  readonly embedder: Embedder;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
}

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
    const { mode, limit } = request;
    const [question, vector] = await this.#look(request);
    const byWords = mode === 'semantic' ? [] : this.#byWords(request, question, vector);
    const isEnough = embedder.embedQuery && countFound(await byWords) >= Math.max(limit, ENOUGH_CANDIDATES);
    const [words, vectors] = await Promise.all([
      byWords,
      vector && !isEnough ? this.#byVectors(request, vector) : { candidates: [], exhaustive: true },
    ]);
    const ranked = rank(mergeCandidates([...words, ...vectors.candidates]), {
      mode,
      words: question.words,
      semantic: embedder.embedQuery ? SEMANTIC_CHANNELS.builtIn : SEMANTIC_CHANNELS.model,
    });
    return { ranked: ranked.slice(0, limit), exhaustive: vectors.exhaustive };
  }

  /** What the tenant's index knows of the question, and its vector, which a model of words makes of that. */
  async #look({ tenantId, query, mode }: RecallRequest): Promise<[KnownQuestion, number[] | undefined]> {
    const { embedder } = this.parts;
    const known = this.#questions.read(tenantId, query);
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
    { tenantId, limit, condition }: RecallRequest,
    { terms, averageLength }: KnownQuestion,
    vector: readonly number[] | undefined,
  ): Promise<Candidate[]> {
    if (terms.length === 0) return Promise.resolve([]);
    return this.parts.database.query<Candidate>(lexicalCandidates(condition?.text(8)), [
      tenantId,
      terms.map(({ lexeme }) => lexeme),
      terms.map(({ weight }) => weight),
      averageLength,
      Math.max(limit, MAX_CANDIDATES),
      vectorSpaceOf(this.parts.embedder),
      vector ? halfvec(vector) : null,
      ...(condition?.values ?? []),
    ]);
  }

  async #byVectors(
    { tenantId, condition, limit, mode }: RecallRequest,
    vector: readonly number[],
  ): Promise<{ candidates: Candidate[]; exhaustive: boolean }> {
    const { database, embedder } = this.parts;
    const most = Math.max(2 * limit, mode === 'semantic' ? 20 : 50);
    const rows = await database.query<Nearest>(
      condition ? nearestMemoriesWhere(condition.text(6)) : NEAREST_MEMORIES,
      [
        tenantId,
        vectorSpaceOf(embedder),
        varbit(signBits(vector)),
        halfvec(vector),
        most,
        ...(condition?.values ?? []),
      ],
    );
    if (rows.length === 0) return { candidates: [], exhaustive: true };
    const known = await database.query<Candidate>(documents(condition?.text(3)), [
      tenantId,
      rows.map(({ memoryId }) => memoryId),
      ...(condition?.values ?? []),
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
