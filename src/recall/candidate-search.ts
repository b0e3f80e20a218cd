import { halfvec, varbit } from '../database/binary-parameters.js';
import type { Database } from '../database/database.js';
import { ENOUGH_CANDIDATES, MAX_CANDIDATES, type Candidate } from './candidate.js';
import {
  documents,
  LEXICAL_CANDIDATES,
  lexicalCandidates,
  nearestOfAgent,
  nearestOfTenant,
} from './candidates.sql.js';
import { nearestMemoriesWhere } from './nearest-memories.sql.js';
import type { QueryVector } from './query-vector.js';
import type { KnownQuestion } from './question-lookup.js';
import type { Places } from './question.sql.js';
import type { RecallMode } from './rank.js';
import { parametersOf, restrictionFrom, type RecallCondition } from './recall-condition.js';
import { scannedCandidates, type ScannedDocuments } from './scanned.sql.js';
import { signBits } from './sign-bits.js';

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

export interface Found {
  readonly candidates: readonly Candidate[];
  readonly exhaustive: boolean;
}

export const NOTHING: Found = { candidates: [], exhaustive: true };

interface Nearest {
  readonly memoryId: string;
  readonly distance: number;
  readonly exhaustive: boolean;
}

/**
 * Finds what may be an answer: each channel asks one statement, and by vectors two where a condition has to be checked.
 *
 * The vectors of the built-in embedder tell words, as the postings do, so those of the memories that the words found
 * are compared and no others, unless these are few: looking through all finds nothing more. A real model finds
 * memories of its own.
 */
export class CandidateSearch {
  constructor(private readonly database: Database) {}

  /** Candidates of both channels from the tenant's index, with their neighbours. */
  async inIndex(
    request: RecallRequest,
    question: KnownQuestion,
    vector: QueryVector | undefined,
  ): Promise<Found> {
    const byWords = request.mode === 'semantic' ? [] : this.#byWords(request, question, vector);
    const isEnough =
      vector?.tellsWords && countFound(await byWords) >= Math.max(request.limit, ENOUGH_CANDIDATES);
    const [words, vectors] = await Promise.all([
      byWords,
      vector && !isEnough ? this.#byVectors(request, vector) : NOTHING,
    ]);
    return { candidates: [...words, ...vectors.candidates], exhaustive: vectors.exhaustive };
  }

  #byWords(
    request: RecallRequest,
    question: KnownQuestion,
    vector: QueryVector | undefined,
  ): Promise<Candidate[]> {
    if (question.terms.length === 0) return Promise.resolve([]);
    const { condition } = request;
    const statement = condition ? lexicalCandidates(restrictionFrom(8, condition)) : LEXICAL_CANDIDATES;
    return this.database.query<Candidate>(statement, [
      ...this.#lookedFor(request, question, vector),
      ...parametersOf(condition),
    ]);
  }

  /** Candidates of both channels from documents that are read from end to end. */
  scan(
    request: RecallRequest,
    documents: ScannedDocuments,
    question: KnownQuestion,
    vector: QueryVector | undefined,
  ): Promise<Candidate[]> {
    return this.database.query<Candidate>(scannedCandidates(documents.text(8)), [
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
    vector: QueryVector | undefined,
  ): unknown[] {
    return [
      tenantId,
      terms.map(({ lexeme }) => lexeme),
      terms.map(({ weight }) => weight),
      averageLength,
      Math.max(limit, MAX_CANDIDATES),
      vector?.space ?? null,
      vector ? halfvec(vector.numbers) : null,
    ];
  }

  async #byVectors(request: RecallRequest, vector: QueryVector): Promise<Found> {
    const { condition, limit, mode } = request;
    const most = Math.max(2 * limit, mode === 'semantic' ? 20 : 50);
    const parameters = [
      request.tenantId,
      vector.space,
      varbit(signBits(vector.numbers)),
      halfvec(vector.numbers),
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
    const statement = agentId === undefined ? nearestOfTenant : nearestOfAgent;
    const rows = await this.database.query<Candidate & { exhaustive: boolean | null }>(
      statement(mode === 'semantic' ? entry : undefined),
      [...parameters, ...(agentId === undefined ? [] : [agentId])],
    );
    return { candidates: rows, exhaustive: rows.every(({ exhaustive }) => exhaustive !== false) };
  }

  async #nearestWhere(condition: RecallCondition, parameters: readonly unknown[]): Promise<Found> {
    const { database } = this;
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
