import { z } from 'zod';
import { SEARCH_SCOPES, type FoundItem } from '../context/context-search.js';
import type { MemoryFilter } from '../memory/memory-filter.js';
import { MAX_AGENT_ID, MAX_CONTENT, MAX_LABEL } from '../memory/memory-input.js';
import { MAX_RESULTS } from '../memory/memory-query.js';
import { RECALL_MODES } from '../recall/rank.js';
import { MAX_THREAD_ID } from '../session/thread-id.js';
import { defineTool, type McpTool } from './tool.js';
import { DEGRADED, MEMORY, STORED_MESSAGE } from './view-schemas.js';

const AGENT_ID = z.string().min(1).max(MAX_AGENT_ID);
const LABEL = z.string().min(1).max(MAX_LABEL).optional();
const MOMENT = z.string();

/** How memories are narrowed down; `docs/filters.md` has all of it, and the tier checks it. */
export const FILTER = z
  .record(z.string(), z.unknown())
  .describe(
    'Only memories that match every field, such as {"speaker":"Ada"}, {"metadata.kind":{"in":["preference","fact"]}} or ' +
      '{"occurredAt":{"gte":"2026-05-01"}}. Fields: agentId, threadId, speaker, role, seq, occurredAt, createdAt, updatedAt, ' +
      'metadata.<path>; operators: eq, ne, in, nin, gt, gte, lt, lte, exists; combined by and, or, not.',
  );

const remember = defineTool({
  name: 'remember',
  title: 'Remember',
  description:
    'Stores one fact, preference or event in long-term memory, for later conversations. Write it so that it is ' +
    'understood without this conversation: one sentence with names and dates. Never store secrets.',
  input: z.strictObject({
    content: z.string().min(1).max(MAX_CONTENT).describe('What is to be known, in plain sentences.'),
    agentId: AGENT_ID.describe(
      'Whose memory it is: the name of the assistant or application, the same each time.',
    ),
    metadata: z
      .record(z.string(), z.unknown())
      .optional()
      .describe('Anything to filter by later, such as {"kind":"preference"}; at most 65,536 characters.'),
    source: z
      .strictObject({
        threadId: LABEL.describe('The conversation in which it was said.'),
        seq: z.int().min(0).optional().describe('The place of the message in that conversation.'),
        speaker: LABEL.describe('Who said it.'),
        role: LABEL,
        occurredAt: MOMENT.optional().describe('ISO 8601: when it was said, such as 2026-05-08T13:56:00Z.'),
      })
      .nullish()
      .describe('Where it comes from.'),
    deduplicate: z
      .boolean()
      .optional()
      .describe(
        'True: if the agent has a memory that says the same, that one is counted once more (`copies`) and nothing ' +
          'new is stored. Default false.',
      ),
  }),
  output: MEMORY,
  annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
  scope: 'write',
  run: ({ deduplicate, ...memory }, { memory: memories }) =>
    memories.store(memory, deduplicate === undefined ? {} : { deduplicate }),
});

const recall = defineTool({
  name: 'recall',
  title: 'Recall',
  description:
    'Searches long-term memory, and on request the messages of one conversation, by words and by meaning. Use it before ' +
    'answering anything that may depend on what was said earlier. Results come best first, each with its scores.',
  input: z.strictObject({
    query: z.string().min(1).max(MAX_CONTENT).describe('A question or a few words, in plain language.'),
    limit: z.int().min(1).max(MAX_RESULTS).optional().describe('At most this many results; default 10.'),
    agentId: AGENT_ID.optional().describe('Only memories of this agent.'),
    filter: FILTER.optional(),
    scope: z
      .enum(SEARCH_SCOPES)
      .optional()
      .describe('Memories (default), the messages of the thread `threadId`, or both.'),
    threadId: z
      .string()
      .min(1)
      .max(MAX_THREAD_ID)
      .optional()
      .describe('Needed by the scopes `thread` and `both`, and by no other.'),
    mode: z
      .enum(RECALL_MODES)
      .optional()
      .describe('By words and meaning (hybrid, default), or by one alone.'),
    asOf: MOMENT.optional().describe('ISO 8601: memories as they were at this moment.'),
  }),
  output: z.looseObject({
    results: z.array(
      z.looseObject({
        score: z.number().describe('Higher is better; comparable within one answer alone.'),
        scores: z.looseObject({ lexical: z.number().nullable(), semantic: z.number().nullable() }),
        memory: MEMORY.optional(),
        threadId: z.string().optional(),
        message: STORED_MESSAGE.optional(),
      }),
    ),
    exhaustive: z.boolean().describe('False when not all that may be as near could be compared.'),
    degraded: DEGRADED,
  }),
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'read',
  run: async ({ query, filter, ...options }, { search }) => {
    const narrowed = filter === undefined ? options : { ...options, filter: filter as MemoryFilter };
    const { results, ...found } = await search.find(query, narrowed);
    return { results: results.map(withoutTokens), ...found };
  },
});

/** Tokens matter to a prompt alone; REST leaves them out too. */
function withoutTokens(item: FoundItem): FoundItem {
  if (!('memory' in item)) return item;
  const { memory, score, scores } = item;
  return { memory, score, scores };
}

const FORGETTING = ['retract', 'delete'] as const;

const forget = defineTool({
  name: 'forget',
  title: 'Forget',
  description:
    'Takes one memory out of recall. By default it is retracted: no search and no prompt finds it, its history stays, and ' +
    'it can be brought back. With how: "delete" it is erased for ever with its history. Find its memoryId by `recall`.',
  input: z.strictObject({
    memoryId: z.string().min(1).max(MAX_LABEL).describe('The memoryId that `remember` or `recall` gave.'),
    how: z
      .enum(FORGETTING)
      .optional()
      .describe('`retract` (default) keeps its history; `delete` cannot be undone.'),
  }),
  output: z.looseObject({
    memoryId: z.string(),
    how: z.enum(FORGETTING),
    retractedAt: z.string().nullable().describe('Since when it is out of recall; null when it was deleted.'),
  }),
  // A second call does no more: a retracted memory stays so, and of a deleted one it says that there is none.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  scope: 'write',
  run: async ({ memoryId, how = 'retract' }, { memory }) => {
    if (how === 'retract') {
      const known = await memory.get(memoryId);
      const retracted =
        known.retractedAt === null ? await memory.update(memoryId, { retracted: true }) : known;
      return { memoryId, how, retractedAt: retracted.retractedAt };
    }
    await memory.delete(memoryId);
    return { memoryId, how, retractedAt: null };
  },
});

export const MEMORY_TOOLS: readonly McpTool[] = [remember, recall, forget];
