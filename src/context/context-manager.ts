import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { TRIPTYCH_OPTIONS, type TriptychOptions } from '../config/options.js';
import { Database } from '../database/database.js';
import { LongTermMemory } from '../memory/long-term-memory.js';
import type { NewMemory } from '../memory/memory-input.js';
import { memoryLine } from '../memory/memory-line.js';
import type { MemoryEntry, ScoredMemory } from '../memory/memory-entry.entity.js';
import type { SearchOptions } from '../memory/memory-query.js';
import type { StoredMessage } from '../session/message.js';
import type { RecentHistory } from '../session/recent-history.js';
import { SessionStore } from '../session/session-store.js';
import { Meter } from '../telemetry/meter.js';
import { inSpan, inSyncSpan } from '../telemetry/spans.js';
import { TenantContext } from '../tenancy/tenant-context.js';
import { countMessageInTurns } from '../tokens/message-tokens.js';
import { countingWith } from '../tokens/model-counting.js';
import { TokenCounter } from '../tokens/token-counter.js';
import { TokenCounters } from '../tokens/token-counters.js';
import { renderPrompt, type Prompt } from '../working-context/format-prompt.js';
import { taskMessage } from '../working-context/prompt.js';
import type { Receipt } from '../working-context/receipt.js';
import { fingerprintsOf, sharedPrefix, type Fingerprints } from '../working-context/shared-prefix.js';
import {
  resolveBudget,
  spillsOver,
  TOKEN_BUDGET,
  type TokenBudget,
} from '../working-context/token-budget.js';
import { WorkingContextCompiler } from '../working-context/working-context-compiler.js';
import type {
  CompileInput,
  Counting,
  RelevantMemory,
  WorkingContext,
} from '../working-context/working-context.js';
import { validateCompile, type CompileRequest } from './compile-request.js';
import { ContextReceipts } from './context-receipts.js';
import { ContextRecall } from './context-recall.js';
import { HistoryFolding } from './history-folding.js';

/** In another encoding a thread may have fewer tokens than were counted when it was written: read more of it then. */
const OTHER_ENCODING = 2;

/** A working context, and what it is as a request to a provider where a format was asked for. */
export interface CompiledContext extends WorkingContext {
  /** The parts of the context as the format wants them, ready to send. */
  prompt?: Prompt;
}

/** The three tiers joined: one call gives what a model is to see next. */
@Injectable()
export class ContextManager {
  readonly #logger = new Logger(ContextManager.name);

  constructor(
    /** Tier 1, for threads and for `graph.compile({ checkpointer: context.session.checkpointer })`. */
    readonly session: SessionStore,
    private readonly memory: LongTermMemory,
    private readonly recall: ContextRecall,
    private readonly compiler: WorkingContextCompiler,
    private readonly receipts: ContextReceipts,
    private readonly folding: HistoryFolding,
    private readonly tenants: TenantContext,
    private readonly counter: TokenCounter,
    private readonly counters: TokenCounters,
    @Inject(TOKEN_BUDGET) private readonly budget: TokenBudget,
    @Inject(TRIPTYCH_OPTIONS) private readonly options: TriptychOptions,
    @Inject(Database) private readonly database: Database,
    @Optional() private readonly meter?: Meter,
  ) {}

  /**
   * Reads the thread's newest history and recalls memories, in parallel, and compiles both with the system
   * prompt and the task into a context within the tier's budget. When memories cannot be recalled in time, the
   * context is compiled without them and says so in `degraded`.
   * @throws InvalidInputError, UnknownTierError, BudgetExceededError, TenantRequiredError
   */
  async compileWorkingContext(request: CompileRequest): Promise<CompiledContext> {
    const tenantId = this.tenants.require();
    validateCompile(request);
    const tell = this.meter?.start('compile');
    return inSpan('compile', async (span) => {
      const context = await this.#compile(request, tenantId);
      const { budget, tokenUsage, receipt } = context;
      const degraded = context.degraded.map(({ code }) => code);
      span.setAttributes({
        'triptych.tier': budget.tier,
        'triptych.tokens': tokenUsage.total,
        'triptych.tokens.budget': budget.total,
        'triptych.degraded': degraded,
      });
      const { tier, sections, items, unread, sharedPrefix } = receipt;
      tell?.({ tier, sections, items, unread, degraded, sharedPrefix: sharedPrefix?.share });
      return context;
    });
  }

