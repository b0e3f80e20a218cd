/** The whole public surface of Triptych as a library, by name. */
export { ContextManager, type CompiledContext } from './context/context-manager.js';
export type { CompileRequest } from './context/compile-request.js';
export {
  ContextSearch,
  type ContextSearchOptions,
  type FoundItem,
  type FoundItems,
  type ScoredMessage,
  type SearchScope,
} from './context/context-search.js';
export { ContextModule, type ContextModuleAsyncOptions } from './context/context.module.js';
export type { TriptychOptions, TriptychSettings } from './config/options.js';
export { loadOptions } from './config/load-options.js';

export { SessionModule } from './session/session.module.js';
export { SessionStore, type SessionSummary, type ThreadPage } from './session/session-store.js';
export type { ContentPart, Message, MessageRole, StoredMessage, ToolCall } from './session/message.js';

export { MemoryModule } from './memory/memory.module.js';
export { LongTermMemory, type ListOptions } from './memory/long-term-memory.js';
export type { SearchOptions } from './memory/memory-query.js';
export {
  MemoryEntry,
  type ChannelScores,
  type EmbeddingFailure,
  type EmbeddingStatus,
  type FoundMemories,
  type MemoryRevision,
  type MemorySource,
  type ScoredMemory,
} from './memory/memory-entry.entity.js';
export type { FilterCondition } from './memory/filter-condition.js';
export type { MemoryFilter } from './memory/memory-filter.js';
export type { MemoryChange, NewMemory } from './memory/memory-input.js';
export type { StoreOptions } from './memory/memory-writer.js';
export type { Degradation } from './recall/degradation.js';
export type { RewriteOptions, RewrittenIndex, TextSearch } from './recall/lexical-index.js';
export type { RecallMode } from './recall/rank.js';

export { WorkingContextModule } from './working-context/working-context.module.js';
export { WorkingContextCompiler } from './working-context/working-context-compiler.js';
export { assemblePrompt } from './working-context/prompt.js';
export {
  formatPrompt,
  renderPrompt,
  type OpenAIPrompt,
  type Prompt,
  type PromptOfFormat,
  type RenderedPrompt,
} from './working-context/format-prompt.js';
export { PROMPT_FORMATS, type PromptFormat } from './working-context/prompt-format.js';
export type { AnthropicMessage, AnthropicPrompt } from './working-context/anthropic-prompt.js';
export { toChatMessages, type LangChainPrompt } from './working-context/langchain-prompt.js';
export { parseContextBlock } from './working-context/memory-block.js';
export {
  DEFAULT_TOKEN_BUDGET,
  TOKEN_BUDGET,
  type BudgetChange,
  type ResolvedBudget,
  type Shares,
  type TierBudget,
  type TokenBudget,
} from './working-context/token-budget.js';
export type {
  ItemReceipt,
  Reason,
  Receipt,
  SectionReceipt,
  SharedPrefix,
} from './working-context/receipt.js';
export type {
  CompileInput,
  Counting,
  OfferedMemory,
  Overflow,
  RelevantMemory,
  Task,
  TokenUsage,
  WorkingContext,
} from './working-context/working-context.js';

export { TenancyModule } from './tenancy/tenancy.module.js';
export { TenantContext } from './tenancy/tenant-context.js';
export { AuditLog, type AuditEntry } from './tenancy/audit-log.js';
export { Authenticator, type Identity, type Scope } from './tenancy/authenticator.js';
export { RequireScope } from './tenancy/required-scope.js';
export { AuthenticationGuard, identityOf } from './tenancy/authentication.guard.js';
export { TenantInterceptor } from './tenancy/tenant.interceptor.js';

export {
  Summarizer,
  SummaryFailedError,
  type SpokenMessage,
  type SummaryRequest,
} from './summaries/summarizer.js';
export { ContextReceipts } from './context/context-receipts.js';
export { printReceipt } from './working-context/receipt-text.js';
export { Embedder, type EmbeddingKind, type QueryWeights } from './embeddings/embedder.js';
export { TokenCounter } from './tokens/token-counter.js';
export { TokenCounters } from './tokens/token-counters.js';
export { countingOf, type ModelCounting } from './tokens/model-counting.js';
export type { ReceiptPage } from './context/context-receipts.js';
export type { ReceiptSummary, StoredReceipt } from './context/stored-receipt.js';
export { ProblemFilter } from './http/problem.filter.js';
export * from './errors.js';
