import type { Database } from '../database/database.js';
import type { Meter } from '../telemetry/meter.js';
import { inSpan, inSyncSpan } from '../telemetry/spans.js';
import { betweenTurns } from '../tenancy/tenant-turns.js';
import { mergeCandidates, type Candidate } from './candidate.js';
import { CandidateSearch, NOTHING, type RecallRequest } from './candidate-search.js';
import { searchedByWords, type Degradation } from './degradation.js';
import { SEMANTIC_CHANNELS } from './fusion.js';
import type { QueryVector } from './query-vector.js';
import { QuestionLookup, type KnownQuestion } from './question-lookup.js';
import { readQuestion } from './question.js';
import { rank, type RankedMemory } from './rank.js';
import type { TenantSpaces } from './tenant-spaces.js';

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
  readonly spaces: TenantSpaces;
  /** The text search configuration of tenants that have none of their own. */
  readonly textSearch: string;
  readonly meter?: Meter | undefined;
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
    this.#candidates = new CandidateSearch(parts.database);
  }

  find(asked: RecallRequest): Promise<Recalled> {
    const tell = this.parts.meter?.start('recall');
    const attributes = { 'triptych.recall.mode': asked.mode, 'triptych.recall.limit': asked.limit };
    return inSpan(
      'recall',
      async (span) => {
        const { candidateCount, ...recalled } = await this.#find(asked);
        const { exhaustive, degraded } = recalled;
        span.setAttributes({
          'triptych.recall.candidates': candidateCount,
          'triptych.recall.results': recalled.ranked.length,
          'triptych.recall.exhaustive': exhaustive,
          'triptych.degraded': degraded.map(({ code }) => code),
        });
        tell?.({
          mode: asked.mode,
          candidates: candidateCount,
          exhaustive,
          degraded: degraded.map(({ code }) => code),
        });
        return recalled;
      },
      { attributes },
    );
  }

  async #find(asked: RecallRequest): Promise<Recalled & { candidateCount: number }> {
    const { question, vector, degraded } = await inSpan('recall question', () => this.#look(asked));
    const request: RecallRequest = degraded.length > 0 ? { ...asked, mode: 'lexical' } : asked;
    const { mode, limit, places } = request;
    const [scanned, indexed] = await inSpan('recall candidates', () =>
      Promise.all([
        places?.scanned ? this.#candidates.scan(request, places.scanned, question, vector) : [],
        places?.indexed === false ? NOTHING : this.#candidates.inIndex(request, question, vector),
      ]),
    );
    const merged = mergeCandidates([...indexed.candidates, ...scanned]);
    const ranked = inSyncSpan('recall rank', () =>
      rank(merged, {
        mode,
        words: question.words,
        semantic: vector?.tellsWords ? SEMANTIC_CHANNELS.builtIn : SEMANTIC_CHANNELS.model,
      }),
    );
    return {
      candidateCount: merged.length,
      ranked: ranked.slice(0, limit),
      exhaustive: indexed.exhaustive,
      candidates: indexed.candidates,
      degraded,
    };
  }

  /** What the tenant's index knows of the question, and its vector, which a model of words makes of that. */
  async #look({ tenantId, query, mode, places }: RecallRequest): Promise<LookedUp> {
    const { spaces } = this.parts;
    const read = (): Promise<KnownQuestion> => this.#questions.read(tenantId, query, places);
    if (mode === 'lexical') return { question: await read(), degraded: [] };
    const space = await spaces.of(tenantId);
    const { made: embedder, degraded } = await orDegraded(() => spaces.embedders.of(space));
    if (!embedder) return { question: await read(), degraded };
    if (embedder.embedQuery) {
      const question = await read();
      const numbers = await embedder.embedQuery(question.text, question.weights);
      return { question, vector: { space, numbers, tellsWords: true }, degraded };
    }
    const [known, embedded] = await Promise.all([
      mode === 'semantic' ? undefined : read(),
      // The beginning alone, as of its words: a model refuses what is longer than its window.
      orDegraded(() => betweenTurns(() => embedder.embed([readQuestion(query).text], 'query'))),
    ]);
    const [numbers] = embedded.made ?? [];
    const question = known ?? (numbers ? this.#questions.unread(query) : await read());
    return {
      question,
      vector: numbers && { space, numbers, tellsWords: false },
      degraded: embedded.degraded,
    };
  }
}

interface LookedUp {
  readonly question: KnownQuestion;
  readonly vector?: QueryVector | undefined;
  readonly degraded: readonly Degradation[];
}

/** What was made, or why words alone have to do. */
async function orDegraded<T>(
  make: () => T | Promise<T>,
): Promise<{ readonly made?: T; readonly degraded: readonly Degradation[] }> {
  try {
    return { made: await make(), degraded: [] };
  } catch (error) {
    const degradation = searchedByWords(error);
    if (!degradation) throw error;
    return { degraded: [degradation] };
  }
}
