import { ApiProperty, ApiPropertyOptional, ApiSchema, getSchemaPath } from '@nestjs/swagger';
import { DegradationView } from '../memory/memory.view.js';
import { MessageView } from '../session/session.view.js';
import { REASONS } from '../working-context/receipt.js';
import { SECTIONS } from '../working-context/token-budget.js';

@ApiSchema({ name: 'TokenUsage' })
export class TokenUsageView {
  @ApiProperty({
    type: 'integer',
    minimum: 0,
    description: 'The sum of the four others; never more than `budget.total`.',
  })
  total: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  system: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  session: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  memory: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'The task, and the priming of the reply.' })
  task: number;
}

@ApiSchema({ name: 'Budget' })
export class BudgetView {
  @ApiProperty({ example: 'reasoning' })
  tier: string;

  @ApiProperty({ type: 'integer', minimum: 0, example: 32_000, description: 'Tokens of the whole prompt.' })
  total: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  systemPrompt: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  sessionHistory: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  relevantContext: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  taskAndBuffer: number;
}

@ApiSchema({ name: 'BudgetShares' })
export class BudgetSharesView {
  @ApiProperty({ example: 0.15 })
  systemPrompt: number;

  @ApiProperty({ example: 0.35 })
  sessionHistory: number;

  @ApiProperty({ example: 0.35 })
  relevantContext: number;

  @ApiProperty({ example: 0.15 })
  taskAndBuffer: number;
}

@ApiSchema({ name: 'Budgets' })
export class BudgetsView {
  @ApiProperty({ example: 'reasoning' })
  defaultTier: string;

  @ApiProperty({ description: 'Whether a section may use what others leave over.' })
  spillOver: boolean;

  @ApiProperty({ example: 'cl100k_base' })
  encoding: string;

  @ApiProperty({ type: BudgetSharesView, description: 'Fractions of the total.' })
  shares: BudgetSharesView;

  @ApiProperty({ type: [BudgetView] })
  tiers: BudgetView[];
}

@ApiSchema({ name: 'SectionReceipt' })
export class SectionReceiptView {
  @ApiProperty({ enum: SECTIONS })
  section: string;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'The share of the section, in tokens.' })
  cap: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  used: number;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    description: 'Tokens used beyond the share, out of what others left over.',
  })
  spilled: number;
}

@ApiSchema({ name: 'ItemReceipt' })
export class ItemReceiptView {
  @ApiProperty({ enum: ['system', 'session', 'memory', 'task'] })
  tier: string;

  @ApiProperty()
  id: string;

  @ApiPropertyOptional()
  score?: number;

  @ApiProperty({ type: 'integer', minimum: 0 })
  tokens: number;

  @ApiProperty({ enum: ['kept', 'shortened', 'dropped'] })
  decision: string;

  @ApiProperty({ enum: REASONS, example: 'over_share' })
  reason: string;
}

@ApiSchema({ name: 'SharedPrefix' })
export class SharedPrefixView {
  @ApiProperty({ type: 'integer', minimum: 0, description: 'Leading messages that are the same.' })
  messages: number;

  @ApiProperty({ type: 'integer', minimum: 0, description: 'Their tokens.' })
  tokens: number;

  @ApiProperty({ description: 'Their part of all tokens of the prompt, 0 to 1.' })
  share: number;
}

@ApiSchema({ name: 'Receipt' })
export class ReceiptView {
  @ApiProperty({ type: 'integer', minimum: 0, example: 1 })
  version: number;

  @ApiProperty({ example: '0.1.0', description: 'The version of Triptych that compiled.' })
  compiler: string;

  @ApiPropertyOptional({
    format: 'uuid',
    description: 'For `GET /v1/context/receipts/{id}`; absent where the receipt is not kept.',
  })
  id?: string;

  @ApiProperty({ example: 'cl100k_base' })
  encoding: string;

  @ApiPropertyOptional({ example: 'gpt-4o', description: 'The model that the prompt is counted for.' })
  model?: string;

  @ApiProperty({
    example: 1,
    description: 'Tokens of the model for each token of the encoding, at most; the shares are divided by it.',
  })
  safetyFactor: number;

  @ApiProperty({ example: 'reasoning' })
  tier: string;

  @ApiProperty({ type: [SectionReceiptView] })
  sections: SectionReceiptView[];

  @ApiProperty({ type: [ItemReceiptView], description: 'Why each part is in the context, or is not.' })
  items: ItemReceiptView[];

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    description: 'Older messages of the thread that are not among the items.',
  })
  unread: number;

  @ApiProperty({
    type: 'integer',
    minimum: 0,
    description: 'The `seq` of the last message that was left out to make room; 0 for none.',
  })
  leftOutThrough: number;

  @ApiPropertyOptional({
    type: SharedPrefixView,
    description: 'What the prompt has in common with the one compiled before it for the thread.',
  })
  sharedPrefix?: SharedPrefixView;

  @ApiProperty({ description: 'SHA-256 of what is returned: equal contexts have equal hashes.' })
  hash: string;
}

@ApiSchema({ name: 'WorkingContext' })
export class WorkingContextView {
  @ApiProperty()
  systemPrompt: string;

  @ApiProperty({
    type: 'array',
    items: { $ref: getSchemaPath(MessageView) },
    description: 'The history that fits, oldest first.',
  })
  messages: MessageView[];

  @ApiProperty({ description: 'The memories that fit, as one fenced block.' })
  context: string;

  @ApiProperty({
    type: 'object',
    required: ['description'],
    selfRequired: true,
    properties: { description: { type: 'string' } },
    additionalProperties: true,
  })
  task: object;

  @ApiProperty({ type: TokenUsageView })
  tokenUsage: TokenUsageView;

  @ApiProperty({ type: BudgetView })
  budget: BudgetView;

  @ApiProperty({ type: [DegradationView], description: 'What could not be used for this context.' })
  degraded: DegradationView[];

  @ApiProperty({ type: ReceiptView })
  receipt: ReceiptView;

  @ApiPropertyOptional({
    type: 'object',
    additionalProperties: true,
    description:
      'With `format`: the context ready to send. `messages` of a chat-completions request, `system` and `messages` of ' +
      'Anthropic’s, or `messages` as LangChain stores them.',
  })
  prompt?: object;
}
