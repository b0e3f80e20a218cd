import { Inject, Injectable, Logger } from '@nestjs/common';
import { requireInteger, requireStorable, requireText } from '../database/storable.js';
import { EmbeddingsUnavailableError, InvalidEmbeddingError, InvalidInputError } from '../errors.js';
import { LongTermMemory } from '../memory/long-term-memory.js';
import { MAX_AGENT_ID, MAX_CONTENT, type NewMemory } from '../memory/memory-input.js';
import type { MemoryEntry, ScoredMemory } from '../memory/memory-entry.entity.js';
import type { SearchOptions } from '../memory/memory-query.js';
import { MAX_PAGE, SessionStore } from '../session/session-store.js';
import { requireThreadId } from '../session/thread-id.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { resolveBudget, TOKEN_BUDGET, type TokenBudget } from '../working-context/token-budget.js';
import { WorkingContextCompiler } from '../working-context/working-context-compiler.js';
import type { Degradation, Task, WorkingContext } from '../working-context/working-context.js';

/** In UTF-16 units; what does not fit the budget is cut, what is larger than this is a mistake. */
const MAX_PROMPT = 1_000_000;
/** Tokens of the shortest message: overhead, role and one token of text. */
const SMALLEST_MESSAGE = 5;

export interface CompileRequest {
  threadId: string;
  systemPrompt: string;
  /** What the model is to do now; its description is also what memories are searched by. */
  task: Task;
  /** Default: the default tier of the token budget. */
  modelTier?: string;
  /** Only memories of this agent. */
  agentId?: string;
  /** At most this many memories; default 10, 0 for none. */
  memoryLimit?: number;
  /** What a section leaves unused goes to the next that needs it. */
  spillOver?: boolean;
}

/** The three tiers joined: one call gives what a model is to see next. */
@Injectable()
export class ContextManager {
  readonly #logger = new Logger(ContextManager.name);

  constructor(
    /** Tier 1, for threads and for `graph.compile({ checkpointer: context.session.checkpointer })`. */
    readonly session: SessionStore,
    private readonly memory: LongTermMemory,
    private readonly compiler: WorkingContextCompiler,
    private readonly tenants: TenantContext,
    @Inject(TOKEN_BUDGET) private readonly budget: TokenBudget,
  ) {}

  /**
   * Reads the thread's history and recalls memories, in parallel, and compiles both with the system
   * prompt and the task into a context within the tier's budget. When memories cannot be recalled, the
   * context is compiled without them and says so in `degraded`.
   * @throws InvalidInputError, UnknownTierError, BudgetExceededError, TenantRequiredError
   */
  async compileWorkingContext(request: CompileRequest): Promise<WorkingContext> {
    this.tenants.require();
    validate(request);
    const { threadId, systemPrompt, task, modelTier = this.budget.defaultTier, spillOver } = request;
    const caps = resolveBudget(this.budget, modelTier);
    const limit = Math.min(MAX_PAGE, Math.ceil(caps.total / SMALLEST_MESSAGE));
    const degraded: Degradation[] = [];
    const [sessionMessages, relevantMemories] = await Promise.all([
      this.session.getSessionMessages(threadId, { limit }),
      this.#recall(request, degraded),
    ]);
    const context = this.compiler.compile({
      threadId,
      systemPrompt,
      sessionMessages,
      relevantMemories,
      task,
      modelTier,
      degraded,
      ...(spillOver !== undefined && { spillOver }),
    });
    this.#logger.log({
      event: 'context_compiled',
      tenantId: this.tenants.require(),
      tier: context.budget.tier,
      tokenUsage: context.tokenUsage,
      budget: context.budget,
      degraded: context.degraded.map(({ code }) => code),
    });
    return context;
  }

  /** See {@link LongTermMemory.store}. */
  storeMemory(memory: NewMemory): Promise<MemoryEntry> {
    return this.memory.store(memory);
  }

  /** See {@link LongTermMemory.search}. */
  searchMemory(query: string, options: SearchOptions = {}): Promise<ScoredMemory[]> {
    return this.memory.search(query, options);
  }

  async #recall(
    { task, agentId, memoryLimit = 10 }: CompileRequest,
    degraded: Degradation[],
  ): Promise<ScoredMemory[]> {
    if (memoryLimit === 0) return [];
    try {
      // A description may be longer than a query; what it is about stands at its beginning.
      const query = task.description.slice(0, MAX_CONTENT).toWellFormed();
      return await this.memory.search(query, {
        limit: memoryLimit,
        ...(agentId !== undefined && { agentId }),
      });
    } catch (error) {
      if (!(error instanceof EmbeddingsUnavailableError || error instanceof InvalidEmbeddingError))
        throw error;
      degraded.push({
        code: error.code,
        detail: 'Memories could not be recalled, so there are none in this context.',
      });
      return [];
    }
  }
}

function validate({
  threadId,
  systemPrompt,
  task,
  modelTier,
  agentId,
  memoryLimit,
  spillOver,
}: CompileRequest): void {
  requireThreadId(threadId);
  if (typeof systemPrompt !== 'string') refuse('systemPrompt', 'must be a string');
  if (systemPrompt.length > MAX_PROMPT) refuse('systemPrompt', `must have at most ${MAX_PROMPT} characters`);
  requireStorable(systemPrompt, 'systemPrompt');
  if (typeof task !== 'object' || (task as unknown) === null || Array.isArray(task))
    refuse('task', 'must be an object with a description');
  requireText(task.description, 'task.description', MAX_PROMPT);
  if (task.description.trim() === '') refuse('task.description', 'must not be blank');
  requireStorable(task, 'task');
  if (modelTier !== undefined) requireText(modelTier, 'modelTier', 64);
  if (agentId !== undefined) requireText(agentId, 'agentId', MAX_AGENT_ID);
  if (memoryLimit !== undefined) requireInteger(memoryLimit, 'memoryLimit', 0, 1_000);
  if (spillOver !== undefined && typeof spillOver !== 'boolean') refuse('spillOver', 'must be true or false');
}

function refuse(field: string, message: string): never {
  throw new InvalidInputError([{ field, message }]);
}
