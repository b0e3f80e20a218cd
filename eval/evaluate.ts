import type { ScoredMemory } from '../src/memory/memory-entry.entity.js';
import type { RecallMode } from '../src/recall/rank.js';
import { type Dataset, type Query } from './datasets.js';
import { type Figures, type Outcome, summarize } from './figures.js';
import { type Service } from './service.js';
import { misspell } from './misspell.js';
import {
  eraseConversation,
  storeConversation,
  type StoredConversation,
  THREAD,
} from './store-conversation.js';

/** Results of a search that are judged; the largest k of the recall figures. */
const SEARCH_LIMIT = 25;
/** Each question is asked with as many mistakes, one at a time. */
const SLIPS = [1, 2, 3];
/**
 * One memory is offered to a compiled context for so many tokens of its tier. A turn takes about 100 in the
 * prompt and memories have a third of the tier, so that the budget decides and not this number, even when the
 * history says most of them already.
 */
const TOKENS_PER_MEMORY = 100;
/** The service recalls no more. */
const MOST_MEMORIES = 1_000;
const SYSTEM_PROMPT =
  'Answer the question from the conversation and the memories. Say so when they do not tell.';

/**
 * Measures one data set. Each conversation becomes a tenant, is asked its questions and is erased again.
 * @param tenantPrefix makes the tenants of this run distinct from those of any other
 * @param progress called with a line for each conversation
 */
export async function evaluate(
  service: Service,
  { name, tenants: conversations }: Dataset,
  tenantPrefix: string,
  progress: (line: string) => void,
): Promise<Figures> {
  const outcomes: Outcome[] = [];
  const notes: string[] = [];
  for (const [index, conversation] of conversations.entries()) {
    const began = performance.now();
    const questions = conversation.queries.filter(({ rel }) => rel.length > 0);
    await service.tenants.run(`${tenantPrefix}-${index + 1}`, async () => {
      const stored = await storeConversation(service, conversation);
      notes.push(...stored.notes);
      for (const question of questions) outcomes.push(await ask(service, stored, question));
      await eraseConversation(service, stored);
    });
    notes.push(...doubts(conversation));
    progress(
      `${name}: conversation ${index + 1} of ${conversations.length}, ${conversation.docs.length} documents, ` +
        `${questions.length} questions, ${((performance.now() - began) / 1000).toFixed(1)} s`,
    );
  }
  return {
    dataset: name,
    conversations: conversations.length,
    documents: conversations.reduce((total, { docs }) => total + docs.length, 0),
    ...summarize(outcomes, [...service.tiers.keys()]),
    notes,
  };
}

/** Searches in several ways, and compiles the working context of every tier in both ways, for a question with evidence. */
async function ask(
  { context, tiers }: Service,
  { memories, messages }: StoredConversation,
  { q, rel }: Query,
): Promise<Outcome> {
  const relevant = new Set(rel);
  const began = performance.now();
  const results = await context.searchMemory(q, { limit: SEARCH_LIMIT });
  const searchMs = performance.now() - began;
  const idsOf = (found: readonly ScoredMemory[]): string[] =>
    found.map(({ memory }) => memories.get(memory.memoryId) ?? memory.memoryId);
  const ranked = idsOf(results);
  const find = async (query: string, mode: RecallMode): Promise<string[]> =>
    idsOf(await context.searchMemory(query, { limit: SEARCH_LIMIT, mode }));
  const otherwise = {
    words: [await find(q, 'lexical')],
    vectors: [await find(q, 'semantic')],
    misspelt: await Promise.all(SLIPS.map((seed) => find(misspell(q, seed), 'hybrid'))),
  };
  const kept = async (tier: string, tokens: number, spillOver: boolean): Promise<number> => {
    const { receipt, degraded } = await context.compileWorkingContext({
      threadId: THREAD,
      systemPrompt: SYSTEM_PROMPT,
      task: { description: q },
      modelTier: tier,
      memoryLimit: Math.min(MOST_MEMORIES, Math.ceil(tokens / TOKENS_PER_MEMORY)),
      spillOver,
    });
    // A context without its memories would pass for one that lost the evidence.
    if (degraded.length > 0) throw new Error(`A context is degraded: ${JSON.stringify(degraded)}`);
    const whole = new Set(
      receipt.items
        .filter(({ decision }) => decision === 'kept')
        .map(({ id }) => memories.get(id) ?? messages.get(id)),
    );
    return [...relevant].filter((id) => whole.has(id)).length / relevant.size;
  };
  const evidenceKept: Record<string, number> = {};
  const evidenceKeptSpilling: Record<string, number> = {};
  for (const [tier, tokens] of tiers) {
    evidenceKept[tier] = await kept(tier, tokens, false);
    evidenceKeptSpilling[tier] = await kept(tier, tokens, true);
  }
  return { ranked, relevant, searchMs, evidenceKept, evidenceKeptSpilling, otherwise };
}

/** What in a conversation makes its figures less than they seem. */
function doubts({ id, docs, queries }: Dataset['tenants'][number]): string[] {
  const known = new Set(docs.map((document) => document.id));
  const unknown = queries.flatMap(({ rel }) => rel).filter((document) => !known.has(document)).length;
  const without = queries.filter(({ rel }) => rel.length === 0).length;
  return [
    ...(unknown > 0
      ? [`${id}: documents named as evidence that are not there, counted as missed: ${unknown}.`]
      : []),
    ...(without > 0 ? [`${id}: questions that name no evidence, not asked: ${without}.`] : []),
  ];
}
