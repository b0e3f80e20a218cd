import type { Database } from '../database/database.js';
import type { Embedder } from '../embeddings/embedder.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { mergeCandidates, type Candidate } from './candidate.js';
import { CandidateSearch, NOTHING, type RecallRequest } from './candidate-search.js';
import { SEMANTIC_CHANNELS } from './fusion.js';
import { QuestionLookup, type KnownQuestion } from './question-lookup.js';
import { rank, type RankedMemory } from './rank.js';

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

/**
 * Finds memories by what a question says: by its words (BM25 over the tenant's postings), by the vectors near its own,
 * or by both; then weighs what was found by the conversation in which it stands.
 */
export class Recall {
  readonly #questions: QuestionLookup;
  readonly #candidates: CandidateSearch;

  constructor(private readonly parts: RecallParts) {
    this.#questions = new QuestionLookup(parts.database, parts.textSearch);
    this.#candidates = new CandidateSearch(parts.database, parts.embedder);
  }

  /** @throws EmbeddingsUnavailableError, InvalidEmbeddingError, unless by words alone */
  async find(request: RecallRequest): Promise<Recalled> {
    const { embedder } = this.parts;
    const { mode, limit, places } = request;
    const [question, vector] = await this.#look(request);
    const [scanned, indexed] = await Promise.all([
      places?.scanned ? this.#candidates.scan(request, places.scanned, question, vector) : [],
      places?.indexed === false ? NOTHING : this.#candidates.inIndex(request, question, vector),
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
}
