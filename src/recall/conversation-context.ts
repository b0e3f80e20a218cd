import { type Candidate } from './candidate.js';
import { type FusedScores } from './fusion.js';
import { roleOf } from './heading.js';

/**
 * What a conversation adds to the score of what was said in it. Each figure is what is found less without it (R@10 in
 * points, with its 95 % interval; LoCoMo, people with names, and BEAM, users and assistants).
 */
const CONTEXT = {
  /** Of the turns before and after: 8.4 [6.6, 10.3] and 0.6 [-2.0, 3.2], with the next line. */
  next: 0.3,
  /** Of the turns next to these. */
  afterNext: 0.15,
  /** More of the turn before, of a short turn that answers it: 1.2 [0.5, 2.1] and -0.3 [-1.2, 0.5]. */
  answered: 0.3,
  /** Of the best turn of the thread: 1.3 [0.5, 2.1] and 0.3 [-0.8, 1.5]. */
  threadBest: 0.2,
  /** Of the question's terms that stand anywhere in the thread: 1.2 [0.4, 1.9] and 1.4 [0.4, 2.6]. */
  threadTerms: 0.2,
  /** Of a speaker whom the question names: 1.6 [0.6, 2.7], and nobody has a name. */
  named: 1.3,
  /** Of the user, whom an assistant only answers: nobody has a role, and 6.8 [3.9, 9.9]. */
  user: 1.3,
  /** Lost by a short turn that asks, and so does not tell: 1.3 [0.6, 2.3] and 0.0. */
  asking: 0.2,
  /** Up to so many UTF-16 units a turn is short; twice as long it counts half as much as one. */
  shortTurn: 200,
} as const;

const USERS: ReadonlySet<string> = new Set(['user', 'human']);
const ASSISTANTS: ReadonlySet<string> = new Set(['assistant', 'ai']);

/** Scores of the best turn and whether one asks for an answer, at each place of each thread. */
type Places = ReadonlyMap<string, ReadonlyMap<number, { readonly score: number; readonly asks: boolean }>>;

/**
 * Scores in the light of the conversation: what was said around a memory, in its thread, by whom. A memory of which
 * none of this is known keeps its score.
 *
 * The scores of turns are scaled so that the best has again what it had alone: or what was said in threads would stand
 * above all else that is known, for the company it keeps. Where every second conversation is stored without its
 * source, that finds 66.2 in place of 59.7 and 54.5 in place of 38.9 (R@10, LoCoMo and BEAM).
 *
 * @param isNamed whether the question names a speaker
 */
export function inConversation(
  candidates: readonly Candidate[],
  fused: FusedScores,
  isNamed: (speaker: string) => boolean,
): number[] {
  const places = placesOf(candidates, fused);
  const smoothed = candidates.map(
    (candidate, at) => (fused.scores[at] ?? 0) + evidenceAround(candidate, places),
  );
  const threads = threadEvidence(candidates, smoothed, fused);
  const raised = candidates.map(
    ({ threadId }, at) => (smoothed[at] ?? 0) + (threads.get(threadId ?? '') ?? 0),
  );
  const scale = highestInThread(candidates, fused.scores) / (highestInThread(candidates, raised) || 1);
  return candidates.map((candidate, at) => {
    const score = candidate.threadId == null ? (fused.scores[at] ?? 0) : scale * (raised[at] ?? 0);
    return score * factorOf(candidate, isNamed);
  });
}

/** Several memories may come from one turn, whose evidence counts once. */
function placesOf(candidates: readonly Candidate[], { scores }: FusedScores): Places {
  const places = new Map<string, Map<number, { score: number; asks: boolean }>>();
  for (const [at, candidate] of candidates.entries()) {
    const { threadId, seq, endsInQuestion, role, speaker } = candidate;
    if (threadId == null || seq == null) continue;
    const thread = places.get(threadId) ?? new Map<number, { score: number; asks: boolean }>();
    places.set(threadId, thread);
    const place = thread.get(seq);
    // An assistant ends nearly every message with a question, out of courtesy.
    const asks = endsInQuestion && !ASSISTANTS.has(roleOf(role, speaker));
    thread.set(seq, {
      score: Math.max(place?.score ?? 0, scores[at] ?? 0),
      asks: asks || (place?.asks ?? false),
    });
  }
  return places;
}

function evidenceAround({ threadId, seq, length }: Candidate, places: Places): number {
  if (threadId == null || seq == null) return 0;
  const thread = places.get(threadId);
  const scoreAt = (offset: number): number => thread?.get(seq + offset)?.score ?? 0;
  const answered = thread?.get(seq - 1)?.asks ? CONTEXT.answered * shortness(length) : 0;
  return (
    (CONTEXT.next + answered) * scoreAt(-1) +
    CONTEXT.next * scoreAt(1) +
    CONTEXT.afterNext * (scoreAt(-2) + scoreAt(2))
  );
}

/** What each thread as a whole says for all of its turns. */
function threadEvidence(
  candidates: readonly Candidate[],
  smoothed: readonly number[],
  { partOf }: FusedScores,
): Map<string, number> {
  const threads = new Map<string, { best: number; terms: Map<number, number> }>();
  for (const [at, candidate] of candidates.entries()) {
    if (candidate.threadId == null) continue;
    const thread = threads.get(candidate.threadId) ?? { best: 0, terms: new Map<number, number>() };
    threads.set(candidate.threadId, thread);
    thread.best = Math.max(thread.best, smoothed[at] ?? 0);
    for (const [index, term] of (candidate.terms ?? []).entries()) {
      const part = partOf(candidate.parts?.[index] ?? 0, candidate);
      thread.terms.set(term, Math.max(part, thread.terms.get(term) ?? 0));
    }
  }
  return new Map(
    Array.from(threads, ([threadId, { best, terms }]) => [
      threadId,
      CONTEXT.threadBest * best + CONTEXT.threadTerms * sumOf(terms),
    ]),
  );
}

/** In a certain order, as sums of floating-point numbers depend on it. */
function sumOf(parts: ReadonlyMap<number, number>): number {
  return [...parts.values()].sort((one, other) => one - other).reduce((sum, part) => sum + part, 0);
}

function highestInThread(candidates: readonly Candidate[], scores: readonly number[]): number {
  return candidates.reduce(
    (high, { threadId }, at) => (threadId == null ? high : Math.max(high, scores[at] ?? 0)),
    0,
  );
}

function factorOf(candidate: Candidate, isNamed: (speaker: string) => boolean): number {
  const { threadId, speaker, role, endsInQuestion, length } = candidate;
  const named = speaker && isNamed(speaker) ? CONTEXT.named : 1;
  if (USERS.has(roleOf(role, speaker))) return named * CONTEXT.user;
  const isAsking = endsInQuestion && threadId != null;
  return named * (isAsking ? 1 - CONTEXT.asking * shortness(length) : 1);
}

function shortness(length: number): number {
  return Math.min(1, CONTEXT.shortTurn / Math.max(1, length));
}
