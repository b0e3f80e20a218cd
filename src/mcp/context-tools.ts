import { z } from 'zod';
import {
  MAX_MEMORIES,
  MAX_MODEL,
  MAX_PROMPT,
  MAX_TIER,
  type CompileRequest,
} from '../context/compile-request.js';
import { SEARCH_SCOPES } from '../context/context-search.js';
import { MAX_AGENT_ID } from '../memory/memory-input.js';
import { PROMPT_FORMATS } from '../working-context/prompt-format.js';
import { SECTIONS } from '../working-context/token-budget.js';
import { OVERFLOWS } from '../working-context/working-context.js';
import { FILTER } from './memory-tools.js';
import { THREAD_ID } from './session-tools.js';
import { defineTool, type McpTool } from './tool.js';
import { DEGRADED } from './view-schemas.js';

const share = z.number().min(0).max(1);
const COUNT = z.int();

const compileContext = defineTool({
  name: 'compile_context',
  title: 'Compile a context',
  description:
    'Makes what a model is to see now, within a token budget: the system prompt, the history of a conversation that fits, ' +
    'the memories that matter to the task, and the task. The receipt says of each part why it is in or out.',
  input: z.strictObject({
    threadId: THREAD_ID,
    systemPrompt: z.string().max(MAX_PROMPT).describe('May be empty.'),
    task: z
      .looseObject({ description: z.string().min(1).max(MAX_PROMPT) })
      .describe('What is to be done now; memories are searched by its description. Further fields are kept.'),
    modelTier: z
      .string()
      .min(1)
      .max(MAX_TIER)
      .optional()
      .describe('The name of a token budget of the service, such as `fast` or `reasoning`.'),
    model: z.string().min(1).max(MAX_MODEL).optional().describe('The model whose tokens are counted.'),
    budget: z
      .strictObject({
        total: z.int().min(1).optional().describe('Not more than the largest tier has.'),
        shares: z
          .strictObject(
            Object.fromEntries(SECTIONS.map((section) => [section, share])) as Record<
              (typeof SECTIONS)[number],
              typeof share
            >,
          )
          .optional()
          .describe('They add up to 1.'),
      })
      .optional()
      .describe('Another size or other shares than those of the tier.'),
    agentId: z.string().min(1).max(MAX_AGENT_ID).optional().describe('Only memories of this agent.'),
    filter: FILTER.optional(),
    memoryLimit: z
      .int()
      .min(0)
      .max(MAX_MEMORIES)
      .optional()
      .describe('At most this many memories; default 10.'),
    recallScope: z
      .enum(SEARCH_SCOPES)
      .optional()
      .describe('Memories (default), messages that fell out of the history, or both.'),
    spillOver: z
      .boolean()
      .optional()
      .describe('What a section leaves unused goes to the next that needs it.'),
    overflow: z
      .enum(OVERFLOWS)
      .optional()
      .describe('What becomes of a system prompt or a task that is more than its share; default truncate.'),
    format: z
      .enum(PROMPT_FORMATS)
      .optional()
      .describe('Adds `prompt`: the context as messages of this form, ready to send.'),
  }),
  output: z.looseObject({
    systemPrompt: z.string(),
    messages: z.array(z.looseObject({ role: z.string() })).describe('The history that fits, oldest first.'),
    context: z.string().describe('The memories that fit, as one fenced block.'),
    task: z.looseObject({ description: z.string() }),
    tokenUsage: z.looseObject({
      total: COUNT,
      system: COUNT,
      session: COUNT,
      memory: COUNT,
      task: COUNT,
    }),
    budget: z.looseObject({ tier: z.string(), total: COUNT }),
    degraded: DEGRADED,
    receipt: z.looseObject({
      items: z.array(
        z.looseObject({
          tier: z.string(),
          id: z.string(),
          tokens: COUNT,
          decision: z.string(),
          reason: z.string(),
        }),
      ),
      hash: z.string().describe('Equal contexts have equal hashes.'),
    }),
    prompt: z.looseObject({}).optional(),
  }),
  // It leaves a receipt, as a log would; what the tenant stored is as it was.
  annotations: { readOnlyHint: true, openWorldHint: false },
  scope: 'read',
  run: (request, { context }) => context.compileWorkingContext(request as CompileRequest),
});

export const CONTEXT_TOOLS: readonly McpTool[] = [compileContext];