  async #compile(request: CompileRequest, tenantId: string): Promise<CompiledContext> {
    const { threadId, systemPrompt, task, agentId, filter } = request;
    const { memoryLimit = 10, recallScope = 'memories' } = request;
    const counting = this.#counting(request.model);
    const tokens = this.#historyTokens(request, counting);
    // Long texts are counted here, letting others run meanwhile, and known to the compiler then.
    await inSpan('compile count', async () => {
      for (const text of [systemPrompt, task.description, taskMessage(task).content as string])
        await counting.counter.countInTurns(text);
    });
    const query = {
      query: task.description,
      threadId,
      scope: recallScope,
      limit: memoryLimit,
      agentId,
      filter,
    };
    const [history, recalled, previous] = await inSpan('compile load', () =>
      Promise.all([
        this.session.recentHistory(threadId, { tokens }),
        this.recall.find(query),
        this.receipts.previous(threadId),
      ]),
    );
    await this.#count(history.messages, recalled.memories, counting);
    const { modelTier, spillOver, ...asked } = request;
    const counts = { messages: history.messages.length, memories: recalled.memories.length };
    const context = inSyncSpan(
      'compile select',
      () =>
        this.compiler.compile({
          ...inputOf(asked),
          ...(modelTier !== undefined && { modelTier }),
          ...(spillOver !== undefined && { spillOver }),
          memoryLimit,
          counting,
          sessionMessages: history.messages,
          unread: history.unread,
          summary: history.summary,
          relevantMemories: recalled.memories,
          degraded: recalled.degraded,
        }),
      { attributes: { 'triptych.messages': counts.messages, 'triptych.memories': counts.memories } },
    );
    this.#keepReceipt(context, history, threadId, previous);
    const { leftOutThrough } = context.receipt;
    const offer = (): void => {
      this.folding.offer(threadId, leftOutThrough);
    };
    if (this.database.isInUnitOfWork) this.database.afterCommit(offer);
    else offer();
    const compiled = request.format === undefined ? context : withPrompt(context, request.format);
    this.#logger.log({
      event: 'context_compiled',
      tenantId,
      tier: compiled.budget.tier,
      tokenUsage: compiled.tokenUsage,
      budget: compiled.budget,
      degraded: compiled.degraded.map(({ code }) => code),
    });
    return compiled;
  }

  /** See {@link LongTermMemory.store}. */
  storeMemory(memory: NewMemory): Promise<MemoryEntry> {
    return this.memory.store(memory);
  }

  /** See {@link LongTermMemory.search}. */
  searchMemory(query: string, options: SearchOptions = {}): Promise<ScoredMemory[]> {
    return this.memory.search(query, options);
  }

  /** For a model that the request names, or as the settings say. */
  #counting(model: string | undefined): Counting {
    const of = model === undefined ? this.options.budget : { model };
    const { encoding, safetyFactor } = countingWith(of);
    const isDefault = model === undefined || encoding === this.counter.encoding;
    const counter = isDefault ? this.counter : this.counters.of(encoding);
    return { counter, safetyFactor, ...(of.model !== undefined && { model: of.model }) };
  }

  /** In turns: what was stored with the counts of another encoding than the model's, and messages that were recalled. */
  async #count(messages: StoredMessage[], memories: RelevantMemory[], counting: Counting): Promise<void> {
    const { counter } = counting;
    const isStored = counter.encoding === this.counter.encoding;
    for (const relevant of memories)
      if (!isStored || relevant.tokens === undefined)
        relevant.tokens = await counter.countInTurns([memoryLine(relevant.memory)]);
    if (isStored) return;
    for (const message of messages) {
      const { id: _, seq: _1, tokens: _2, createdAt: _3, ...counted } = message;
      message.tokens = await countMessageInTurns(counter, counted);
    }
    counting.isCounted = true;
  }

  /** Tokens that the history may have at most. */
  #historyTokens(
    { modelTier, budget, spillOver }: CompileRequest,
    { counter, safetyFactor }: Counting,
  ): number {
    const caps = resolveBudget(this.budget, { tier: modelTier, change: budget, safetyFactor });
    const { sessionHistory, systemPrompt, relevantContext } = caps;
    const spills = spillOver ?? spillsOver(this.budget, modelTier);
    const tokens = sessionHistory + (spills ? systemPrompt + relevantContext : 0);
    return counter.encoding === this.counter.encoding ? tokens : OTHER_ENCODING * tokens;
  }

  /** A thread without a session has no receipt: nothing would ever end it. */
  #keepReceipt(
    context: WorkingContext,
    { sessionId }: RecentHistory,
    threadId: string,
    previous: Fingerprints | undefined,
  ): void {
    if (!this.receipts.isOn || sessionId === undefined) return;
    const { receipt, tokenUsage } = context;
    const sent = receipt.items.filter(({ tier, decision }) => tier === 'session' && decision !== 'dropped');
    const fingerprints = fingerprintsOf(context, {
      ...tokenUsage,
      messages: sent.map(({ tokens }) => tokens),
    });
    const issued: Receipt = {
      ...receipt,
      id: this.receipts.newId(),
      ...(previous && { sharedPrefix: sharedPrefix(previous, fingerprints) }),
    };
    context.receipt = issued;
    this.receipts.keep({
      receiptId: issued.id as string,
      threadId,
      sessionId,
      receipt: issued,
      fingerprints,
    });
  }
}

/** What the compiler is given as it was asked for. */
function inputOf({
  threadId,
  systemPrompt,
  task,
  budget,
  overflow,
  format,
}: CompileRequest): Pick<
  CompileInput,
  'threadId' | 'systemPrompt' | 'task' | 'budget' | 'overflow' | 'format'
> & { threadId: string } {
  return { threadId, systemPrompt, task, budget, overflow, format };
}

function withPrompt(context: WorkingContext, format: NonNullable<CompileRequest['format']>): CompiledContext {
  const { prompt, degraded } = renderPrompt(context, format);
  return { ...context, prompt, degraded: [...context.degraded, ...degraded] };
}
