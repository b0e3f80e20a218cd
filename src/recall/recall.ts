import type { Database } from '../database/database.js';
import type { Embedder } from '../embeddings/embedder.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { mergeCandidates, type Candidate } from './candidate.js';
import { CandidateSearch, NOTHING, type RecallRequest } from './candidate-search.js';
import { searchedByWords, type Degradation } from './degradation.js';
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
  /** Why it was by words alone although more was asked for; else empty. */
  readonly degraded: readonly Degradation[];
}

export interface RecallParts {
  readonly database: Database;
  readonly embedder: Embedder;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
}

/**
 * Finds memories by what a question says: by its words (BM25 over the tenant's postings), by the vectors near its own,
 * or by both; then weighs what was found by the conversation in which it stands. While the question cannot be embedded,
 * its words answer whatever was asked for.
 */
export class Recall {
  readonly #questions: QuestionLookup;
  readonly #candidates: CandidateSearch;

  constructor(private readonly parts: RecallParts) {
    this.#questions = new QuestionLookup(parts.database, parts.textSearch);
    this.#candidates = new CandidateSearch(parts.database, parts.embedder);
  }

  async find(asked: RecallRequest): Promise<Recalled> {
    const { embedder } = this.parts;
    const { question, vector, degraded } = await this.#look(asked);
    const request: RecallRequest = degraded.length > 0 ? { ...asked, mode: 'lexical' } : asked;
    const { mode, limit, places } = request;
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
      degraded,
    };
  }

  /** What the tenant's index knows of the question, and its vector, which a model of words makes of that. */
  async #look({ tenantId, query, mode, places }: RecallRequest): Promise<LookedUp> {
    const { embedder } = this.parts;
    const read = (): Promise<KnownQuestion> => this.#questions.read(tenantId, query, places);
    if (mode === 'lexical') return { question: await read(), degraded: [] };
    if (embedder.embedQuery) {
      const question = await read();
      return {
        question,
        vector: await embedder.embedQuery(question.text, question.weights),
        degraded: [],
      };
    }
    const [known, made] = await Promise.all([
      mode === 'semantic' ? undefined : read(),
      embedded(() => betweenTurns(() => embedder.embed([query], 'query'))),
    ]);
    const needsWords = made.degraded.length > 0;
    return { question: known ?? (needsWords ? await read() : this.#questions.unread(query)), ...made };
  }
}

interface LookedUp {
  readonly question: KnownQuestion;
  readonly vector?: number[] | undefined;
  readonly degraded: readonly Degradation[];
}

/** The vector, or why there is none. */
async function embedded(embed: () => Promise<number[][]>): Promise<Omit<LookedUp, 'question'>> {
  try {
    const [vector] = await embed();
    return { vector, degraded: [] };
  } catch (error) {
    const degradation = searchedByWords(error);
    if (!degradation) throw error;
    return { degraded: [degradation] };
  }
}
